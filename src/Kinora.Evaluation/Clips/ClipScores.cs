// What CLIP says about a clip, with the user's weights.
// Papers: Radford et al., arXiv:2103.00020; CLIPSIM: Wu et al., "GODIVA", arXiv:2104.14806: mean cosine of every frame with the prompt;
//   consistency by VBench's definition of background consistency: ½(max(0, cos previous) + max(0, cos first)) averaged over frames from the second.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Clips;

/// <summary>Scores of clips by CLIP. Dispose frees the network.</summary>
public sealed class ClipScores : IDisposable
{
    /// <summary>Mean cosine of frames and prompt, by name.</summary>
    public const string Similarity = "clipsim";

    /// <summary>Mean cosine of consecutive frames.</summary>
    public const string Coherency = "clip-image-coherency";

    /// <summary>Mean of clipped cosines with the previous and the first frame.</summary>
    public const string Consistency = "clip-image-consistency";

    private const int BatchSize = 16;
    private readonly ClipModel _clip;
    private readonly ClipImageProcessor _processor;
    private readonly TextTokenizer _tokenizer;
    private readonly Device _device;

    private readonly DType _precision;

    private ClipScores(ClipModel clip, ClipImageProcessor processor, TextTokenizer tokenizer, string sha256, Device device, DType precision)
    {
        _precision = precision;
        _clip = clip;
        _processor = processor;
        _tokenizer = tokenizer;
        _device = device;
        WeightsSha256 = sha256;
    }

    /// <summary>What is done to frames.</summary>
    public string Preprocessing => "every frame, the model's own preprocessor_config.json" + (_precision == DType.Float32 ? "" : $", products in {_precision.ShortName()}");

    /// <summary>Hash of the weights.</summary>
    public string WeightsSha256 { get; }

    /// <summary>Loads a folder in the layout of transformers: config.json, weights, tokenizer, preprocessor_config.json.</summary>
    public static ClipScores Load(string folder, Device device, DType precision = DType.Float32)
    {
        var processor = ClipImageProcessor.Load(folder);
        TextTokenizer tokenizer = TextTokenizer.Load(folder);
        string sha256;
        using (Checkpoint weights = Checkpoint.Open(folder))
            sha256 = weights.Sha256();
        return new ClipScores(ClipModel.Load(folder, device: device), processor, tokenizer, sha256, device, precision);
    }

    /// <summary>The scores of a clip; without a prompt, those of its frames alone.</summary>
    public IReadOnlyDictionary<string, double> Of(Clip clip, string? prompt)
    {
        ArgumentNullException.ThrowIfNull(clip);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        using var half = Autocast.Enter(_precision);
        var parts = new List<Tensor>();
        for (int start = 0; start < clip.Frames.Count; start += BatchSize)
            parts.Add(_clip.ImageEmbeds(_processor.Process([.. clip.Frames.Skip(start).Take(BatchSize)]).To(_device)));
        Tensor frames = Tensor.Cat(parts, 0).To(DType.Float64);                                   // [F, P] unit vectors
        var values = OverTime(frames);
        if (prompt is not null)
        {
            // Padding would stand behind the end token, which is the one that counts and sees nothing behind it.
            long[] tokens = [.. _tokenizer.Encode(prompt).Select(i => (long)i)];
            Tensor ids = Tensor.FromArray(tokens, 1, tokens.Length).To(_device);
            values[Similarity] = frames.Matmul(_clip.TextEmbeds(ids).To(DType.Float64).Transpose(0, 1)).Mean().Item();
        }
        return values;
    }

    /// <summary>Unit vectors of texts, one row each.</summary>
    public Features.FeatureMatrix Texts(IReadOnlyList<string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        using var inference = GradMode.Inference();
        var values = new List<double>();
        foreach (string text in texts)
        {
            using var scope = TensorScope.Enter();
            long[] tokens = [.. _tokenizer.Encode(text).Select(i => (long)i)];
            values.AddRange(_clip.TextEmbeds(Tensor.FromArray(tokens, 1, tokens.Length).To(_device)).To(Device.Cpu).To(DType.Float64).ToArray<double>());
        }
        return new Features.FeatureMatrix("texts", texts.Count, values.Count / Math.Max(1, texts.Count), [.. values]);
    }

    /// <summary>Coherency and consistency of unit vectors [F, P].</summary>
    public static Dictionary<string, double> OverTime(Tensor frames)
    {
        ArgumentNullException.ThrowIfNull(frames);
        using var scope = TensorScope.Enter();
        long n = frames.Size(0);
        Tensor later = frames.Narrow(0, 1, n - 1), toPrevious = (later * frames.Narrow(0, 0, n - 1)).Sum([1]), toFirst = (later * frames.Narrow(0, 0, 1)).Sum([1]);
        return new Dictionary<string, double>(StringComparer.Ordinal)
        {
            [Coherency] = toPrevious.Mean().Item(),
            [Consistency] = ((toPrevious.Clamp(min: 0) + toFirst.Clamp(min: 0)) * 0.5).Mean().Item(),
        };
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _clip.Path.Store.Dispose();
}

// How well the pictures of a clip and its caption agree by CLIP or SigLIP: the raw cosine, which no logit scale has touched, so that it
// can be compared between clips under one model. Thresholds of one model mean nothing to the other.
// Papers: Radford et al., arXiv:2103.00020, section 2.3; Zhai et al., arXiv:2303.15343, section 3.2. Change over a shot: Chen et al.,
// "Panda-70M", arXiv:2402.19479, section 3.1, with CLIP's features in place of ImageBind's.

using Kinora.Curation.Datasets;
using Kinora.Curation.Scores;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.Siglip;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Footage;

/// <summary>The optional scorers <see cref="ScorerSlot.Clip"/> and <see cref="ScorerSlot.Siglip"/>. Use it on the thread of the engine; dispose frees the network.</summary>
public sealed class MatchScorer : IClipScorer
{
    private const int Batch = 16;
    private readonly string _score, _givenScore;
    private readonly TextTokenizer _tokenizer;
    private readonly ClipImageProcessor _processor;
    private readonly Device _device;
    private readonly int _textLength;
    private readonly long? _padding;
    private readonly Func<Tensor, Tensor> _images, _texts;
    private readonly IDisposable _weights;

    private MatchScorer(string name, string score, string folder, Device device, int textLength, long? padding, Func<Tensor, Tensor> images, Func<Tensor, Tensor> texts, IDisposable weights)
    {
        (Name, _score, _givenScore, _device, _textLength, _padding, _images, _texts, _weights) = (name, score, score == ScoreNames.ClipMatch ? ScoreNames.ClipGivenMatch : ScoreNames.SiglipGivenMatch, device, textLength, padding, images, texts, weights);
        _processor = ClipImageProcessor.Load(folder);
        _tokenizer = TextTokenizer.Load(folder);
        using Checkpoint checkpoint = Checkpoint.Open(folder);
        Identity = $"{System.IO.Path.GetFileName(System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(folder)))} {checkpoint.Sha256()}";
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public string Identity { get; }

    /// <inheritdoc/>
    public bool NeedsEarlier => false;

    /// <inheritdoc/>
    public bool ReadsGivenText => true;

    /// <summary>The pass of the source at work; another scorer may read its features.</summary>
    internal MatchPass? Current { get; private set; }

    /// <summary>Loads CLIP from a folder in the layout of transformers: config.json, weights, tokenizer, preprocessor_config.json.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    /// <exception cref="ConfigException">A file of the folder is missing or wrong.</exception>
    public static MatchScorer LoadClip(string folder, Device device)
    {
        string file = System.IO.Path.Combine(folder, "config.json");
        var config = ClipConfig.Read(File.ReadAllBytes(file), file);
        var clip = ClipModel.Load(folder, device: device);
        // Padding would stand behind the end token, which is the one that counts and sees nothing behind it.
        return Checked(clip.Path.Store, () => new MatchScorer(ScorerSlot.Clip, ScoreNames.ClipMatch, folder, device, config.TextConfig.MaxPositionEmbeddings, null, clip.ImageEmbeds, clip.TextEmbeds, clip.Path.Store));
    }

    /// <summary>Loads SigLIP from a folder in the layout of transformers.</summary>
    /// <exception cref="CheckpointException">The weights are of another network.</exception>
    /// <exception cref="ConfigException">A file of the folder is missing or wrong.</exception>
    public static MatchScorer LoadSiglip(string folder, Device device)
    {
        var config = Models.ModelConfigJson.ReadFile(System.IO.Path.Combine(folder, "config.json"), SiglipJson.Default.SiglipConfig);
        var siglip = SiglipModel.Load(folder, device: device);
        // The last position is read, so prompts are padded to the full length, as in training.
        return Checked(siglip.Path.Store, () => new MatchScorer(ScorerSlot.Siglip, ScoreNames.SiglipMatch, folder, device, config.TextConfig.MaxPositionEmbeddings, config.TextConfig.PadTokenId ?? 1, siglip.ImageEmbeds, siglip.TextEmbeds, siglip.Path.Store));
    }

    /// <inheritdoc/>
    public IClipScorerPass Begin() => Current = new MatchPass(this);

    /// <summary>Frees the network.</summary>
    public void Dispose() => _weights.Dispose();

    /// <summary>The unit vector of a text.</summary>
    public float[] TextFeature(string text)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        List<long> ids = [.. _tokenizer.Encode(text).Select(i => (long)i)];
        // A text that is too long keeps its end token.
        if (ids.Count > _textLength) { ids = [.. ids.Take(_textLength - 1), ids[^1]]; }
        if (_padding is { } padding) { ids.AddRange(Enumerable.Repeat(padding, _textLength - ids.Count)); }
        return _texts(Tensor.FromArray(ids.ToArray(), 1, ids.Count).To(_device)).To(DType.Float32).To(Device.Cpu).Contiguous().ToArray<float>();
    }

    private static MatchScorer Checked(IDisposable weights, Func<MatchScorer> make)
    {
        try
        {
            return make();
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Features of the pictures of one source.</summary>
    internal sealed class MatchPass(MatchScorer scorer) : IClipScorerPass
    {
        private readonly List<(long Index, float[] Unit)> _features = [];
        private readonly List<(long Index, Tensor Pixels)> _waiting = [];
        private float[]? _given;

        public void Add(SampledPicture picture, SampledPicture? earlier)
        {
            byte[] rgb = new byte[picture.Bgr.Length];
            for (int i = 0; i < rgb.Length; i += 3) { (rgb[i], rgb[i + 1], rgb[i + 2]) = (picture.Bgr[i + 2], picture.Bgr[i + 1], picture.Bgr[i]); }
            _waiting.Add((picture.Index, scorer._processor.Process(new VideoFrame(picture.Width, picture.Height, rgb))));
            if (_waiting.Count == Batch) { Run(); }
        }

        public void Finish() => Run();

        public IReadOnlyList<Score> Score(ClipMeasures clip)
        {
            float[][] inside = [.. Inside(clip)];
            var scores = new List<Score>();
            Score Match(string name, float[]? text, string missing) => inside.Length == 0 ? Kinora.Curation.Scores.Score.Missing(name, "no picture of the clip was sampled")
                : text is null ? Kinora.Curation.Scores.Score.Missing(name, missing)
                : new Score(name, Math.Round(inside.Average(image => FeatureVector.Dot(image, text)), 6), 1);
            scores.Add(Match(scorer._score, scorer.TextFeature(FactCaption.Describe(clip)), ""));
            if (clip.Given is { } given && _given is null) { _given = scorer.TextFeature(given); }
            scores.Add(Match(scorer._givenScore, _given, "there is no text beside the footage"));
            if (scorer.Name == ScorerSlot.Clip)
            {
                scores.Add(inside.Length < 2
                    ? Kinora.Curation.Scores.Score.Missing(ScoreNames.ShotChange, "fewer than two pictures of the clip were sampled")
                    : new Score(ScoreNames.ShotChange, Math.Round(FeatureVector.Distance(Near(clip.StartFrame, clip.EndFrame, FeatureVector.Begin)!, Near(clip.StartFrame, clip.EndFrame, FeatureVector.End)!), 6), 1));
            }
            return scores;
        }

        public ClipFeature? Feature(ClipMeasures clip)
        {
            float[][] inside = [.. Inside(clip)];
            return inside.Length == 0 ? null : ClipFeature.Of(scorer.Identity, FeatureVector.MeanUnit(inside));
        }

        public float[]? Near(long from, long to, double share)
        {
            double at = from + (share * (to - 1 - from));
            return _features.Where(f => f.Index >= from && f.Index < to).OrderBy(f => Math.Abs(f.Index - at)).Select(f => f.Unit).FirstOrDefault();
        }

        /// <summary>Unit vectors of the clip's pictures, in order.</summary>
        public IEnumerable<float[]> Inside(ClipMeasures clip) => _features.Where(f => f.Index >= clip.StartFrame && f.Index < clip.EndFrame).Select(f => f.Unit);

        public void Dispose()
        {
            foreach (var (_, pixels) in _waiting) { pixels.Dispose(); }
            _waiting.Clear();
        }

        private void Run()
        {
            if (_waiting.Count == 0) { return; }
            using var inference = GradMode.Inference();
            using var scope = TensorScope.Enter();
            float[] units = scorer._images(Tensor.Cat([.. _waiting.Select(w => w.Pixels)], 0).To(scorer._device)).To(DType.Float32).To(Device.Cpu).Contiguous().ToArray<float>();
            int width = units.Length / _waiting.Count;
            for (int i = 0; i < _waiting.Count; i++) { _features.Add((_waiting[i].Index, units[(i * width)..((i + 1) * width)])); }
            Dispose();
        }
    }
}

// Dimensions of VBench by its own definitions, with the networks that it takes. A score has VBench's name only when the weights are known to be
// VBench's by their published checksum; with other weights, or such as have no published checksum, its name begins with "vbl.".
// Paper: Huang et al., "VBench", arXiv:2311.17982. Source: Vchitect/VBench 01c77af7, vbench/{subject,background}_consistency.py, aesthetic_quality.py,
// core/imaging_quality.py (its default, "longer"), core/overall_consistency.py, motion_smoothness.py with third_party/amt/utils/utils.py, utils.py (dino_transform, clip_transform: torchvision's Resize without
// antialiasing on float pixels; get_frame_indices; overall consistency reads bytes, which torchvision rounds to again).
//
// Shapes    F frames  H,W height, width
// Numerics  float32; similarities in float64.

using System.Net;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Media;
using Kinora.Models.Systems.Amt;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.Dino;
using Kinora.Models.Systems.Musiq;
using Kinora.Models.Systems.ViClip;
using Kinora.Models.Text;

namespace Kinora.Evaluation.Clips;

/// <summary>One dimension of VBench on a clip.</summary>
/// <param name="Name">"vbench." or "vbl." and the dimension.</param>
/// <param name="Features">The network.</param>
/// <param name="Preprocessing">What is done to frames.</param>
/// <param name="WeightsSha256">Hash of the weights.</param>
public sealed record VBenchDimension(string Name, string Features, string Preprocessing, string WeightsSha256);

/// <summary>Scores clips by whichever networks of VBench are in a folder. Dispose frees them.</summary>
public sealed class VBenchScores : IDisposable
{
    /// <summary>Published names of the files.</summary>
    public const string ClipBase = "ViT-B-32.pt", ClipLarge = "ViT-L-14.pt", AestheticHead = "sa_0_4_vit_l_14_linear.pth", Dino = "dino_vitbase16_pretrain.pth", Musiq = "musiq_spaq_ckpt-358bb6af.pth",
        ViClip = "ViClip-InternVid-10M-FLT.pth", ClipMerges = "bpe_simple_vocab_16e6.txt.gz", Amt = "amt-s.pth";

    private const int InputSize = 224, BatchSize = 16, PatchesBatchSize = 4, LongestSide = 512;
    private const double MostBeautiful = 10, BestImage = 100;
    private static readonly double[] ClipMean = [0.48145466, 0.4578275, 0.40821073], ClipStd = [0.26862954, 0.26130258, 0.27577711];
    private static readonly double[] ImageNetMean = [0.485, 0.456, 0.406], ImageNetStd = [0.229, 0.224, 0.225];

    // Checksums in the addresses and names under which the weights are published: openai/CLIP, clip/clip.py; torchvision, models/optical_flow/raft.py
    // (Raft_Large_Weights.C_T_V1, "ported from the original paper": VBench's raft-things.pth); IQA-PyTorch, pyiqa/archs/musiq_arch.py ("spaq").
    private static readonly string[] Published =
    [
        "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", "b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", "22a6c225", "358bb6af",
    ];

    private readonly Device _device;
    private readonly List<(VBenchDimension Dimension, Func<Clip, string?, double?> Score)> _dimensions = [];
    private readonly List<IDisposable> _stores = [];

    private VBenchScores(Device device) => _device = device;

    /// <summary>What can be scored with the weights that were found.</summary>
    public IEnumerable<VBenchDimension> Dimensions => _dimensions.Select(d => d.Dimension);

    /// <summary>The published files that a folder holds; none for null.</summary>
    public static IEnumerable<string> Files(string? folder) =>
        folder is null ? [] : new[] { ClipBase, ClipLarge, AestheticHead, Dino, Musiq, ViClip, Amt }.Select(name => Path.Combine(folder, name)).Where(File.Exists);

    /// <summary>Whether weights are known to be those that VBench takes.</summary>
    public static bool IsPublished(string sha256) => Published.Any(p => sha256.StartsWith(p, StringComparison.Ordinal));

    /// <summary>Loads what a folder holds of the published files.</summary>
    /// <exception cref="EvaluationException">None of them is there.</exception>
    /// <exception cref="CheckpointException">A file holds other weights.</exception>
    public static VBenchScores Load(string folder, Device device)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        var scores = new VBenchScores(device);
        try
        {
            string At(string name) => Path.Combine(folder, name);
            if (File.Exists(At(Dino)))
                scores.AddDino(At(Dino));
            if (File.Exists(At(ClipBase)))
                scores.AddBackground(At(ClipBase));
            if (File.Exists(At(ClipLarge)) && File.Exists(At(AestheticHead)))
                scores.AddAesthetic(At(ClipLarge), At(AestheticHead));
            if (File.Exists(At(Musiq)))
                scores.AddImaging(At(Musiq));
            if (File.Exists(At(ViClip)))
                scores.AddOverall(At(ViClip), At(ClipMerges));
            if (File.Exists(At(Amt)))
                scores.AddMotion(At(Amt));
            return scores._dimensions.Count > 0 ? scores : throw new EvaluationException($"{folder}: none of VBench's weights; expected {Dino}, {ClipBase}, {Musiq}, {Amt}, {ClipLarge} with {AestheticHead}, or {ViClip} with {ClipMerges}.");
        }
        catch
        {
            scores.Dispose();
            throw;
        }
    }

    /// <summary>The dimensions of a clip of at least two frames; without a prompt, those that need none.</summary>
    public IReadOnlyDictionary<string, double> Of(Clip clip, string? prompt = null)
    {
        ArgumentNullException.ThrowIfNull(clip);
        using var inference = GradMode.Inference();
        var values = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (dimension, score) in _dimensions)
        {
            if (score(clip, prompt) is { } value)
                values.Add(dimension.Name, value);
        }
        return values;
    }

    /// <summary>Frees the networks.</summary>
    public void Dispose()
    {
        foreach (IDisposable store in _stores)
            store.Dispose();
    }

    private void AddDino(string path)
    {
        DinoModel dino = DinoModel.Load(path, _device);
        _stores.Add(dino.Path.Store);
        Add("subject-consistency", "DINO ViT, class token", $"shorter side to {InputSize}, bilinear without antialiasing", Checkpoint.HashFile(path),
            (clip, _) => Consistency(Batches(clip, frames => dino.Forward(Prepare(frames, crop: false)))));
    }

    private void AddBackground(string path)
    {
        ClipVisionModelWithProjection model = OpenAiClip.LoadVision(path, _device);
        _stores.Add(model.Path.Store);
        Add("background-consistency", "CLIP ViT-B/32", ClipPreprocessing, Checkpoint.HashFile(path), (clip, _) => Consistency(Batches(clip, frames => model.Forward(Prepare(frames, crop: true)).ImageEmbeds!)));
    }

    private void AddAesthetic(string path, string headPath)
    {
        ClipVisionModelWithProjection model = OpenAiClip.LoadVision(path, _device);
        _stores.Add(model.Path.Store);
        ParameterStore head;
        Tensor weight, bias;
        using (Checkpoint file = Checkpoint.Open(headPath))
        {
            var source = new CheckpointParameters(file);
            ParameterPath root = ParameterPath.Root(source, DType.Float32, _device);
            _stores.Add(head = root.Store);
            (weight, bias) = (root.Create("weight", [1, model.Config.ProjectionDim], Init.Zeros), root.Create("bias", [1], Init.Zeros));
            source.Report.ThrowUnlessEmpty();
        }
        Add("aesthetic-quality", "CLIP ViT-L/14 with LAION's linear head", ClipPreprocessing, Checkpoint.HashFile(headPath), (clip, _) =>
        {
            using var scope = TensorScope.Enter();
            Tensor unit = Unit(Batches(clip, frames => model.Forward(Prepare(frames, crop: true)).ImageEmbeds!));
            return (F.Linear(unit.To(DType.Float32), weight, bias) / MostBeautiful).To(DType.Float64).Mean().Item();
        });
    }

    private void AddImaging(string path)
    {
        MusiqModel musiq = MusiqModel.Load(path, _device);
        _stores.Add(musiq.Path.Store);
        Add("imaging-quality", "MUSIQ, mean over frames of score / 100", $"longer side to at most {LongestSide}, bilinear without antialiasing", Checkpoint.HashFile(path), (clip, _) =>
        {
            using var scope = TensorScope.Enter();
            return Batches(clip, frames => musiq.Forward(Shrunk(frames)), PatchesBatchSize).Mean().Item() / BestImage;
        });
    }

    private void AddOverall(string path, string mergesPath)
    {
        if (!File.Exists(mergesPath))
            throw new EvaluationException($"{path}: its tokenizer is missing; put OpenAI's {ClipMerges} beside it.");
        TextTokenizer tokenizer = TextTokenizer.LoadFile(mergesPath);
        ViClipModel model = ViClipModel.Load(path, _device);
        _stores.Add(model);
        ViClipConfig config = model.Config;
        if (config.Vision.ImageSize != InputSize || tokenizer.VocabularySize != config.Text.VocabSize)
            throw new CheckpointException($"{path}: frames of {config.Vision.ImageSize} and {config.Text.VocabSize} words; expected frames of {InputSize} and the {tokenizer.VocabularySize} words of {ClipMerges}.");
        Add("overall-consistency", "ViCLIP, cosine of clip and prompt", $"{config.NumFrames} frames from the middles of equal parts, {ClipPreprocessing}, bytes; the prompt's first {config.Text.MaxPositionEmbeddings} tokens, without ftfy", Checkpoint.HashFile(path), (clip, prompt) =>
        {
            if (prompt is null)
                return null;
            using var scope = TensorScope.Enter();
            Tensor video = model.EncodeVideo(Prepare([.. Middles(clip.Frames.Count, config.NumFrames).Select(i => clip.Frames[i])], crop: true, bytes: true).Unsqueeze(0));
            long[] ids = Ids(tokenizer, prompt, config.Text.MaxPositionEmbeddings);
            Tensor text = model.EncodeText(Tensor.FromArray(ids, 1, ids.Length).To(_device));
            return (Unit(video.To(DType.Float64)) * Unit(text.To(DType.Float64))).Sum().Item();
        });
    }

    // The clip in equal parts, of each the frame in the middle; a clip of fewer frames ends with its last one repeated.
    private static IEnumerable<int> Middles(int frames, int wanted)
    {
        int parts = Math.Min(wanted, frames);
        int Edge(int part) => (int)((long)frames * part / parts);
        return Enumerable.Range(0, wanted).Select(i => Math.Min(i, parts - 1)).Select(i => (Edge(i) + Edge(i + 1) - 1) / 2);
    }

    // Padding would stand behind the end token, which is the one that counts and sees nothing behind it.
    private static long[] Ids(TextTokenizer tokenizer, string prompt, int length)
    {
        long[] ids = [.. tokenizer.Encode(WebUtility.HtmlDecode(WebUtility.HtmlDecode(prompt)).Trim()).Select(i => (long)i)];
        return ids.Length <= length ? ids : [.. ids.Take(length - 1), ids[^1]];
    }

    private void AddMotion(string path)
    {
        AmtModel amt = AmtModel.Load(path, _device);
        _stores.Add(amt.Path.Store);
        Add("motion-smoothness", "AMT-S, frames left out against those made of their neighbors", $"every second frame, the border repeated to sides of multiples of {AmtModel.Stride}", Checkpoint.HashFile(path), (clip, _) =>
        {
            if (clip.Frames.Count < 3 || Math.Min(clip.Width, clip.Height) < AmtModel.Smallest)
                throw new EvaluationException($"{Words.Count(clip.Frames.Count, "frame")} of {clip.Width}×{clip.Height}: motion smoothness needs at least 3 frames with sides of at least {AmtModel.Smallest}; leave {Amt} out, or bring the clips to another size with --resize");
            double difference = 0;
            int pairs = (clip.Frames.Count - 1) / 2;
            for (int i = 0; i < pairs; i++)
            {
                using var scope = TensorScope.Enter();
                Tensor made = Between(amt, Pixels([clip.Frames[2 * i]]) / 255.0, Pixels([clip.Frames[2 * i + 2]]) / 255.0);
                difference += ((made * 255.0).Clamp(0, 255).Floor() - Pixels([clip.Frames[2 * i + 1]])).Abs().To(DType.Float64).Mean().Item();
            }
            return (255 - difference / pairs) / 255;
        });
    }

    private static Tensor Between(AmtModel amt, Tensor a, Tensor b)
    {
        using var scope = TensorScope.Enter();
        var (_, _, h, w) = a.Dims4();
        long padH = (AmtModel.Stride - h % AmtModel.Stride) % AmtModel.Stride, padW = (AmtModel.Stride - w % AmtModel.Stride) % AmtModel.Stride;
        long[] pads = [padW / 2, padW - padW / 2, padH / 2, padH - padH / 2];
        return scope.Keep(amt.Forward(F.ReplicationPad2d(a, pads), F.ReplicationPad2d(b, pads)).Narrow(2, pads[2], h).Narrow(3, pads[0], w).Contiguous());
    }

    private static string ClipPreprocessing => $"shorter side to {InputSize}, bicubic without antialiasing, center crop";

    private void Add(string dimension, string features, string preprocessing, string sha256, Func<Clip, string?, double?> score)
    {
        bool known = IsPublished(sha256);
        _dimensions.Add((new VBenchDimension((known ? "vbench." : "vbl.") + dimension, features, preprocessing + (known ? "" : "; VBench's definition, weights without a published checksum"), sha256), score));
    }

    // [F, ..]
    private static Tensor Batches(Clip clip, Func<VideoFrame[], Tensor> embed, int batchSize = BatchSize)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Cat([.. clip.Frames.Chunk(batchSize).Select(frames => embed(frames).To(Device.Cpu).To(DType.Float64))], 0));
    }

    private static double Consistency(Tensor features)
    {
        using var scope = TensorScope.Enter();
        return ClipScores.OverTime(Unit(features))[ClipScores.Consistency];
    }

    private static Tensor Unit(Tensor x) => x / x.Norm(2, [-1], keepDim: true);

    // Sides are cut to whole pixels.
    private Tensor Shrunk(VideoFrame[] frames)                                                           // [F, 3, H, W] in [0, 1]
    {
        using var scope = TensorScope.Enter();
        int w = frames[0].Width, h = frames[0].Height;
        Tensor x = Pixels(frames);
        double scale = (double)LongestSide / Math.Max(w, h);
        return scope.Keep((scale < 1 ? F.InterpolateBilinear(x, (long)(scale * h), (long)(scale * w)) : x) / 255.0);
    }

    private Tensor Pixels(VideoFrame[] frames)                                                           // [F, 3, H, W] in [0, 255]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.FromArray([.. frames.SelectMany(f => f.Rgb)], frames.Length, frames[0].Height, frames[0].Width, 3).To(_device).Permute(0, 3, 1, 2).To(DType.Float32));
    }

    // torchvision's Resize(224): the longer side is cut to a whole pixel. CenterCrop: the margin is rounded half to even, as Python does.
    private Tensor Prepare(VideoFrame[] frames, bool crop, bool bytes = false)                           // [F, 3, H, W]
    {
        using var scope = TensorScope.Enter();
        int w = frames[0].Width, h = frames[0].Height, shorter = Math.Min(w, h);
        Tensor x = Pixels(frames);
        long newW = w == shorter ? InputSize : (long)InputSize * w / h, newH = h == shorter ? InputSize : (long)InputSize * h / w;
        if ((newH, newW) != (h, w))
            x = crop ? F.InterpolateBicubicTo(x, newH, newW) : F.InterpolateBilinear(x, newH, newW);
        if (bytes)
            x = x.Clamp(0, 255).Round();
        if (crop)
        {
            static long Margin(long size) => (long)Math.Round((size - InputSize) / 2.0, MidpointRounding.ToEven);
            x = x.Narrow(2, Margin(newH), InputSize).Narrow(3, Margin(newW), InputSize);
        }
        var (mean, std) = crop ? (ClipMean, ClipStd) : (ImageNetMean, ImageNetStd);
        Tensor Channels(double[] values) => Tensor.FromArray(values, 1, 3, 1, 1).To(DType.Float32).To(_device);
        return scope.Keep((x / 255.0 - Channels(mean)) / Channels(std));
    }
}

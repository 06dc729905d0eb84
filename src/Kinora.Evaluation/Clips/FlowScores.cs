// What optical flow says about a clip: how much moves, and how well a frame is explained by moving the next.
// The decision of "dynamic" is VBench's (Huang et al., arXiv:2311.17982; vbench/dynamic_degree.py): frames at about 8 per second; in a pair the mean
// of the largest 5 % of flow lengths above max(1, 8/rate)·6·(shorter side)/256 counts; dynamic when at least round(4·n/16) of the n − 1 pairs count.
// The score has VBench's name when the weights are its own (raft-things, as torchvision ports them) and the sides are multiples of 8 that RAFT takes
// as they are, since VBench measures the padded flow.
// Warping error: mean squared difference in 0..1 over pixels that both flows agree on (Sundaram et al., 2010: |f + b|² < 0.01(|f|² + |b|²) + 0.5).

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Systems.Raft;

namespace Kinora.Evaluation.Clips;

/// <summary>Scores of clips by RAFT with the user's weights. Dispose frees the network.</summary>
public sealed class FlowScores : IDisposable
{
    /// <summary>Share of dynamic clips, by name: VBench's, and ours with other weights or sizes.</summary>
    public const string PublishedDynamicDegree = "vbench.dynamic-degree", DynamicDegree = "vbl.dynamic-degree";

    /// <summary>Warping error, by name.</summary>
    public const string WarpingError = "warping-error";

    private const double SampledRate = 8, TopShare = 0.05, ThresholdAt256 = 6;
    private readonly RaftFlow _raft;

    private FlowScores(RaftFlow raft) => _raft = raft;

    /// <inheritdoc cref="RaftFlow.WeightsSha256"/>
    public string WeightsSha256 => _raft.WeightsSha256;

    /// <inheritdoc cref="RaftFlow.Variant"/>
    public string Variant => _raft.Variant;

    /// <inheritdoc cref="RaftFlow.Load"/>
    public static FlowScores Load(string path, Device device) => new(RaftFlow.Load(path, device));

    /// <summary>1 for a dynamic clip, 0 for a still one; and the warping error.</summary>
    /// <exception cref="EvaluationException">Fewer than two frames are left at 8 per second.</exception>
    public IReadOnlyDictionary<string, double> Of(Clip clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        int step = Math.Max(1, (int)Math.Round(clip.Fps / SampledRate));
        VideoFrame[] frames = [.. clip.Frames.Where((_, i) => i % step == 0)];
        if (frames.Length < 2)
            throw new EvaluationException($"{Words.Count(clip.Frames.Count, "frame")} at {clip.Fps:0.##} per second: flow needs at least two frames at {SampledRate} per second");
        double threshold = Math.Max(1, SampledRate / clip.Fps) * ThresholdAt256 * Math.Min(clip.Width, clip.Height) / 256, warping = 0;
        int moving = 0;
        for (int i = 0; i + 1 < frames.Length; i++)
        {
            using var inference = GradMode.Inference();
            using var scope = TensorScope.Enter();
            Tensor a = Picture(frames[i]), b = Picture(frames[i + 1]);
            Tensor forward = _raft.Between(a, b), backward = _raft.Between(b, a);
            moving += TopLength(forward) > threshold ? 1 : 0;
            warping += Warping(a, b, forward, backward);
        }
        int needed = (int)Math.Round(4.0 * frames.Length / 16, MidpointRounding.ToEven);
        return new Dictionary<string, double>(StringComparer.Ordinal) { [VBenchScores.IsPublished(WeightsSha256) && !NeedsPadding(clip) ? PublishedDynamicDegree : DynamicDegree] = moving >= needed ? 1 : 0, [WarpingError] = warping / (frames.Length - 1) };
    }

    /// <summary>Frees the network.</summary>
    public void Dispose() => _raft.Dispose();

    private static bool NeedsPadding(Clip clip) => clip.Width % RaftModel.Stride != 0 || clip.Height % RaftModel.Stride != 0 || Math.Min(clip.Width, clip.Height) < RaftFlow.Smallest;

    private Tensor Picture(VideoFrame frame)                                             // [1, 3, H, W] in [−1, 1]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(ClipTensor.FromBytes(frame.Rgb, 1, 1, frame.Height, frame.Width, _raft.Device).Squeeze(2));
    }

    private static double TopLength(Tensor flow)
    {
        using var scope = TensorScope.Enter();
        var length = flow.Square().Sum([1]).Sqrt().Flatten();
        return length.Topk(Math.Max(1, (long)(length.NumElements * TopShare)), 0).Values.Mean().Item();
    }

    private static double Warping(Tensor a, Tensor b, Tensor forward, Tensor backward)
    {
        using var scope = TensorScope.Enter();
        var grid = Grid(forward);
        var warped = F.GridSample(b, grid, alignCorners: true);
        var back = F.GridSample(backward, grid, alignCorners: true);
        var mismatch = (forward + back).Square().Sum([1], keepDim: true);
        var allowed = (forward.Square().Sum([1], keepDim: true) + back.Square().Sum([1], keepDim: true)) * 0.01 + 0.5;
        var inside = grid.Abs().Amax([3]).Le(1).Unsqueeze(1);
        var seen = mismatch.Lt(allowed).LogicalAnd(inside).To(DType.Float32);
        double visible = seen.Sum().Item();
        return visible == 0 ? 0 : ((warped - a) * 0.5).Square().Mean([1], keepDim: true).Mul(seen).Sum().Item() / visible;
    }

    private static Tensor Grid(Tensor flow)                                              // [B, 2, H, W] → [B, H, W, 2] in [−1, 1]
    {
        using var scope = TensorScope.Enter();
        var (_, _, h, w) = flow.Dims4();
        var x = Tensor.Arange(0, w, dtype: DType.Float32, device: flow.Device).Reshape(1, 1, w) + flow.Select(1, 0);
        var y = Tensor.Arange(0, h, dtype: DType.Float32, device: flow.Device).Reshape(1, h, 1) + flow.Select(1, 1);
        return scope.Keep(Tensor.Stack([x * (2.0 / Math.Max(1, w - 1)) - 1.0, y * (2.0 / Math.Max(1, h - 1)) - 1.0], -1));
    }
}

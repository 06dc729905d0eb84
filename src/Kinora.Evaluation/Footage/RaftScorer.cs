// Motion of footage by RAFT: pairs of a few frames' distance, in both directions, so that what does not return is not believed.

using Kinora.Curation.Scores;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;

namespace Kinora.Evaluation.Footage;

/// <summary>The optional scorer <see cref="ScorerSlot.Raft"/>. Use it on the thread of the engine; dispose frees the network.</summary>
public sealed class RaftScorer : IClipScorer
{
    // Pairs in one batch, and the longer side that pictures shrink to: together they bound the memory of the correlations.
    private const int Batch = 4, LongSide = 512;
    private readonly RaftFlow _raft;

    private RaftScorer(RaftFlow raft) => _raft = raft;

    /// <inheritdoc/>
    public string Name => ScorerSlot.Raft;

    /// <inheritdoc/>
    public string Identity => $"{_raft.Variant} {_raft.WeightsSha256} side {LongSide}";

    /// <inheritdoc/>
    public bool NeedsEarlier => true;

    /// <inheritdoc cref="RaftFlow.Load"/>
    public static RaftScorer Load(string path, Device device) => new(RaftFlow.Load(path, device));

    /// <inheritdoc/>
    public IClipScorerPass Begin() => new Pass(_raft);

    /// <summary>Frees the network.</summary>
    public void Dispose() => _raft.Dispose();

    private sealed class Pass(RaftFlow raft) : IClipScorerPass
    {
        private readonly List<FlowPair> _pairs = [];
        private readonly List<(Tensor A, Tensor B, byte[] Gray, (long Index, double Time) From, (long Index, double Time) To)> _waiting = [];

        public void Add(SampledPicture picture, SampledPicture? earlier)
        {
            if (earlier is null || earlier.Index >= picture.Index || (earlier.Width, earlier.Height) != (picture.Width, picture.Height)) { return; }
            using var inference = GradMode.Inference();
            Tensor a = Shrink(earlier), b = Shrink(picture);
            if (_waiting.Count > 0 && !_waiting[0].A.Shape.SequenceEqual(a.Shape)) { Run(); }
            _waiting.Add((a, b, Gray(a), (earlier.Index, earlier.Time), (picture.Index, picture.Time)));
            if (_waiting.Count == Batch) { Run(); }
        }

        public void Finish() => Run();

        public IReadOnlyList<Score> Score(ClipMeasures clip) => [FlowPairs.Mean(ScoreNames.RaftMotion, FlowPairs.Within(_pairs, clip), FlowPairs.Speed)];

        public void Dispose()
        {
            foreach (var (a, b, _, _, _) in _waiting)
            {
                a.Dispose();
                b.Dispose();
            }
            _waiting.Clear();
        }

        private void Run()
        {
            if (_waiting.Count == 0) { return; }
            using var inference = GradMode.Inference();
            using var scope = TensorScope.Enter();
            Tensor a = Tensor.Cat([.. _waiting.Select(w => w.A)], 0), b = Tensor.Cat([.. _waiting.Select(w => w.B)], 0);
            float[] flow = raft.Between(Tensor.Cat([a, b], 0), Tensor.Cat([b, a], 0)).Permute(0, 2, 3, 1).Contiguous().To(Device.Cpu).ToArray<float>();   // [2B, H, W, 2]
            int each = flow.Length / (2 * _waiting.Count), width = (int)a.Size(3);
            for (int i = 0; i < _waiting.Count; i++)
            {
                var (_, _, gray, from, to) = _waiting[i];
                _pairs.Add(FlowPair.Of(flow.AsSpan(i * each, each), flow.AsSpan((_waiting.Count + i) * each, each), gray, width, from, to));
            }
            Dispose();
        }

        // [1, 3, H, W] in [−1, 1], outside any scope because it waits for its batch.
        private Tensor Shrink(SampledPicture picture)
        {
            using var scope = TensorScope.Enter();
            var rgb = ClipTensor.FromBytes(picture.Bgr, 1, 1, picture.Height, picture.Width, raft.Device).Squeeze(2).Flip(1);
            double factor = Math.Min(1, (double)LongSide / Math.Max(picture.Width, picture.Height));
            if (factor < 1) { rgb = F.Resize(rgb, new Size2(Math.Max(1, (long)Math.Round(picture.Height * factor)), Math.Max(1, (long)Math.Round(picture.Width * factor))), ResizeMode.Bilinear, antialias: true); }
            return scope.Keep(rgb.Contiguous());
        }

        private static byte[] Gray(Tensor picture)
        {
            using var scope = TensorScope.Enter();
            return ((picture.Mean([1]) + 1.0) * 127.5).Clamp(0, 255).Round().To(DType.UInt8).To(Device.Cpu).ToArray<byte>();
        }
    }
}

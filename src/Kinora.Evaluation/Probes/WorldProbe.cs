// A classifier that says what a clip of the procedural world shows: noun, color, motion, setting.
// Two convolutional columns: one looks at three single frames, the other at how a coarse picture departs from its mean over time.
// Parts: Wu and He, "Group Normalization", arXiv:1803.08494. The design and the parameter names are our own.
//
// Shapes    B clips  F frames  H,W height, width  C channels
// Numerics  Norms, pooling and heads are float32; convolutions run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Evaluation.Probes;

/// <summary>The probe network. <see cref="Forward"/> gives one table of logits for each attribute of its configuration.</summary>
public sealed class WorldProbe : Module
{
    private const string Motion = "motion";
    private const int NormGroups = 8, CoarseFactor = 2;
    private readonly Column _appearance, _motion;
    private readonly Linear[] _heads;

    public WorldProbe(ParameterPath path, WorldProbeConfig config) : base(path)
    {
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        Config = config;
        _appearance = new Column(path["appearance"], 3, config.AppearanceChannels, strides: [2, 2, 1, 2, 1]);
        _motion = new Column(path["motion"], 3 * config.Frames, config.MotionChannels, strides: [2, 1, 2, 1]);
        _heads = [.. config.Attributes.Select(a => new Linear(path["heads"][a.Name], 2 * (a.Name == Motion ? config.MotionChannels : config.AppearanceChannels)[^1], a.Classes.Count))];
    }

    public WorldProbeConfig Config { get; }

    /// <summary>Logits [B, classes] for each attribute, from clips [B, 3, F, H, W] in [−1, 1].</summary>
    public Tensor[] Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var (b, c, f, h, w) = x.Dims5();
        if (c != 3 || f != Config.Frames || h != Config.Size || w != Config.Size)
            throw new ShapeException($"WorldProbe: expected clips [B, 3, {Config.Frames}, {Config.Size}, {Config.Size}], got [{string.Join(", ", x.Shape)}]. Generate at the size that the probe was trained on.");

        // An actor can be small or half outside at one end of the clip, never at the beginning, the middle and the end.
        var still = See(Tensor.Stack([x.Select(2, 0), x.Select(2, f / 2), x.Select(2, f - 1)], 2));         // [B, 2A]

        var coarse = F.AvgPool2d(x.Transpose(1, 2).Reshape(b * f, c, h, w), CoarseFactor);
        var frames = coarse.Reshape(b, f, c, h / CoarseFactor, w / CoarseFactor);
        var change = (frames - frames.Mean([1], keepDim: true)).Reshape(b, f * c, h / CoarseFactor, w / CoarseFactor);
        var moving = Pool(_motion.Forward(change).Flatten(2));                                              // [B, 2M]

        return scope.Keep([.. _heads.Zip(Config.Attributes, (head, a) => head.Forward(a.Name == Motion ? moving : still).To(DType.Float32))]);
    }

    /// <summary>Logits [B, classes] for each attribute that single frames show, null for motion, from the first, middle and last frames [B, 3, 3, H, W] in [−1, 1].</summary>
    public Tensor?[] ForwardStills(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var still = See(x);
        Tensor?[] logits = [.. _heads.Zip(Config.Attributes, (head, a) => a.Name == Motion ? null : head.Forward(still).To(DType.Float32))];
        foreach (Tensor? t in logits)
        {
            if (t is not null)
                scope.Keep(t);
        }
        return logits;
    }

    private Tensor See(Tensor stills)                                                                       // [B, 3, S, H, W] → [B, 2A]
    {
        using var scope = TensorScope.Enter();
        var (b, c, n, h, w) = stills.Dims5();
        var seen = _appearance.Forward(stills.Transpose(1, 2).Reshape(b * n, c, h, w));                     // [B·S, A, H/8, W/8]
        return scope.Keep(Pool(seen.Reshape(b, n, seen.Size(1), -1).Transpose(1, 2).Flatten(2)));
    }

    // Maximum and mean over positions: what is anywhere, and how much of it.
    private static Tensor Pool(Tensor x)                                                                    // [B, C, N] → [B, 2C]
    {
        using var scope = TensorScope.Enter();
        var full = x.To(DType.Float32);
        return scope.Keep(Tensor.Cat([full.Amax([2]), full.Mean([2])], 1));
    }

    private sealed class Column : Module
    {
        private readonly Conv2d[] _convs;
        private readonly GroupNorm[] _norms;

        public Column(ParameterPath path, int channelsIn, IReadOnlyList<int> channels, int[] strides) : base(path)
        {
            _convs = [.. channels.Select((c, i) => new Conv2d(path[i]["conv"], i == 0 ? channelsIn : channels[i - 1], c, 3, strides[i], 1, bias: false, Init.KaimingUniform))];
            _norms = [.. channels.Select((c, i) => new GroupNorm(path[i]["norm"], NormGroups, c))];
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            for (int i = 0; i < _convs.Length; i++)
                x = _norms[i].Forward(_convs[i].Forward(x).To(DType.Float32)).Relu();
            return scope.Keep(x);
        }
    }
}

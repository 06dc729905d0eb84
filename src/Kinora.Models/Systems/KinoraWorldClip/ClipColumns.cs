// What looks at a clip of the procedural world: one convolutional column over three single frames, one over how a coarse picture departs
// from its mean over time. Parts: Wu and He, "Group Normalization", arXiv:1803.08494. The design and the parameter names are our own.
//
// Shapes    B clips  F frames  H,W height, width  A, M channels of the last convolutions of both columns
// Numerics  Norms are float32; convolutions run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.KinoraWorldClip;

/// <summary>The two columns. Whoever builds on them pools their maps.</summary>
public sealed class ClipColumns : Module
{
    /// <summary>Single frames that the column of appearance sees: an actor can be small or half outside at one end of a clip, never at its beginning, middle and end.</summary>
    public const int Stills = 3;

    private const int NormGroups = 8, CoarseFactor = 2;
    private readonly Column _appearance, _motion;
    private readonly int _frames;

    /// <summary>Declares <c>appearance</c> and <c>motion</c> under <paramref name="path"/>.</summary>
    /// <param name="path">Where they stand.</param>
    /// <param name="frames">Frames of a clip.</param>
    /// <param name="appearanceChannels">Five multiples of 8.</param>
    /// <param name="motionChannels">Four multiples of 8.</param>
    public ClipColumns(ParameterPath path, int frames, IReadOnlyList<int> appearanceChannels, IReadOnlyList<int> motionChannels) : base(path)
    {
        ArgumentNullException.ThrowIfNull(appearanceChannels);
        ArgumentNullException.ThrowIfNull(motionChannels);
        _frames = frames;
        _appearance = new Column(path["appearance"], 3, appearanceChannels, strides: [2, 2, 1, 2, 1]);
        _motion = new Column(path["motion"], 3 * frames, motionChannels, strides: [2, 1, 2, 1]);
    }

    /// <summary>Whether two columns of these channels can be built.</summary>
    public static bool AreChannels(IReadOnlyList<int> appearance, IReadOnlyList<int> motion) =>
        appearance.Count == 5 && motion.Count == 4 && appearance.Concat(motion).All(c => c > 0 && c % NormGroups == 0);

    /// <summary>The first, middle and last frames of clips, [B, 3, 3, H, W].</summary>
    public static Tensor StillsOf(Tensor x)                                                                 // [B, 3, F, H, W]
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        int f = (int)x.Size(2);
        return scope.Keep(Tensor.Stack([x.Select(2, 0), x.Select(2, f / 2), x.Select(2, f - 1)], 2));
    }

    /// <summary>What single frames show, [B, S, A, H/8, W/8] in float32, from frames [B, 3, S, H, W] in [−1, 1].</summary>
    public Tensor Appearance(Tensor stills)
    {
        ArgumentNullException.ThrowIfNull(stills);
        using var scope = TensorScope.Enter();
        var (b, c, n, h, w) = stills.Dims5();
        var seen = _appearance.Forward(stills.Transpose(1, 2).Reshape(b * n, c, h, w));
        return scope.Keep(seen.Reshape(b, n, seen.Size(1), seen.Size(2), seen.Size(3)));
    }

    /// <summary>How clips change, [B, M, H/8, W/8] in float32, from clips [B, 3, F, H, W] in [−1, 1].</summary>
    public Tensor Motion(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        var (b, c, f, h, w) = x.Dims5();
        if (f != _frames)
            throw new ShapeException($"ClipColumns: expected clips of {_frames} frames, got [{string.Join(", ", x.Shape)}].");
        var coarse = F.AvgPool2d(x.Transpose(1, 2).Reshape(b * f, c, h, w), CoarseFactor);
        var frames = coarse.Reshape(b, f, c, h / CoarseFactor, w / CoarseFactor);
        return scope.Keep(_motion.Forward((frames - frames.Mean([1], keepDim: true)).Reshape(b, f * c, h / CoarseFactor, w / CoarseFactor)));
    }

    /// <summary>Floating point operations for one clip (a multiply-add counts as two).</summary>
    public static long Flops(int frames, int height, int width, IReadOnlyList<int> appearanceChannels, IReadOnlyList<int> motionChannels)
    {
        long Sum(int channelsIn, IReadOnlyList<int> channels, int[] strides, long area)
        {
            long flops = 0, from = channelsIn;
            for (int i = 0; i < channels.Count; i++)
            {
                area /= strides[i] * strides[i];
                flops += 18 * from * channels[i] * area;
                from = channels[i];
            }
            return flops;
        }

        ArgumentNullException.ThrowIfNull(appearanceChannels);
        ArgumentNullException.ThrowIfNull(motionChannels);
        long area = (long)height * width;
        return Stills * Sum(3, appearanceChannels, [2, 2, 1, 2, 1], area) + Sum(3 * frames, motionChannels, [2, 1, 2, 1], area / (CoarseFactor * CoarseFactor));
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

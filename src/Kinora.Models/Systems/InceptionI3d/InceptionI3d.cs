// I3D: Inception v1 inflated to three dimensions, the network behind the Fréchet video distance.
// Paper: Carreira and Zisserman, "Quo vadis, action recognition?", arXiv:1705.07750.
// Parameter names follow piergiaj/pytorch-i3d at 05783d11f9632b25fe3d50395a9c9bb51f848d6d; InceptionI3dWeights reads the other layout.
//
// Shapes    B clips  F frames  H,W height, width  K classes
// Numerics  Batch norm is folded into the weights in float32; convolutions run in the autocast type. Padding is TensorFlow's "SAME": as much as the size at hand
//           needs, the odd one behind, zeros before max pooling too. The port of hassony2 pads before pooling as if the stride divided the
//           size, and lets windows reach over the end; with 16 frames both are the same.

using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.InceptionI3d;

/// <summary>The network up to its logits.</summary>
public sealed class InceptionI3dModel : Module
{
    /// <summary>Classes of Kinetics-400.</summary>
    public const int KineticsClasses = 400;

    /// <summary>Numbers in the pooled features before the logits.</summary>
    public const int FeatureChannels = 1024;

    /// <summary>The last part when the whole network is wanted.</summary>
    public const string LogitsEndpoint = "Logits";

    /// <summary>Pixels of a side in the published protocol.</summary>
    public const int PublishedSize = 224;

    private static readonly Size3 PoolWindow = (2, 7, 7);

    private readonly List<(string Name, Func<Tensor, Tensor> Forward)> _parts = [];
    private readonly Conv3d? _logits;

    /// <param name="path">Root of the parameter names.</param>
    /// <param name="classes">Classes of the logits.</param>
    /// <param name="endpoint">The last part to build, by its published name.</param>
    /// <param name="padding">How sizes that a pooling's stride does not divide are padded.</param>
    public InceptionI3dModel(ParameterPath path, int classes = KineticsClasses, string endpoint = LogitsEndpoint, PoolPadding padding = PoolPadding.Same) : base(path)
    {
        ArgumentNullException.ThrowIfNull(path);
        long channels = 3;
        bool done = false;
        void Add(string name, Func<Tensor, Tensor> forward)
        {
            _parts.Add((name, forward));
            done = name == endpoint;
        }

        void Unit(string name, long outChannels, Size3 kernel, Size3 stride)
        {
            if (done)
                return;
            Add(name, new Unit3d(path[name], channels, outChannels, kernel, stride).Forward);
            channels = outChannels;
        }

        void Pool(string name, Size3 kernel, Size3 stride)
        {
            if (!done)
                Add(name, x => SamePadding.MaxPool(x, kernel, stride, padding));
        }

        void Mixed(string name, long b0, long b1a, long b1b, long b2a, long b2b, long b3b)
        {
            if (done)
                return;
            var block = new InceptionBlock(path[name], channels, b0, b1a, b1b, b2a, b2b, b3b);
            Add(name, block.Forward);
            channels = block.OutChannels;
        }

        Unit("Conv3d_1a_7x7", 64, 7, 2);
        Pool("MaxPool3d_2a_3x3", (1, 3, 3), (1, 2, 2));
        Unit("Conv3d_2b_1x1", 64, 1, 1);
        Unit("Conv3d_2c_3x3", 192, 3, 1);
        Pool("MaxPool3d_3a_3x3", (1, 3, 3), (1, 2, 2));
        Mixed("Mixed_3b", 64, 96, 128, 16, 32, 32);
        Mixed("Mixed_3c", 128, 128, 192, 32, 96, 64);
        Pool("MaxPool3d_4a_3x3", 3, 2);
        Mixed("Mixed_4b", 192, 96, 208, 16, 48, 64);
        Mixed("Mixed_4c", 160, 112, 224, 24, 64, 64);
        Mixed("Mixed_4d", 128, 128, 256, 24, 64, 64);
        Mixed("Mixed_4e", 112, 144, 288, 32, 64, 64);
        Mixed("Mixed_4f", 256, 160, 320, 32, 128, 128);
        Pool("MaxPool3d_5a_2x2", 2, 2);
        Mixed("Mixed_5b", 256, 160, 320, 32, 128, 128);
        Mixed("Mixed_5c", 384, 192, 384, 48, 128, 128);
        if (!done)
        {
            if (endpoint != LogitsEndpoint)
                throw new ConfigException($"I3D: '{endpoint}' is no endpoint. Choose one of {string.Join(", ", _parts.Select(p => p.Name))}, {LogitsEndpoint}.");
            _logits = new Conv3d(path["logits"]["conv3d"], channels, classes, 1);
        }
    }

    /// <summary>The map of the last part built, before pooling: [B, 3, F, H, W] in [−1, 1] → [B, C, F', H', W'].</summary>
    /// <param name="visit">Called with the name and the result of every part.</param>
    public Tensor ForwardMap(Tensor x, Action<string, Tensor>? visit = null)
    {
        using var scope = TensorScope.Enter();
        foreach (var (name, forward) in _parts)
        {
            x = forward(x);
            visit?.Invoke(name, x);
        }
        return scope.Keep(x);
    }

    /// <summary>Averages of 2 frames and 7×7 positions: [B, 1024, F', H', W'] → [B, 1024, F'', H'', W''].</summary>
    public static Tensor Pool(Tensor map)
    {
        ArgumentNullException.ThrowIfNull(map);
        using var scope = TensorScope.Enter();
        return scope.Keep(F.AvgPool3d(map.To(DType.Float32), PoolWindow, 1));
    }

    /// <summary>Logits of every remaining time step: pooled [B, 1024, F'', 1, 1] → [B, K, F''].</summary>
    public Tensor Classify(Tensor pooled)
    {
        ArgumentNullException.ThrowIfNull(pooled);
        using var scope = TensorScope.Enter();
        Conv3d logits = _logits ?? throw new ConfigException("I3D: built without logits.");
        return scope.Keep(logits.Forward(pooled).Squeeze(4).Squeeze(3));
    }

    /// <summary>Logits averaged over time, the features of the Fréchet video distance: [B, 3, F, 224, 224] in [−1, 1] → [B, K].</summary>
    /// <exception cref="ShapeException">The clip has fewer than 9 frames or fewer than 193 pixels a side: nothing is left to average.</exception>
    public Tensor Forward(Tensor x)
    {
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        var (_, c, f, h, w) = x.Dims5();
        const int minFrames = 9, minSide = 193;
        if (c != 3 || f < minFrames || h < minSide || w < minSide)
            throw new ShapeException($"I3D: expected clips [B, 3, F ≥ {minFrames}, {PublishedSize}, {PublishedSize}], got [{string.Join(", ", x.Shape)}].");
        return scope.Keep(Classify(Pool(ForwardMap(x))).To(DType.Float32).Mean([2]));
    }
}

/// <summary>How a max pooling pads.</summary>
public enum PoolPadding
{
    /// <summary>TensorFlow's "SAME" for the size at hand.</summary>
    Same,

    /// <summary>As if the stride divided the size, with windows over the end: hassony2/kinetics_i3d_pytorch, src/i3dpt.py at 10f0068.</summary>
    Fixed,
}

/// <summary>Convolution, batch norm, ReLU.</summary>
internal sealed class Unit3d : Module
{
    private const double Eps = 1e-3;
    private readonly Conv3d _conv;
    private readonly BatchNorm _norm;
    private readonly Size3 _kernel, _stride;

    public Unit3d(ParameterPath path, long inChannels, long outChannels, Size3 kernel, Size3 stride) : base(path)
    {
        _conv = new Conv3d(path["conv3d"], inChannels, outChannels, kernel, stride, bias: false);
        _norm = new BatchNorm(path["bn"], outChannels, Eps);
        _kernel = kernel;
        _stride = stride;
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        // The norm goes into the convolution: scaling 12.7 million weights costs a hundredth of what walking over all activations twice does.
        var (scale, shift) = _norm.Affine();
        DType t = Autocast.Target ?? _conv.Weight.DType;
        Tensor weight = _conv.Weight.Use(DType.Float32) * scale.View(-1, 1, 1, 1, 1);
        return scope.Keep(F.Conv3d(SamePadding.Pad(x, _kernel, _stride).To(t), weight.To(t), shift.To(t), _stride).Relu());
    }
}

/// <summary>Four branches side by side: 1×1; 1×1 and 3×3; the same narrower; pooling and 1×1.</summary>
internal sealed class InceptionBlock : Module
{
    private readonly Unit3d _b0, _b1a, _b1b, _b2a, _b2b, _b3b;

    public InceptionBlock(ParameterPath path, long inChannels, long b0, long b1a, long b1b, long b2a, long b2b, long b3b) : base(path)
    {
        _b0 = new Unit3d(path["b0"], inChannels, b0, 1, 1);
        _b1a = new Unit3d(path["b1a"], inChannels, b1a, 1, 1);
        _b1b = new Unit3d(path["b1b"], b1a, b1b, 3, 1);
        _b2a = new Unit3d(path["b2a"], inChannels, b2a, 1, 1);
        _b2b = new Unit3d(path["b2b"], b2a, b2b, 3, 1);
        _b3b = new Unit3d(path["b3b"], inChannels, b3b, 1, 1);
        OutChannels = b0 + b1b + b2b + b3b;
    }

    public long OutChannels { get; }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Cat([_b0.Forward(x), _b1b.Forward(_b1a.Forward(x)), _b2b.Forward(_b2a.Forward(x)), _b3b.Forward(SamePadding.MaxPool(x, 3, 1, PoolPadding.Same))], 1));
    }
}

/// <summary>TensorFlow's "SAME" padding for the size at hand.</summary>
internal static class SamePadding
{
    public static Tensor Pad(Tensor x, Size3 kernel, Size3 stride)
    {
        var (_, _, f, h, w) = x.Dims5();
        var (f0, f1) = Amount(f, kernel.Frames, stride.Frames);
        var (h0, h1) = Amount(h, kernel.Height, stride.Height);
        var (w0, w1) = Amount(w, kernel.Width, stride.Width);
        return f0 + f1 + h0 + h1 + w0 + w1 == 0 ? x : F.Pad(x, [w0, w1, h0, h1, f0, f1]);
    }

    // What is pooled is never negative, so zeros behind the end are the same as no values there.
    public static Tensor MaxPool(Tensor x, Size3 kernel, Size3 stride, PoolPadding padding)
    {
        using var scope = TensorScope.Enter();
        if (padding == PoolPadding.Same)
            return scope.Keep(F.MaxPool3d(Pad(x, kernel, stride), kernel, stride));
        var (_, _, f, h, w) = x.Dims5();
        var (f0, f1) = FixedAmount(f, kernel.Frames, stride.Frames);
        var (h0, h1) = FixedAmount(h, kernel.Height, stride.Height);
        var (w0, w1) = FixedAmount(w, kernel.Width, stride.Width);
        return scope.Keep(F.MaxPool3d(f0 + f1 + h0 + h1 + w0 + w1 == 0 ? x : F.Pad(x, [w0, w1, h0, h1, f0, f1]), kernel, stride));
    }

    // The fixed padding and what the last window reaches over the end (torch.nn.MaxPool3d with ceil_mode: it must begin inside).
    private static (long Before, long After) FixedAmount(long size, long kernel, long stride)
    {
        long total = Math.Max(0, kernel - stride), padded = size + total;
        long windows = (padded - kernel + stride - 1) / stride + 1;
        windows -= (windows - 1) * stride >= padded ? 1 : 0;
        return (total / 2, total - total / 2 + Math.Max(0, (windows - 1) * stride + kernel - padded));
    }

    private static (long Before, long After) Amount(long size, long kernel, long stride)
    {
        long total = Math.Max(0, kernel - (size % stride == 0 ? stride : size % stride));
        return (total / 2, total - total / 2);
    }
}

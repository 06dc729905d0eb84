using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Wan;

// The layers of Wan's autoencoder. Parameter names follow huggingface/diffusers d035dcd7, autoencoder_kl_wan.py.
//
// Shapes    [B, F, H, W, C], channels last in memory
// Numerics  convolutions run in the autocast type and return it; norms and attention weights accumulate in float32.

/// <summary>Something that maps [B, F, H, W, C] to the same layout, strip by strip or whole, and remembers what the clip's next part needs.</summary>
internal interface IWanCoderPart
{
    /// <param name="x">Used up.</param>
    /// <param name="history">The clip's past.</param>
    FeatureRows Forward(FeatureRows x, CausalHistory history);
}

/// <summary>A 3×3×3 convolution of the present frame and the two before it; before the first frame are zeros.</summary>
internal sealed class WanCausalConv : Module
{
    private const int Kernel = 3, Past = Kernel - 1;
    private readonly Conv3d _conv;

    public WanCausalConv(ParameterPath path, int inChannels, int outChannels) : base(path) =>
        _conv = new Conv3d(path, inChannels, outChannels, Kernel, padding: new Size3(0, 1, 1));

    public FeatureRows Forward(FeatureRows x, CausalHistory history) => x.Convolved((rows, top) => Forward(rows, history, top, x.Height));

    /// <param name="x">Rows of the map, [B, F, rows, W, C].</param>
    /// <param name="history">The clip's past.</param>
    /// <param name="top">The first row.</param>
    /// <param name="height">Rows of the whole map.</param>
    public Tensor Forward(Tensor x, CausalHistory history, long top, long height)
    {
        using var scope = TensorScope.Enter();
        x = Autocast.Target is { } dtype ? x.To(dtype) : x;
        return scope.Keep(WanTime.Convolve(_conv, WanTime.WithPast(this, x, Past, history, top, height)));
    }
}

/// <summary>Convolution over frames with the past in front.</summary>
internal static class WanTime
{
    /// <summary>The frames that <paramref name="layer"/> remembers, or zeros, and then x; the last frames are remembered.</summary>
    public static Tensor WithPast(Module layer, Tensor x, int count, CausalHistory history, long top, long height)
    {
        using var scope = TensorScope.Enter();
        var past = history.Past(layer, top, x.Size(2)) ?? Tensor.Zeros([x.Size(0), count, x.Size(2), x.Size(3), x.Size(4)], x.DType, x.Device);
        var padded = Tensor.Cat([past, x], 1);
        history.Remember(layer, padded.Narrow(1, padded.Size(1) - count, count), top, height);
        return scope.Keep(padded);
    }

    public static Tensor Convolve(Conv3d conv, Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(conv.Forward(x.Permute(0, 4, 1, 2, 3)).Permute(0, 2, 3, 4, 1).Contiguous());
    }
}

/// <summary>x / ‖x‖ · √C · gamma over the channels, which is an RMS norm without epsilon.</summary>
internal sealed class WanNorm : Module
{
    private const double NotZero = 1e-24; // the reference divides by at least 1e-12
    private readonly Tensor _gamma;

    /// <param name="path">Where <c>gamma</c> stands.</param>
    /// <param name="channels">C</param>
    /// <param name="pictures">Whether gamma was published for pictures, [C, 1, 1], or for clips, [C, 1, 1, 1].</param>
    public WanNorm(ParameterPath path, int channels, bool pictures) : base(path) =>
        _gamma = path.Create("gamma", pictures ? [channels, 1, 1] : [channels, 1, 1, 1], Init.Ones, DType.Float32);

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(F.RmsNorm(x, _gamma.View(_gamma.Size(0)), NotZero));
    }

    public Tensor ForwardSilu(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(F.Silu(Forward(x)));
    }
}

/// <summary>shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x)))))).</summary>
internal sealed class WanResidualBlock : Module, IWanCoderPart
{
    private readonly WanNorm _norm1, _norm2;
    private readonly WanCausalConv _conv1, _conv2;
    private readonly PointwiseConv? _shortcut;

    public WanResidualBlock(ParameterPath path, int inWidth, int width) : base(path)
    {
        _norm1 = new WanNorm(path["norm1"], inWidth, pictures: false);
        _conv1 = new WanCausalConv(path["conv1"], inWidth, width);
        _norm2 = new WanNorm(path["norm2"], width, pictures: false);
        _conv2 = new WanCausalConv(path["conv2"], width, width);
        _shortcut = inWidth == width ? null : new PointwiseConv(path["conv_shortcut"], inWidth, width, dimensions: 3);
    }

    public FeatureRows Forward(FeatureRows x, CausalHistory history)
    {
        FeatureRows h, residual;
        if (_shortcut is null)
        {
            residual = x.InMemory();
            h = _conv1.Forward(residual.Map(_norm1.ForwardSilu), history).Stored();
        }
        else
        {
            (h, residual) = x.StoredWith((rows, _) => _norm1.ForwardSilu(rows), (rows, top) => _conv1.Forward(rows, history, top, x.Height), _shortcut.Forward);
        }
        var sum = _conv2.Forward(h.Map(_norm2.ForwardSilu), history).Plus(residual).StoredOver(residual);
        h.Free();
        return sum;
    }
}

/// <summary>Self-attention with one head over the positions of each frame, added to its input.</summary>
internal sealed class WanFrameAttention : Module
{
    private const long MaxScores = 1L << 24; // of one product; bounds the memory of attention in large pictures
    private readonly WanNorm _norm;
    private readonly PointwiseConv _toQkv, _proj;

    public WanFrameAttention(ParameterPath path, int width) : base(path)
    {
        _norm = new WanNorm(path["norm"], width, pictures: true);
        _toQkv = new PointwiseConv(path["to_qkv"], width, 3 * width, dimensions: 2);
        _proj = new PointwiseConv(path["proj"], width, width, dimensions: 2);
    }

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var (b, f, height, width, c) = x.Dims5();
        var (q, k, v) = _toQkv.Forward(_norm.Forward(x)).Reshape(b * f, 1, height * width, 3 * c).Chunk3(-1); // 3 × [B·F, 1, H·W, C]
        var answers = Enumerable.Range(0, (int)(b * f)).Select(i => Attend(q.Narrow(0, i, 1), k.Narrow(0, i, 1), v.Narrow(0, i, 1))).ToArray();
        return scope.Keep(x + _proj.Forward(Tensor.Cat(answers, 0).View(b, f, height, width, c)));
    }

    private static Tensor Attend(Tensor q, Tensor k, Tensor v)                                   // 3 × [1, 1, H·W, C]
    {
        using var scope = TensorScope.Enter();
        long positions = q.Size(2), rows = Math.Clamp(MaxScores / positions, 1, positions);
        var parts = new List<Tensor>();
        for (long start = 0; start < positions; start += rows)
            parts.Add(F.ScaledDotProductAttention(q.Narrow(2, start, Math.Min(rows, positions - start)), k, v));
        return scope.Keep(Tensor.Cat(parts, 2));
    }
}

/// <summary>Half the height and width; with time, also half the frames after the clip's first.</summary>
internal sealed class WanDownsample : Module, IWanCoderPart
{
    private readonly Conv2d _resample;
    private readonly Conv3d? _timeConv;

    public WanDownsample(ParameterPath path, int width, bool time) : base(path)
    {
        _resample = new Conv2d(path["resample"][1], width, width, 3, stride: 2);
        _timeConv = time ? new Conv3d(path["time_conv"], width, width, new Size3(3, 1, 1), new Size3(2, 1, 1)) : null;
    }

    public FeatureRows Forward(FeatureRows x, CausalHistory history)
    {
        var h = x.Halved(Resample).InMemory();
        return _timeConv is null ? h : h.Replaced(frames => HalveFrames(frames, history));
    }

    private Tensor Resample(Tensor x)                                                            // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        var (b, f, height, width, c) = x.Dims5();
        // A row below and a column to the right.
        var frames = F.Pad(x.Reshape(b * f, height, width, c), [0, 0, 0, 1, 0, 1]).Permute(0, 3, 1, 2);
        var h = _resample.Forward(frames).Permute(0, 2, 3, 1).Contiguous();
        return scope.Keep(h.View(b, f, h.Size(1), h.Size(2), c));
    }

    // Of y₀ y₁ ... y₂ₘ: y₀, conv(y₀ y₁ y₂), conv(y₂ y₃ y₄), ...
    private Tensor HalveFrames(Tensor y, CausalHistory history)
    {
        using var scope = TensorScope.Enter();
        var past = history.Past(this);
        var sequence = past is null ? y : Tensor.Cat([past, y], 1);
        var reduced = sequence.Size(1) < 3 ? null : WanTime.Convolve(_timeConv!, sequence);
        history.Remember(this, y.Narrow(1, y.Size(1) - 1, 1));
        if (past is not null) return scope.Keep(reduced!);
        var first = y.Narrow(1, 0, 1);
        return scope.Keep(reduced is null ? first : Tensor.Cat([first, reduced], 1));
    }
}

/// <summary>Twice the height and width; with time, also twice the frames after the clip's first.</summary>
internal sealed class WanUpsample : Module, IWanCoderPart
{
    private const int Past = 2;
    private readonly Conv2d _resample;
    private readonly Conv3d? _timeConv;

    public WanUpsample(ParameterPath path, int width, int outWidth, bool time) : base(path)
    {
        _resample = new Conv2d(path["resample"][1], width, outWidth, 3, padding: 1);
        _timeConv = time ? new Conv3d(path["time_conv"], width, 2 * width, new Size3(3, 1, 1)) : null;
    }

    public FeatureRows Forward(FeatureRows x, CausalHistory history) =>
        (_timeConv is null ? x : x.Replaced(frames => DoubleFrames(frames, history))).Doubled(Resample);

    private Tensor Resample(Tensor x)                                                            // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        var (b, f, height, width, c) = x.Dims5();
        var frames = x.Reshape(b * f, height, width, c).Permute(0, 3, 1, 2);
        var h = _resample.ForwardDoubled(frames).Permute(0, 2, 3, 1).Contiguous();
        return scope.Keep(h.View(b, f, 2 * height, 2 * width, h.Size(3)));
    }

    // The clip's first frame passes and is never seen again; each later one becomes the two that stand one after the other in the channels.
    private Tensor DoubleFrames(Tensor x, CausalHistory history)
    {
        using var scope = TensorScope.Enter();
        var (b, f, height, width, c) = x.Dims5();
        var skipped = history.IsFirstPart ? 1 : 0;
        if (f == skipped) return x;
        var later = x.Narrow(1, skipped, f - skipped);
        var pairs = WanTime.Convolve(_timeConv!, WanTime.WithPast(this, later, Past, history, 0, height));   // [B, F', H, W, 2C]
        var doubled = pairs.Reshape(b, f - skipped, height, width, 2, c).Permute(0, 1, 4, 2, 3, 5).Reshape(b, 2 * (f - skipped), height, width, c);
        return scope.Keep(skipped == 0 ? doubled : Tensor.Cat([x.Narrow(1, 0, 1), doubled], 1));
    }
}

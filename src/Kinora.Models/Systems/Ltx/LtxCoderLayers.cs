using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Engine.Random;

namespace Kinora.Models.Systems.Ltx;

// The layers of LTX-Video's autoencoder. Parameter names follow huggingface/diffusers d035dcd7, autoencoder_kl_ltx.py.
//
// Shapes    [B, F, H, W, C], channels last in memory
// Numerics  convolutions run in the autocast type and return it; norms accumulate in float32.

/// <summary>
/// A convolution over frames, rows and columns. In time the clip's ends are repeated: only the beginning where it is causal. Otherwise it answers
/// a frame late until the last part.
/// </summary>
internal sealed class LtxConv : Module
{
    private readonly int _kernel, _outChannels;
    private readonly bool _causal;
    private readonly Conv3d _conv;

    public LtxConv(ParameterPath path, int inChannels, int outChannels, bool causal, int kernel = 3, int stride = 1) : base(path)
    {
        (_kernel, _causal, _outChannels) = (kernel, causal, outChannels);
        _conv = new Conv3d(path["conv"], inChannels, outChannels, kernel, stride, new Size3(0, kernel / 2, kernel / 2));
    }

    public Tensor Forward(Tensor x, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        x = Autocast.Target is { } dtype ? x.To(dtype) : x;
        int past = _kernel - 1, after = _causal ? 0 : _kernel / 2;
        if (past > 0)
        {
            bool begins = stream.Begins(this, x);
            x = stream.WithHeld(this, x);
            var parts = new List<Tensor> { x };
            if (begins) parts.Insert(0, Repeat(x, 0, past - after));
            if (stream.IsLastPart && after > 0) parts.Add(Repeat(x, x.Size(1) - 1, after));
            if (parts.Count > 1) x = Tensor.Cat([.. parts], 1);
            stream.Hold(this, x, Math.Min(past, x.Size(1)));
        }
        return scope.Keep(x.Size(1) < _kernel
            ? Tensor.Empty([x.Size(0), 0, x.Size(2), x.Size(3), _outChannels], x.DType, x.Device)
            : _conv.Forward(x.Permute(0, 4, 1, 2, 3)).Permute(0, 2, 3, 4, 1).Contiguous());
    }

    private static Tensor Repeat(Tensor x, long frame, int count) => x.Narrow(1, frame, 1).Expand(x.Size(0), count, x.Size(2), x.Size(3), x.Size(4));
}

/// <summary>shortcut(x) + conv2(silu(norm2(conv1(silu(norm1(x)))))), the norms modulated by a noise level and noise injected where the stage has that.</summary>
internal sealed class LtxResidualBlock : Module
{
    /// <summary>Rows of a block's table: shift and scale of both norms.</summary>
    public const int TableRows = 4;

    private const double NormEps = 1e-8;
    private readonly LtxConv _conv1, _conv2;
    private readonly LayerNorm? _norm3;
    private readonly LtxConv? _shortcut;
    private readonly Tensor? _noiseScale1, _noiseScale2, _scaleShiftTable;

    public LtxResidualBlock(ParameterPath path, int inWidth, int width, double shortcutNormEps, bool causal, bool injectNoise, bool timed) : base(path)
    {
        _conv1 = new LtxConv(path["conv1"], inWidth, width, causal);
        _conv2 = new LtxConv(path["conv2"], width, width, causal);
        if (inWidth != width)
        {
            _norm3 = new LayerNorm(path["norm3"].As(DType.Float32), inWidth, shortcutNormEps);
            _shortcut = new LtxConv(path["conv_shortcut"], inWidth, width, causal, kernel: 1);
        }
        if (injectNoise)
        {
            _noiseScale1 = path.Create("per_channel_scale1", [inWidth, 1, 1], Init.Zeros, DType.Float32);
            _noiseScale2 = path.Create("per_channel_scale2", [inWidth, 1, 1], Init.Zeros, DType.Float32);
        }
        if (timed) _scaleShiftTable = path.Create("scale_shift_table", [TableRows, inWidth], Init.Normal(1 / Math.Sqrt(inWidth)), DType.Float32);
    }

    /// <param name="x">[B, F, H, W, C]</param>
    /// <param name="temb">Embedding of the noise level, [B, 4C]; null without one.</param>
    /// <param name="noise">Where injected noise comes from; null for none.</param>
    /// <param name="stream">What came before.</param>
    public Tensor Forward(Tensor x, Tensor? temb, Generator? noise, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var rows = temb is null || _scaleShiftTable is null ? null : (temb.View(temb.Size(0), TableRows, -1) + _scaleShiftTable).Unbind(1); // 4 × [B, C]
        var h = Half(x, rows?[0], rows?[1], _conv1, _noiseScale1, noise, stream);
        TensorScope.Replace(ref h, Half(h, rows?[2], rows?[3], _conv2, _noiseScale2, noise, stream));
        x = stream.Beside(this, x, h.Size(1));
        return scope.Keep((_shortcut is null ? x : _shortcut.Forward(_norm3!.Forward(x), stream)) + h);
    }

    /// <summary>Blocks one after the other; at least one.</summary>
    public static Tensor Forward(LtxResidualBlock[] blocks, Tensor x, Tensor? temb, Generator? noise, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var h = blocks[0].Forward(x, temb, noise, stream);
        foreach (var block in blocks.Skip(1)) TensorScope.Replace(ref h, block.Forward(h, temb, noise, stream));
        return scope.Keep(h);
    }

    private static Tensor Half(Tensor x, Tensor? shift, Tensor? scale, LtxConv conv, Tensor? noiseScale, Generator? noise, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var h = Norm(x);
        if (shift is not null) h = Modulate(h, shift, scale!);
        return scope.Keep(Inject(conv.Forward(F.Silu(h), stream), noiseScale, noise, stream));
    }

    /// <summary>RMS norm over the channels, without weights.</summary>
    public static Tensor Norm(Tensor x) => x.Size(1) == 0 ? x.Alias() : F.RmsNorm(x, null, NormEps);

    /// <summary>x (1 + scale) + shift: [B, F, H, W, C], [B, C], [B, C].</summary>
    public static Tensor Modulate(Tensor x, Tensor shift, Tensor scale)
    {
        using var scope = TensorScope.Enter();
        long b = x.Size(0), c = x.Size(4);
        return scope.Keep(shift.View(b, 1, 1, 1, c).To(x.DType).Addcmul(x, (scale + 1).View(b, 1, 1, 1, c).To(x.DType)));
    }

    // One picture of noise for all channels and frames.
    private static Tensor Inject(Tensor x, Tensor? channelScale, Generator? noise, LtxStream stream)
    {
        if (channelScale is null || noise is null) return x;
        using var scope = TensorScope.Enter();
        var (_, _, h, w, c) = x.Dims5();
        return scope.Keep(x + (stream.Once(channelScale, () => noise.Normal(h, w).To(x.Device).View(h, w, 1)) * channelScale.View(c)).To(x.DType));
    }
}

/// <summary>Folds blocks of positions into channels after a convolution, beside it averages of folded channels.</summary>
internal sealed class LtxFoldingDownsample : Module
{
    private readonly int _time, _space, _width;
    private readonly LtxConv _conv;

    public LtxFoldingDownsample(ParameterPath path, int inWidth, int width, int time, int space, bool causal) : base(path)
    {
        (_time, _space, _width) = (time, space, width);
        _conv = new LtxConv(path["conv"], inWidth, width / (time * space * space), causal);
    }

    public Tensor Forward(Tensor x, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        // The first frame stands for the block that it completes.
        if (_time > 1) x = Tensor.Cat([x.Narrow(1, 0, _time - 1), x], 1);
        var folded = LtxFolding.Fold(x, _time, _space);                                          // [B, f, h, w, C·t·s·s]
        var (b, f, h, w, c) = folded.Dims5();
        var average = folded.View(b, f, h, w, _width, c / _width).To(DType.Float32).Mean([-1]);
        var y = LtxFolding.Fold(_conv.Forward(x, stream), _time, _space);
        return scope.Keep(y + average.To(y.DType));
    }
}

/// <summary>A convolution whose channels unfold into blocks of 2×2×2 positions, beside it copies of the unfolded input; the first frame is dropped.</summary>
internal sealed class LtxUnfoldingUpsample : Module
{
    private const int Step = 2, Block = Step * Step * Step;
    private readonly int _factor;
    private readonly bool _residual;
    private readonly LtxConv _conv;

    public LtxUnfoldingUpsample(ParameterPath path, int inWidth, int factor, bool residual, bool causal) : base(path)
    {
        (_factor, _residual) = (factor, residual);
        _conv = new LtxConv(path["conv"], inWidth, inWidth * Block / factor, causal);
    }

    public Tensor Forward(Tensor x, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var y = _conv.Forward(x, stream);
        int dropped = stream.Begins(this, y) ? Step - 1 : 0;
        if (_residual) x = stream.Beside(this, x, y.Size(1));
        TensorScope.Replace(ref y, Unfold(y, dropped));
        return scope.Keep(_residual ? y + Unfold(x, dropped).Repeat(1, 1, 1, 1, Block / _factor).To(y.DType) : y);
    }

    private static Tensor Unfold(Tensor x, int dropped)
    {
        using var scope = TensorScope.Enter();
        var y = LtxFolding.Unfold(x, Step, Step);
        return scope.Keep(dropped == 0 ? y : y.Narrow(1, dropped, y.Size(1) - dropped).Contiguous());
    }
}

/// <summary>Moves blocks of positions into channels and back, in the published orders.</summary>
internal static class LtxFolding
{
    /// <summary>[B, F·t, H·s, W·s, C] → [B, F, H, W, C·t·s·s], a channel's parts in the order (frame, row, column).</summary>
    public static Tensor Fold(Tensor x, int t, int s)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        var blocks = x.Reshape(b, f / t, t, h / s, s, w / s, s, c).Permute(0, 1, 3, 5, 7, 2, 4, 6);
        return scope.Keep(blocks.Reshape(b, f / t, h / s, w / s, c * t * s * s));
    }

    /// <summary>[B, F, H, W, C·t·s·s] → [B, F·t, H·s, W·s, C], the inverse of <see cref="Fold"/>.</summary>
    public static Tensor Unfold(Tensor x, int t, int s)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, folded) = x.Dims5();
        var c = folded / (t * s * s);
        var blocks = x.Reshape(b, f, h, w, c, t, s, s).Permute(0, 1, 5, 2, 6, 3, 7, 4);
        return scope.Keep(blocks.Reshape(b, f * t, h * s, w * s, c));
    }

    /// <summary>[B, F, H·p, W·p, C] → [B, F, H, W, C·p·p], a channel's parts in the order (column, row).</summary>
    public static Tensor FoldPatches(Tensor x, int p)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        var blocks = x.Reshape(b, f, h / p, p, w / p, p, c).Permute(0, 1, 2, 4, 6, 5, 3);
        return scope.Keep(blocks.Reshape(b, f, h / p, w / p, c * p * p));
    }

    /// <summary>The inverse of <see cref="FoldPatches"/>.</summary>
    public static Tensor UnfoldPatches(Tensor x, int p)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, folded) = x.Dims5();
        var c = folded / (p * p);
        var blocks = x.Reshape(b, f, h, w, c, p, p).Permute(0, 1, 2, 6, 3, 5, 4);
        return scope.Keep(blocks.Reshape(b, f, h * p, w * p, c));
    }
}

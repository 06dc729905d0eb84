using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.CogVideoX;

// Layers that the encoder and the decoder of CogVideoX's autoencoder are made of.
// Paper: Yang et al., arXiv:2408.06072, section 2.1; spatially adaptive norm: Zheng et al., "MoVQ", arXiv:2209.09002, section 3.2.
// Parameter names and the treatment of odd numbers of frames follow huggingface/diffusers d035dcd7,
// models/autoencoders/autoencoder_kl_cogvideox.py, models/downsampling.py, models/upsampling.py.
//
// A clip has 1 + 4k frames and its first frame stands alone, so whoever halves or doubles frames leaves the first of an odd number as it is.
//
// Shapes    B batch  F frames  H,W height, width  C channels; channels are last in memory throughout  Z latent channels  f,h,w of the latents
// Numerics  convolutions run in the autocast type and return it; norms accumulate in float32.

/// <summary>Group norm of [B, F, H, W, C] with statistics over all frames of the part that runs.</summary>
internal sealed class CogVideoXGroupNorm : Module
{
    private readonly GroupNorm _norm;

    public CogVideoXGroupNorm(ParameterPath path, int groups, int channels, double eps) : base(path) => _norm = new GroupNorm(path, groups, channels, eps);

    public Tensor Forward(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_norm.Forward(x.Permute(0, 4, 1, 2, 3)).Permute(0, 2, 3, 4, 1).Contiguous());
    }

    /// <summary>The norm over a map, as a function of its rows.</summary>
    public Func<Tensor, Tensor> Over(FeatureRows x) => x.IsWhole ? Forward : x.Norm(_norm, silu: false);
}

/// <summary>A group norm whose gain and shift come from the latents under each position: GN(x) · y(z) + b(z).</summary>
internal sealed class CogVideoXSpatialNorm : Module
{
    private const double Eps = 1e-6;
    private readonly CogVideoXGroupNorm _normLayer;
    private readonly PointwiseConv _convY, _convB;

    public CogVideoXSpatialNorm(ParameterPath path, int channels, int latentChannels, int groups) : base(path)
    {
        _normLayer = new CogVideoXGroupNorm(path["norm_layer"], groups, channels, Eps);
        _convY = new PointwiseConv(path["conv_y"]["conv"], latentChannels, channels, dimensions: 3);
        _convB = new PointwiseConv(path["conv_b"]["conv"], latentChannels, channels, dimensions: 3);
    }

    /// <summary>The norm over a map, as a function of its rows and the number of the first.</summary>
    /// <param name="x">[B, F, H, W, C]</param>
    /// <param name="z">Latents of the same part, [B, f, h, w, Z].</param>
    public Func<Tensor, long, Tensor> Over(FeatureRows x, Tensor z)
    {
        var norm = _normLayer.Over(x);
        // A pointwise convolution of repeated latents is the repetition of the convolution: it runs on the few.
        Tensor gain = _convY.Forward(z), shift = _convB.Forward(z);
        return (rows, top) =>
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(Modulate(norm(rows), UnderRows(gain, rows, top, x.Height), UnderRows(shift, rows, top, x.Height), z));
        };
    }

    // What stands under rows of a map: as it is where the map is whole, row by row where the rows may begin within a latent.
    private static Tensor UnderRows(Tensor values, Tensor rows, long top, long height)
    {
        long count = rows.Size(2), side = height / values.Size(2), from = top / side, to = (top + count + side - 1) / side;
        if (count == height) return values;
        using var scope = TensorScope.Enter();
        return scope.Keep(values.Narrow(2, from, to - from).RepeatInterleave(side, 2).Narrow(2, top - from * side, count));
    }

    private static Tensor Modulate(Tensor normed, Tensor gain, Tensor shift, Tensor z)
    {
        using var scope = TensorScope.Enter();
        long frames = normed.Size(1), latentFrames = z.Size(1);
        if (frames == 1 || frames % 2 == 0) return scope.Keep(Modulate(normed, gain, shift));
        var first = Modulate(normed.Narrow(1, 0, 1), gain.Narrow(1, 0, 1), shift.Narrow(1, 0, 1));
        var rest = Modulate(normed.Narrow(1, 1, frames - 1), gain.Narrow(1, 1, latentFrames - 1), shift.Narrow(1, 1, latentFrames - 1));
        return scope.Keep(Tensor.Cat([first, rest], 1));
    }

    // Gain and shift [B, f, h, w, C] hold for blocks of positions; broadcasting spreads them without storing them at full size.
    private static Tensor Modulate(Tensor x, Tensor gain, Tensor shift)
    {
        using var scope = TensorScope.Enter();
        var (b, frames, height, width, c) = x.Dims5();
        var (_, f, h, w, _) = gain.Dims5();
        var blocks = x.Reshape(b, f, frames / f, h, height / h, w, width / w, c);
        var y = blocks * gain.Reshape(b, f, 1, h, 1, w, 1, c) + shift.Reshape(b, f, 1, h, 1, w, 1, c);
        return scope.Keep(y.Reshape(b, frames, height, width, c));
    }
}

/// <summary>Two causal convolutions with norms and a shortcut.</summary>
internal sealed class CogVideoXResidualBlock : Module
{
    private readonly Func<FeatureRows, Tensor?, Func<Tensor, long, Tensor>> _norm1, _norm2;
    private readonly CausalConv3d _conv1, _conv2;
    private readonly PointwiseConv? _convShortcut;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="inChannels">C</param>
    /// <param name="outChannels">C'</param>
    /// <param name="config">The network's configuration.</param>
    /// <param name="readsLatents">Whether the norms are those of the decoder.</param>
    public CogVideoXResidualBlock(ParameterPath path, int inChannels, int outChannels, CogVideoXAutoencoderConfig config, bool readsLatents) : base(path)
    {
        _norm1 = Norm(path["norm1"], inChannels, config, readsLatents);
        _norm2 = Norm(path["norm2"], outChannels, config, readsLatents);
        _conv1 = new CausalConv3d(path["conv1"]["conv"], inChannels, outChannels);
        _conv2 = new CausalConv3d(path["conv2"]["conv"], outChannels, outChannels);
        _convShortcut = inChannels == outChannels ? null : new PointwiseConv(path["conv_shortcut"], inChannels, outChannels, dimensions: 3);
    }

    /// <param name="x">[B, F, H, W, C], used up.</param>
    /// <param name="z">Latents of the part in the decoder, null in the encoder.</param>
    /// <param name="history">What the convolutions saw before this part.</param>
    public FeatureRows Forward(FeatureRows x, Tensor? z, CausalHistory history)                  // [B, F, H, W, C']
    {
        if (_convShortcut is null) x = x.InMemory();
        Func<Tensor, long, Tensor> norm1 = Silu(_norm1(x, z));
        var (h, residual) = _convShortcut is null
            ? (_conv1.Forward(x.Map(norm1), history).Stored(), x)
            : x.StoredWith(norm1, (rows, top) => _conv1.Forward(rows, history, top, x.Height), _convShortcut.Forward);
        if (_convShortcut is not null) EngineRuntime.TrimHostMemory();                           // maps of C channels are of no more use
        var sum = _conv2.Forward(h.Map(Silu(_norm2(h, z))), history).Plus(residual).StoredOver(residual);
        h.Free();
        return sum;
    }

    /// <summary>SiLU of a norm.</summary>
    internal static Func<Tensor, long, Tensor> Silu(Func<Tensor, long, Tensor> norm) => (rows, top) =>
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(F.Silu(norm(rows, top)));
    };

    private static Func<FeatureRows, Tensor?, Func<Tensor, long, Tensor>> Norm(ParameterPath path, int channels, CogVideoXAutoencoderConfig config, bool readsLatents)
    {
        if (readsLatents)
        {
            var spatial = new CogVideoXSpatialNorm(path, channels, config.LatentChannels, config.NormNumGroups);
            return (x, z) => spatial.Over(x, z!);
        }
        var plain = new CogVideoXGroupNorm(path, config.NormNumGroups, channels, config.NormEps);
        return (x, _) =>
        {
            var norm = plain.Over(x);
            return (rows, _) => norm(rows);
        };
    }
}

/// <summary>Half the side, and half the frames where the stage says so.</summary>
internal sealed class CogVideoXDownsample : Module
{
    private const int Kernel = 3, Stride = 2;
    private readonly bool _halvesFrames;
    private readonly Conv2d _conv;

    public CogVideoXDownsample(ParameterPath path, int channels, bool halvesFrames) : base(path)
    {
        _halvesFrames = halvesFrames;
        _conv = new Conv2d(path["conv"], channels, channels, Kernel, Stride);
    }

    public Tensor Forward(Tensor x)                                                              // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        if (_halvesFrames) x = HalfTheFrames(x);
        var (b, f, h, w, c) = x.Dims5();
        var padded = F.Pad(x.Reshape(b * f, h, w, c), [0, 0, 0, 1, 0, 1]);                       // a row below, a column to the right
        var y = _conv.Forward(padded.Permute(0, 3, 1, 2)).Permute(0, 2, 3, 1).Contiguous();
        return scope.Keep(y.View(b, f, y.Size(1), y.Size(2), c));                                // [B, F', H/2, W/2, C]
    }

    private static Tensor HalfTheFrames(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        if (f == 1) return x;
        var alone = f % 2;
        var pairs = x.Narrow(1, alone, f - alone).Reshape(b, f / 2, 2, h, w, c).Mean([2]);
        return scope.Keep(alone == 0 ? pairs : Tensor.Cat([x.Narrow(1, 0, 1), pairs], 1));
    }
}

/// <summary>Twice the side, and twice the frames where the stage says so.</summary>
internal sealed class CogVideoXUpsample : Module
{
    private readonly bool _doublesFrames;
    private readonly FrameConv2d _conv;

    public CogVideoXUpsample(ParameterPath path, int channels, bool doublesFrames) : base(path)
    {
        _doublesFrames = doublesFrames;
        _conv = new FrameConv2d(path["conv"], channels, channels);
    }

    public Tensor Forward(Tensor x)                                                              // [B, F, H, W, C]
    {
        using var scope = TensorScope.Enter();
        var f = x.Size(1);
        if (!_doublesFrames || f == 1) return scope.Keep(_conv.Forward(Nearest(x, 1)));
        if (f % 2 == 0) return scope.Keep(_conv.Forward(Nearest(x, 2)));
        return scope.Keep(_conv.Forward(Tensor.Cat([Nearest(x.Narrow(1, 0, 1), 1), Nearest(x.Narrow(1, 1, f - 1), 2)], 1)));
    }

    private static Tensor Nearest(Tensor x, int frameCopies)
    {
        using var scope = TensorScope.Enter();
        var (b, f, h, w, c) = x.Dims5();
        var copies = x.Reshape(b, f, 1, h, 1, w, 1, c).Expand(b, f, frameCopies, h, 2, w, 2, c);
        return scope.Keep(copies.Reshape(b, f * frameCopies, 2 * h, 2 * w, c));
    }
}

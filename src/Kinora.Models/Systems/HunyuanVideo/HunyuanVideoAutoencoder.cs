using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Systems.HunyuanVideo;

// HunyuanVideo's causal video autoencoder: 1 + 4k frames become 1 + k latent frames of an eighth of the side.
// Paper: Kong et al., arXiv:2412.03603, section 4.1. Parameter names follow huggingface/diffusers d035dcd7, autoencoder_kl_hunyuan_video.py.
//
// Shapes    B batch  C channels  F frames  H,W height, width  Z latent channels  f,h,w latent frames, height, width
// Numerics  convolutions run in the autocast type and the residual stream keeps it; norms accumulate in float32; moments and clips are float32.
public sealed class HunyuanVideoAutoencoder : Module
{
    private const double NormEps = 1e-6;
    private readonly Encoder _encoder;
    private readonly Decoder _decoder;
    private readonly Conv3d _quantConv, _postQuantConv;

    public HunyuanVideoAutoencoder(ParameterPath path, HunyuanVideoAutoencoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _encoder = new Encoder(path["encoder"], config);
        _decoder = new Decoder(path["decoder"], config);
        _quantConv = new Conv3d(path["quant_conv"], 2 * config.LatentChannels, 2 * config.LatentChannels, 1);
        _postQuantConv = new Conv3d(path["post_quant_conv"], config.LatentChannels, config.LatentChannels, 1);
    }

    public HunyuanVideoAutoencoderConfig Config { get; }

    /// <summary>Mean and log variance of the latents of clips, one after the other in the channels, not scaled: [B, 2Z, f, h, w] in float32.</summary>
    /// <param name="x">Clips [B, 3, F, H, W] in [−1, 1]; F = 1 + 4k, H and W multiples of the spatial compression.</param>
    public Tensor EncodeMoments(Tensor x)
    {
        using var scope = TensorScope.Enter();
        int t = Config.TemporalCompressionRatio, s = Config.SpatialCompressionRatio;
        if (x.Dim != 5 || x.Size(1) != Config.InChannels || (x.Size(2) - 1) % t != 0 || x.Size(3) % s != 0 || x.Size(4) % s != 0)
            throw new ShapeException($"HunyuanVideoAutoencoder: expected clips [B, {Config.InChannels}, 1 + {t}k, {s}m, {s}n], got {x}. Crop or resize the clip first.");
        return scope.Keep(_quantConv.Forward(_encoder.Forward(x)).To(DType.Float32));
    }

    /// <summary>Clips [B, 3, F, H, W], not clamped, from latents [B, Z, f, h, w] that are not scaled.</summary>
    public Tensor Decode(Tensor z)
    {
        using var scope = TensorScope.Enter();
        if (z.Dim != 5 || z.Size(1) != Config.LatentChannels)
            throw new ShapeException($"HunyuanVideoAutoencoder: expected latents [B, {Config.LatentChannels}, f, h, w], got {z}.");
        return scope.Keep(_decoder.Forward(_postQuantConv.Forward(z)).To(DType.Float32));
    }

    /// <summary>A convolution that sees no later frame; beyond the borders and before the first frame the nearest value repeats.</summary>
    private sealed class CausalConv : Module
    {
        private readonly int _kernel;
        private readonly Conv3d _conv;

        public CausalConv(ParameterPath path, int inChannels, int outChannels, int kernel = 3, Size3 stride = default) : base(path)
        {
            _kernel = kernel;
            _conv = new Conv3d(path["conv"], inChannels, outChannels, kernel, stride);
        }

        public Tensor Forward(Tensor x)                                                          // [B, C, F, H, W]
        {
            using var scope = TensorScope.Enter();
            long side = _kernel / 2;
            return scope.Keep(_conv.Forward(_kernel == 1 ? x : F.ReplicationPad3d(x, [side, side, side, side, _kernel - 1, 0])));
        }
    }

    private sealed class ResidualBlock : Module
    {
        private readonly GroupNorm _norm1, _norm2;
        private readonly CausalConv _conv1, _conv2;
        private readonly CausalConv? _convShortcut;

        public ResidualBlock(ParameterPath path, int inChannels, int outChannels, int groups) : base(path)
        {
            _norm1 = new GroupNorm(path["norm1"], groups, inChannels, NormEps);
            _conv1 = new CausalConv(path["conv1"], inChannels, outChannels);
            _norm2 = new GroupNorm(path["norm2"], groups, outChannels, NormEps);
            _conv2 = new CausalConv(path["conv2"], outChannels, outChannels);
            _convShortcut = inChannels == outChannels ? null : new CausalConv(path["conv_shortcut"], inChannels, outChannels, kernel: 1);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var h = _conv1.Forward(_norm1.ForwardSilu(x));
            h = _conv2.Forward(_norm2.ForwardSilu(h));
            return scope.Keep((_convShortcut?.Forward(x) ?? x) + h);
        }
    }

    /// <summary>Residual block, attention of one head over all positions of this and earlier frames, residual block.</summary>
    private sealed class MidBlock : Module
    {
        private readonly ResidualBlock _first, _second;
        private readonly GroupNorm _groupNorm;
        private readonly Linear _toQ, _toK, _toV, _toOut;

        public MidBlock(ParameterPath path, int channels, int groups) : base(path)
        {
            _first = new ResidualBlock(path["resnets"][0], channels, channels, groups);
            var attention = path["attentions"][0];
            _groupNorm = new GroupNorm(attention["group_norm"], groups, channels, NormEps);
            _toQ = new Linear(attention["to_q"], channels, channels);
            _toK = new Linear(attention["to_k"], channels, channels);
            _toV = new Linear(attention["to_v"], channels, channels);
            _toOut = new Linear(attention["to_out"][0], channels, channels);
            _second = new ResidualBlock(path["resnets"][1], channels, channels, groups);
        }

        public Tensor Forward(Tensor x)                                                          // [B, C, F, H, W]
        {
            using var scope = TensorScope.Enter();
            var h = _first.Forward(x);
            return scope.Keep(_second.Forward(h + Attend(h)));
        }

        private Tensor Attend(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var (b, c, frames, height, width) = x.Dims5();
            long size = height * width;
            var tokens = _groupNorm.Forward(x.Permute(0, 2, 3, 4, 1).Reshape(b, frames * size, c).Transpose(1, 2)).Transpose(1, 2); // [B, F·H·W, C]
            Tensor q = _toQ.Forward(tokens).Unsqueeze(1), k = _toK.Forward(tokens).Unsqueeze(1), v = _toV.Forward(tokens).Unsqueeze(1);
            // Frame by frame, so that the scores of the whole clip are never stored.
            var attended = new List<Tensor>();
            for (long i = 0; i < frames; i++)
                attended.Add(F.ScaledDotProductAttention(q.Narrow(2, i * size, size), k.Narrow(2, 0, (i + 1) * size), v.Narrow(2, 0, (i + 1) * size)));
            var h = _toOut.Forward(Tensor.Cat(attended, 2).Squeeze(1));
            return scope.Keep(h.View(b, frames, height, width, c).Permute(0, 4, 1, 2, 3));
        }
    }

    private sealed class Encoder : Module
    {
        private readonly CausalConv _convIn, _convOut;
        private readonly ResidualBlock[][] _stages;
        private readonly CausalConv?[] _downsamplers;
        private readonly MidBlock _mid;
        private readonly GroupNorm _convNormOut;

        public Encoder(ParameterPath path, HunyuanVideoAutoencoderConfig config) : base(path)
        {
            var widths = config.BlockOutChannels;
            int groups = config.NormNumGroups;
            _convIn = new CausalConv(path["conv_in"], config.InChannels, widths[0]);
            _stages = new ResidualBlock[widths.Count][];
            _downsamplers = new CausalConv?[widths.Count];
            for (var i = 0; i < widths.Count; i++)
            {
                var block = path["down_blocks"][i];
                int from = widths[Math.Max(0, i - 1)], to = widths[i];
                _stages[i] = [.. Enumerable.Range(0, config.LayersPerBlock).Select(j => new ResidualBlock(block["resnets"][j], j == 0 ? from : to, to, groups))];
                var (t, s) = config.Reduction(i);
                if (t * s > 1) _downsamplers[i] = new CausalConv(block["downsamplers"][0]["conv"], to, to, stride: new Size3(t, s, s));
            }
            _mid = new MidBlock(path["mid_block"], widths[^1], groups);
            _convNormOut = new GroupNorm(path["conv_norm_out"], groups, widths[^1], NormEps);
            _convOut = new CausalConv(path["conv_out"], widths[^1], 2 * config.LatentChannels);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var h = _convIn.Forward(x);
            for (var i = 0; i < _stages.Length; i++)
            {
                foreach (var block in _stages[i]) h = block.Forward(h);
                h = _downsamplers[i]?.Forward(h) ?? h;
            }
            return scope.Keep(_convOut.Forward(F.Silu(_convNormOut.Forward(_mid.Forward(h)))));  // [B, 2Z, f, h, w]
        }
    }

    private sealed class Decoder : Module
    {
        private readonly CausalConv _convIn, _convOut;
        private readonly MidBlock _mid;
        private readonly ResidualBlock[][] _stages;
        private readonly Upsample?[] _upsamplers;
        private readonly GroupNorm _convNormOut;

        public Decoder(ParameterPath path, HunyuanVideoAutoencoderConfig config) : base(path)
        {
            int[] widths = [.. config.BlockOutChannels.Reverse()];
            int groups = config.NormNumGroups;
            _convIn = new CausalConv(path["conv_in"], config.LatentChannels, widths[0]);
            _mid = new MidBlock(path["mid_block"], widths[0], groups);
            _stages = new ResidualBlock[widths.Length][];
            _upsamplers = new Upsample?[widths.Length];
            for (var i = 0; i < widths.Length; i++)
            {
                var block = path["up_blocks"][i];
                int from = widths[Math.Max(0, i - 1)], to = widths[i];
                _stages[i] = [.. Enumerable.Range(0, config.LayersPerBlock + 1).Select(j => new ResidualBlock(block["resnets"][j], j == 0 ? from : to, to, groups))];
                var (t, s) = config.Reduction(i);
                if (t * s > 1) _upsamplers[i] = new Upsample(block["upsamplers"][0], to, t, s);
            }
            _convNormOut = new GroupNorm(path["conv_norm_out"], groups, widths[^1], NormEps);
            _convOut = new CausalConv(path["conv_out"], widths[^1], config.OutChannels);
        }

        public Tensor Forward(Tensor z)
        {
            using var scope = TensorScope.Enter();
            var h = _mid.Forward(_convIn.Forward(z));
            for (var i = 0; i < _stages.Length; i++)
            {
                foreach (var block in _stages[i]) h = block.Forward(h);
                h = _upsamplers[i]?.Forward(h) ?? h;
            }
            return scope.Keep(_convOut.Forward(_convNormOut.ForwardSilu(h)));                // [B, 3, F, H, W]
        }
    }

    /// <summary>Nearest-neighbor enlargement that leaves the first frame single, then a convolution.</summary>
    private sealed class Upsample(ParameterPath path, int channels, int frames, int side) : Module(path)
    {
        private readonly CausalConv _conv = new(path["conv"], channels, channels);

        public Tensor Forward(Tensor x)                                                          // [B, C, F, H, W]
        {
            using var scope = TensorScope.Enter();
            var count = x.Size(2);
            var first = F.InterpolateNearest(x.Narrow(2, 0, 1), 1, side, side);
            if (count == 1) return scope.Keep(_conv.Forward(first));
            return scope.Keep(_conv.Forward(Tensor.Cat([first, F.InterpolateNearest(x.Narrow(2, 1, count - 1), frames, side, side)], 2)));
        }
    }
}

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Mochi;

// Mochi 1's causal video autoencoder: 1 + 6k frames become 1 + k latent frames of an eighth of the side.
// Source: genmo, "Mochi 1", github.com/genmoai/mochi (AsymmVAE). Parameter names follow huggingface/diffusers 071190da, autoencoder_kl_mochi.py.
//
// Shapes    B batch  C channels  F frames  H,W height, width  Z latent channels  f,h,w latent frames, height, width
// Numerics  Fourier features are float32; convolutions run in the autocast type; norms accumulate in float32; moments and clips are float32.
public sealed class MochiAutoencoder : Module
{
    private const int Groups = 32, HeadDim = 32;
    private readonly Encoder _encoder;
    private readonly Decoder _decoder;

    public MochiAutoencoder(ParameterPath path, MochiAutoencoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _encoder = new Encoder(path["encoder"], config);
        _decoder = new Decoder(path["decoder"], config);
    }

    public MochiAutoencoderConfig Config { get; }

    /// <summary>Mean and log variance of the latents of clips, one after the other in the channels, not normalized: [B, 2Z, f, h, w] in float32.</summary>
    /// <param name="x">Clips [B, 3, F, H, W] in [−1, 1]; F = 1 + 6k, H and W multiples of the spatial compression.</param>
    public Tensor EncodeMoments(Tensor x)
    {
        using var scope = TensorScope.Enter();
        int t = Config.TemporalCompression, s = Config.SpatialCompression, colors = Config.InChannels / 5;
        if (x.Dim != 5 || x.Size(1) != colors || (x.Size(2) - 1) % t != 0 || x.Size(3) % s != 0 || x.Size(4) % s != 0)
            throw new ShapeException($"MochiAutoencoder: expected clips [B, {colors}, 1 + {t}k, {s}m, {s}n], got {x}. Crop or resize the clip first.");
        return scope.Keep(_encoder.Forward(x).To(DType.Float32));
    }

    /// <summary>Clips [B, 3, F, H, W], not clamped, from latents [B, Z, f, h, w] that are not normalized.</summary>
    public Tensor Decode(Tensor z)
    {
        using var scope = TensorScope.Enter();
        if (z.Dim != 5 || z.Size(1) != Config.LatentChannels)
            throw new ShapeException($"MochiAutoencoder: expected latents [B, {Config.LatentChannels}, f, h, w], got {z}.");
        var x = _decoder.Forward(z).To(DType.Float32);
        // Every latent frame comes out at full length; of the first, one frame is real.
        var extra = Config.TemporalCompression - 1;
        return scope.Keep(x.Narrow(2, extra, x.Size(2) - extra).Contiguous());
    }

    // [x, sin(2^k 2π x), cos(2^k 2π x)], k = 6, 7: a color's frequencies stand side by side.
    private static Tensor FourierFeatures(Tensor x)                                              // [B, 3, F, H, W]
    {
        using var scope = TensorScope.Enter();
        x = x.To(DType.Float32);
        var phases = Tensor.Stack([x * (64 * 2 * Math.PI), x * (128 * 2 * Math.PI)], 2).Flatten(1, 2); // [B, 6, F, H, W]
        return scope.Keep(Tensor.Cat([x, phases.Sin(), phases.Cos()], 1));                       // [B, 15, F, H, W]
    }

    /// <summary>A linear map of channels.</summary>
    private static Tensor Channels(Linear linear, Tensor x)                                      // [B, C, F, H, W]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(linear.Forward(x.Permute(0, 2, 3, 4, 1)).Permute(0, 4, 1, 2, 3));
    }

    /// <summary>Group norm with statistics of each frame by itself.</summary>
    private sealed class FrameNorm(ParameterPath path, int channels) : Module(path)
    {
        private readonly GroupNorm _normLayer = new(path["norm_layer"], Groups, channels);

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var (b, c, f, h, w) = x.Dims5();
            return scope.Keep(_normLayer.Forward(x.Transpose(1, 2).Reshape(b * f, c, h, w)).View(b, f, c, h, w).Transpose(1, 2));
        }
    }

    /// <summary>A convolution that sees no later frame; beyond the borders and before the first frame the nearest value repeats.</summary>
    private sealed class CausalConv : Module
    {
        private readonly Size3 _kernel;
        private readonly Conv3d _conv;

        public CausalConv(ParameterPath path, int inChannels, int outChannels, Size3 kernel, Size3 stride = default) : base(path)
        {
            _kernel = kernel;
            _conv = new Conv3d(path["conv"], inChannels, outChannels, kernel, stride);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            long h = (_kernel.Height - 1) / 2, w = (_kernel.Width - 1) / 2;
            return scope.Keep(_conv.Forward(F.ReplicationPad3d(x, [w, w, h, h, _kernel.Frames - 1, 0])));
        }
    }

    private sealed class ResidualBlock : Module
    {
        private readonly FrameNorm _norm1, _norm2;
        private readonly CausalConv _conv1, _conv2;

        public ResidualBlock(ParameterPath path, int channels) : base(path)
        {
            _norm1 = new FrameNorm(path["norm1"], channels);
            _conv1 = new CausalConv(path["conv1"], channels, channels, 3);
            _norm2 = new FrameNorm(path["norm2"], channels);
            _conv2 = new CausalConv(path["conv2"], channels, channels, 3);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var h = _conv1.Forward(F.Silu(_norm1.Forward(x)));
            return scope.Keep(x + _conv2.Forward(F.Silu(_norm2.Forward(h))));
        }
    }

    /// <summary>Every position attends to its own past; queries and keys have unit length.</summary>
    private sealed class TimeAttention : Module
    {
        private const double LengthEps = 1e-12;
        private readonly int _numHeads;
        private readonly Linear _toQ, _toK, _toV, _toOut;

        public TimeAttention(ParameterPath path, int channels) : base(path)
        {
            _numHeads = channels / HeadDim;
            _toQ = new Linear(path["to_q"], channels, channels, bias: false);
            _toK = new Linear(path["to_k"], channels, channels, bias: false);
            _toV = new Linear(path["to_v"], channels, channels, bias: false);
            _toOut = new Linear(path["to_out"][0], channels, channels);
        }

        public Tensor Forward(Tensor x)                                                          // [B, C, F, H, W]
        {
            using var scope = TensorScope.Enter();
            var (b, c, f, h, w) = x.Dims5();
            var tokens = x.Permute(0, 3, 4, 2, 1).Reshape(b * h * w, f, c);                      // [B·H·W, F, C]
            // One frame has only itself to attend to.
            var y = f == 1 ? _toV.Forward(tokens) : Attend(tokens);
            return scope.Keep(_toOut.Forward(y).View(b, h, w, f, c).Permute(0, 4, 3, 1, 2));
        }

        private Tensor Attend(Tensor tokens)
        {
            using var scope = TensorScope.Enter();
            var (n, f, c) = tokens.Dims3();
            Tensor q = Unit(Heads(_toQ.Forward(tokens))), k = Unit(Heads(_toK.Forward(tokens))), v = Heads(_toV.Forward(tokens));
            return scope.Keep(F.ScaledDotProductAttention(q.To(v.DType), k.To(v.DType), v, causal: true).Transpose(1, 2).Reshape(n, f, c));

            Tensor Heads(Tensor t) => t.View(n, f, _numHeads, HeadDim).Transpose(1, 2);
        }

        private static Tensor Unit(Tensor x)
        {
            using var scope = TensorScope.Enter();
            x = x.To(DType.Float32);
            return scope.Keep(x / x.Norm(2, [-1], keepDim: true).Clamp(min: LengthEps));
        }
    }

    /// <summary>Residual blocks, each with or without attention over time behind it.</summary>
    private sealed class Stage : Module
    {
        private readonly ResidualBlock[] _resnets;
        private readonly (FrameNorm Norm, TimeAttention Attention)[] _attentions;

        public Stage(ParameterPath path, int channels, int layers, bool attends) : base(path)
        {
            _resnets = [.. Enumerable.Range(0, layers).Select(i => new ResidualBlock(path["resnets"][i], channels))];
            _attentions = attends ? [.. Enumerable.Range(0, layers).Select(i => (new FrameNorm(path["norms"][i], channels), new TimeAttention(path["attentions"][i], channels)))] : [];
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            for (var i = 0; i < _resnets.Length; i++)
            {
                x = _resnets[i].Forward(x);
                if (_attentions.Length > 0) x += _attentions[i].Attention.Forward(_attentions[i].Norm.Forward(x));
            }
            return scope.Keep(x);
        }
    }

    private sealed class Encoder : Module
    {
        private readonly Linear _projIn, _projOut;
        private readonly Stage _blockIn, _blockOut;
        private readonly (CausalConv Conv, Stage Stage)[] _downBlocks;
        private readonly FrameNorm _normOut;

        public Encoder(ParameterPath path, MochiAutoencoderConfig config) : base(path)
        {
            var widths = config.EncoderBlockOutChannels;
            var layers = config.LayersPerBlock;
            _projIn = new Linear(path["proj_in"], config.InChannels, widths[0]);
            _blockIn = new Stage(path["block_in"], widths[0], layers[0], config.AddAttentionBlock[0]);
            _downBlocks = [.. Enumerable.Range(0, widths.Count - 1).Select(i =>
            {
                var block = path["down_blocks"][i];
                var size = new Size3(config.TemporalExpansions[i], config.SpatialExpansions[i], config.SpatialExpansions[i]);
                return (new CausalConv(block["conv_in"], widths[i], widths[i + 1], size, size), new Stage(block, widths[i + 1], layers[i + 1], config.AddAttentionBlock[i + 1]));
            })];
            _blockOut = new Stage(path["block_out"], widths[^1], layers[^1], config.AddAttentionBlock[^1]);
            _normOut = new FrameNorm(path["norm_out"], widths[^1]);
            _projOut = new Linear(path["proj_out"], widths[^1], 2 * config.LatentChannels, bias: false);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var h = _blockIn.Forward(Channels(_projIn, FourierFeatures(x)));
            foreach (var (conv, stage) in _downBlocks) h = stage.Forward(conv.Forward(h));
            return scope.Keep(Channels(_projOut, F.Silu(_normOut.Forward(_blockOut.Forward(h))))); // [B, 2Z, f, h, w]
        }
    }

    private sealed class Decoder : Module
    {
        private readonly Conv3d _convIn;
        private readonly Stage _blockIn, _blockOut;
        private readonly Expansion[] _upBlocks;
        private readonly Linear _projOut;

        public Decoder(ParameterPath path, MochiAutoencoderConfig config) : base(path)
        {
            int[] widths = [.. config.DecoderBlockOutChannels.Reverse()], layers = [.. config.LayersPerBlock.Reverse()], times = [.. config.TemporalExpansions.Reverse()], sides = [.. config.SpatialExpansions.Reverse()];
            _convIn = new Conv3d(path["conv_in"], config.LatentChannels, widths[0], 1);
            _blockIn = new Stage(path["block_in"], widths[0], layers[0], attends: false);
            _upBlocks = [.. Enumerable.Range(0, widths.Length - 1).Select(i => new Expansion(path["up_blocks"][i], widths[i], widths[i + 1], layers[i + 1], times[i], sides[i]))];
            _blockOut = new Stage(path["block_out"], widths[^1], layers[^1], attends: false);
            _projOut = new Linear(path["proj_out"], widths[^1], config.OutChannels);
        }

        public Tensor Forward(Tensor z)
        {
            using var scope = TensorScope.Enter();
            var h = _blockIn.Forward(_convIn.Forward(z));
            foreach (var block in _upBlocks) h = block.Forward(h);
            return scope.Keep(Channels(_projOut, F.Silu(_blockOut.Forward(h))));                 // [B, 3, t·f, H, W]
        }
    }

    /// <summary>Residual blocks, then channels become frames, rows and columns.</summary>
    private sealed class Expansion(ParameterPath path, int inChannels, int outChannels, int layers, int frames, int side) : Module(path)
    {
        private readonly Stage _stage = new(path, inChannels, layers, attends: false);
        private readonly Linear _proj = new(path["proj"], inChannels, outChannels * frames * side * side);

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var h = Channels(_proj, _stage.Forward(x));
            var (b, _, f, height, width) = h.Dims5();
            return scope.Keep(h.Reshape(b, outChannels, frames, side, side, f, height, width).Permute(0, 1, 5, 2, 6, 3, 7, 4).Reshape(b, outChannels, f * frames, height * side, width * side));
        }
    }
}

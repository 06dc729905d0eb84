using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Checkpoints;
using Kinora.Models.Generation;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableDiffusion;

// The autoencoder of Stable Diffusion: pictures to latents of an eighth of the height and width, and back.
// Paper: Rombach et al., "Latent Diffusion", arXiv:2112.10752, section 3.1 and appendix G.
// Names follow huggingface/diffusers d035dcd7, models/autoencoders/autoencoder_kl.py and vae.py.
//
// Shapes    B batch  C channels  c latent channels  H,W height, width  h,w latent height, width
// Numerics  group norms accumulate in float32; convolutions and attention run in the type of the weights or the autocast type, the last one in
//           float32; moments and decoded pictures are float32.
public sealed class AutoencoderKl : Module
{
    private const int Kernel = 3;
    private const double NormEps = 1e-6;

    // Files of 2022 name the middle's attention by other words: huggingface/diffusers v0.11, models/attention.py (AttentionBlock).
    internal static readonly KeyMap FormerNames = new(
    [
        new("{}.mid_block.attentions.0.query.{}", "{}.mid_block.attentions.0.to_q.{}"),
        new("{}.mid_block.attentions.0.key.{}", "{}.mid_block.attentions.0.to_k.{}"),
        new("{}.mid_block.attentions.0.value.{}", "{}.mid_block.attentions.0.to_v.{}"),
        new("{}.mid_block.attentions.0.proj_attn.{}", "{}.mid_block.attentions.0.to_out.0.{}"),
        new("{}.{*}", "{}.{*}"),
    ]);

    private readonly Encoder _encoder;
    private readonly Decoder _decoder;
    private readonly Conv2d? _quantConv, _postQuantConv;

    public AutoencoderKl(ParameterPath path, AutoencoderKlConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        int c = config.LatentChannels;
        _encoder = new Encoder(path["encoder"], config);
        _decoder = new Decoder(path["decoder"], config);
        _quantConv = config.UseQuantConv ? new Conv2d(path["quant_conv"], 2 * c, 2 * c, 1) : null;
        _postQuantConv = config.UsePostQuantConv ? new Conv2d(path["post_quant_conv"], c, c, 1) : null;
    }

    public AutoencoderKlConfig Config { get; }

    /// <summary>Loads the autoencoder of a model.</summary>
    /// <exception cref="ConfigException">The configuration is wrong.</exception>
    /// <exception cref="CheckpointException">The weights are not exactly those of the network; the message lists every difference.</exception>
    public static AutoencoderKl Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = AutoencoderKlConfig.Read(networks.Folder.Config("vae"));
        return networks.Load("vae", path => new AutoencoderKl(path, config));
    }

    /// <summary>The posterior over latents of pictures [B, C, H, W] in [−1, 1].</summary>
    /// <param name="x">H and W are multiples of the compression.</param>
    /// <param name="inStrips">Works strip by strip, picture by picture: the same to rounding, in less memory and more time.</param>
    public DiagonalGaussian Encode(Tensor x, bool inStrips = false)
    {
        using var scope = TensorScope.Enter();
        var posterior = DiagonalGaussian.FromMoments(EncodeMoments(x, inStrips));
        scope.Keep(posterior.Mean);
        scope.Keep(posterior.LogVariance);
        return posterior;                                                                        // 2 × [B, c, h, w]
    }

    /// <summary>Means and logarithms of variances as the network puts them out, [B, 2c, h, w].</summary>
    /// <inheritdoc cref="Encode"/>
    public Tensor EncodeMoments(Tensor x, bool inStrips = false)
    {
        using var scope = TensorScope.Enter();
        if (x.Dim != 4 || x.Size(1) != Config.InChannels || x.Size(2) < Config.SpatialCompression || x.Size(3) < Config.SpatialCompression)
            throw new ShapeException($"AutoencoderKl: expected pictures [B, {Config.InChannels}, H, W] of at least {Config.SpatialCompression} pixels, got [{string.Join(", ", x.Shape)}].");
        return scope.Keep(inStrips ? EncodeInStrips(x, FeatureRows.Positions) : QuantMoments(_encoder.Forward(x.ContiguousChannelsLast())));
    }

    /// <summary>Pictures [B, C, H, W] in float32, around [−1, 1] but not clamped, from latents [B, c, h, w].</summary>
    /// <param name="z">Latents as the encoder makes them: after <see cref="Denormalize"/> when they come from diffusion.</param>
    /// <param name="inStrips">Works strip by strip, picture by picture: the same to rounding, in less memory and more time.</param>
    public Tensor Decode(Tensor z, bool inStrips = false)
    {
        using var scope = TensorScope.Enter();
        if (z.Dim != 4 || z.Size(1) != Config.LatentChannels)
            throw new ShapeException($"AutoencoderKl: expected latents [B, {Config.LatentChannels}, h, w], got [{string.Join(", ", z.Shape)}].");
        return scope.Keep(inStrips ? DecodeInStrips(z, FeatureRows.Positions) : _decoder.Forward(PostQuant(z)).To(DType.Float32).Contiguous());
    }

    /// <summary>Latents of the encoder → latents of diffusion, with unit variance.</summary>
    public Tensor Normalize(Tensor z)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Config.LatentsMean is { } mean
            ? (z - PerChannel(mean)) * Config.ScalingFactor / PerChannel(Config.LatentsStd!)
            : (z - (Config.ShiftFactor ?? 0)) * Config.ScalingFactor);
    }

    /// <summary>Latents of diffusion → latents of the decoder: the inverse of <see cref="Normalize"/>.</summary>
    public Tensor Denormalize(Tensor z)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Config.LatentsMean is { } mean
            ? z * PerChannel(Config.LatentsStd!) / Config.ScalingFactor + PerChannel(mean)
            : z / Config.ScalingFactor + (Config.ShiftFactor ?? 0));
    }

    /// <summary>Floating point operations of decoding one picture (a multiply-add counts as two; convolutions and attention).</summary>
    public static double DecodeFlops(AutoencoderKlConfig config, long height, long width)
    {
        ArgumentNullException.ThrowIfNull(config);
        const int Taps = 9;
        double flops = 0, h = height / config.SpatialCompression, w = width / config.SpatialCompression;
        int coarsest = config.BlockOutChannels[^1], previous = coarsest;
        flops += h * w * (4.0 * Taps * coarsest * coarsest * 2 + 8.0 * coarsest * coarsest) + 4 * h * w * h * w * coarsest;
        for (int level = config.BlockOutChannels.Count - 1; level >= 0; level--)
        {
            double c = config.BlockOutChannels[level];
            flops += 2.0 * Taps * h * w * (previous * c + (2 * config.LayersPerBlock + 1) * c * c);
            if (level > 0)
            {
                (h, w) = (2 * h, 2 * w);
                flops += 2.0 * Taps * h * w * c * c;
            }
            previous = (int)c;
        }
        return flops;
    }

    /// <summary>About how many bytes of activations decoding holds at once beside the weights.</summary>
    /// <param name="config">The autoencoder.</param>
    /// <param name="pictures">Pictures decoded at once.</param>
    /// <param name="height">Their height in pixels.</param>
    /// <param name="width">Likewise.</param>
    /// <param name="type">Type of matrix products.</param>
    public static long DecodeBytes(AutoencoderKlConfig config, long pictures, long height, long width, DType type = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(config);
        // Maps of the widest fine stage alive at once: the second stage's width reaches the finest size by its upsampling.
        const int Maps = 4;
        return pictures * height * width * config.BlockOutChannels[Math.Min(1, config.BlockOutChannels.Count - 1)] * (sizeof(float) + type.ItemSize() * Maps);
    }

    /// <summary>The same strip by strip where that applies.</summary>
    internal static long DecodeBytes(AutoencoderKlConfig config, long pictures, long height, long width, VaeTiling tiling, DType type)
    {
        long whole = DecodeBytes(config, pictures, height, width, type);
        if (!tiling.Applies(DecodeBytes(config, pictures, height, width))) return whole;
        // Two maps of the finest level beside the one before it at half the size, and what a strip takes (measured at 512² and 1024²).
        const int StripBytes = 10;
        var widths = config.BlockOutChannels;
        int fine = widths[0], next = widths[Math.Min(1, widths.Count - 1)];
        long held = height * width * (2 * fine + next / 4) * type.ItemSize(), strip = Math.Min(FeatureRows.Positions, height * width) * next * StripBytes;
        return Math.Min(whole, held + strip + pictures * height * width * config.OutChannels * sizeof(float) * 2);
    }

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="positions">Of a strip.</param>
    internal Tensor EncodeInStrips(Tensor x, long positions)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Cat([.. Pictures(x).Select(picture => QuantMoments(_encoder.ForwardInStrips(picture, positions)))]));
    }

    /// <param name="z">[B, c, h, w]</param>
    /// <param name="positions">Of a strip.</param>
    internal Tensor DecodeInStrips(Tensor z, long positions)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Tensor.Cat([.. Pictures(z).Select(picture => _decoder.ForwardInStrips(PostQuant(picture), positions).To(DType.Float32).Contiguous())]));
    }

    private static IEnumerable<Tensor> Pictures(Tensor x) => Enumerable.Range(0, (int)x.Size(0)).Select(i => x.Narrow(0, i, 1));

    private Tensor QuantMoments(Tensor moments)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep((_quantConv?.Forward(moments) ?? moments).To(DType.Float32).Contiguous()); // [B, 2c, h, w]
    }

    private Tensor PostQuant(Tensor z)
    {
        using var scope = TensorScope.Enter();
        z = z.ContiguousChannelsLast();
        return scope.Keep(_postQuantConv?.Forward(z) ?? z);                                  // [B, c, h, w]
    }

    private Tensor PerChannel(IReadOnlyList<double> values) =>
        Tensor.FromArray<float>([.. values.Select(v => (float)v)], 1, values.Count, 1, 1).To(Path.Device);

    internal sealed class Encoder : Module
    {
        private readonly Conv2d _convIn, _convOut;
        private readonly Level[] _downBlocks;
        private readonly AutoencoderMid _midBlock;
        private readonly GroupNorm _convNormOut;

        /// <param name="outChannels">By default means and logarithms of variances.</param>
        public Encoder(ParameterPath path, AutoencoderKlConfig config, int? outChannels = null) : base(path)
        {
            var widths = config.BlockOutChannels;
            _convIn = new Conv2d(path["conv_in"], config.InChannels, widths[0], Kernel, padding: 1);
            _downBlocks = [.. widths.Select((width, i) => new Level(path["down_blocks"][i], config, widths[Math.Max(0, i - 1)], width, config.LayersPerBlock,
                down: i < widths.Count - 1, up: false))];
            _midBlock = new AutoencoderMid(path["mid_block"], widths[^1], config.NormNumGroups, config.MidBlockAddAttention);
            _convNormOut = new GroupNorm(path["conv_norm_out"], config.NormNumGroups, widths[^1], NormEps);
            _convOut = new Conv2d(path["conv_out"].As(DType.Float32), widths[^1], outChannels ?? 2 * config.LatentChannels, Kernel, padding: 1);
        }

        public Tensor Forward(Tensor x)                                                          // [B, C, H, W]
        {
            using var scope = TensorScope.Enter();
            var h = ForwardTrace.Report(_convIn, _convIn.Forward(x));
            foreach (var level in _downBlocks) TensorScope.Replace(ref h, level.Forward(h));
            h = _midBlock.Forward(h);
            return scope.Keep(_convOut.Forward(_convNormOut.ForwardSilu(h)));                // [B, 2c, h, w]
        }

        // The coarsest level, with its attention, is small and stays whole.
        public Tensor ForwardInStrips(Tensor x, long positions)                                  // [1, C, H, W]
        {
            using var scope = TensorScope.Enter();
            var map = FeatureRows.Of(x.ContiguousChannelsLast(), positions).Convolved(_convIn.Forward).Stored();
            foreach (var level in _downBlocks) map = level.Forward(map, store: true);
            var h = _midBlock.Forward(map.Rows());
            return scope.Keep(_convOut.Forward(_convNormOut.ForwardSilu(h)));                // [1, 2c, h, w]
        }
    }

    internal sealed class Decoder : Module
    {
        private readonly Conv2d _convIn, _convOut;
        private readonly AutoencoderMid _midBlock;
        private readonly Level[] _upBlocks;
        private readonly GroupNorm _convNormOut;

        public Decoder(ParameterPath path, AutoencoderKlConfig config) : base(path)
        {
            int[] widths = [.. config.BlockOutChannels.Reverse()];
            _convIn = new Conv2d(path["conv_in"], config.LatentChannels, widths[0], Kernel, padding: 1);
            _midBlock = new AutoencoderMid(path["mid_block"], widths[0], config.NormNumGroups, config.MidBlockAddAttention);
            _upBlocks = [.. widths.Select((width, i) => new Level(path["up_blocks"][i], config, widths[Math.Max(0, i - 1)], width, config.LayersPerBlock + 1,
                down: false, up: i < widths.Length - 1))];
            _convNormOut = new GroupNorm(path["conv_norm_out"], config.NormNumGroups, widths[^1], NormEps);
            _convOut = new Conv2d(path["conv_out"].As(DType.Float32), widths[^1], config.OutChannels, Kernel, padding: 1);
        }

        public Tensor Forward(Tensor z)                                                          // [B, c, h, w]
        {
            using var scope = TensorScope.Enter();
            var h = _midBlock.Forward(_convIn.Forward(z));
            foreach (var level in _upBlocks) TensorScope.Replace(ref h, level.Forward(h));
            return scope.Keep(_convOut.Forward(_convNormOut.ForwardSilu(h)));                // [B, C, H, W]
        }

        // The coarsest level, with its attention, is small and stays whole; the widest map, that of the last doubling, is never held.
        public Tensor ForwardInStrips(Tensor z, long positions)                                  // [1, c, h, w]
        {
            using var scope = TensorScope.Enter();
            var map = FeatureRows.Of(_midBlock.Forward(_convIn.Forward(z)), positions);
            for (int i = 0; i < _upBlocks.Length; i++) map = _upBlocks[i].Forward(map, store: i < _upBlocks.Length - 2);
            return scope.Keep(map.Map(map.Norm(_convNormOut)).Convolved(_convOut.Forward).Stored().Rows()); // [1, C, H, W]
        }
    }

    // Residual blocks of one width, then half or twice the size.
    private sealed class Level : Module
    {
        private readonly ResnetBlock2D[] _resnets;
        private readonly Downsample2D? _down;
        private readonly Upsample2D? _up;

        public Level(ParameterPath path, AutoencoderKlConfig config, int inChannels, int outChannels, int layers, bool down, bool up) : base(path)
        {
            _resnets = [.. Enumerable.Range(0, layers).Select(i => new ResnetBlock2D(path["resnets"][i], i == 0 ? inChannels : outChannels, outChannels, config.NormNumGroups, NormEps))];
            _down = down ? new Downsample2D(path["downsamplers"][0], outChannels, padding: 0) : null;
            _up = up ? new Upsample2D(path["upsamplers"][0], outChannels) : null;
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var h = _resnets[0].Forward(x);
            foreach (var resnet in _resnets.Skip(1)) TensorScope.Replace(ref h, resnet.Forward(h));
            h = _down?.Forward(h) ?? _up?.Forward(h) ?? h;
            return scope.Keep(ForwardTrace.Report(this, h));
        }

        /// <param name="x">Used up.</param>
        /// <param name="store">Whether the map of another size is put into memory.</param>
        public FeatureRows Forward(FeatureRows x, bool store)
        {
            foreach (var resnet in _resnets) x = resnet.Forward(x);
            if (_down is null && _up is null) return x;
            var sized = _down is { } down ? x.Halved(down.Forward) : x.Doubled(h => _up!.Forward(h));
            return store ? sized.InMemory() : sized;
        }
    }
}

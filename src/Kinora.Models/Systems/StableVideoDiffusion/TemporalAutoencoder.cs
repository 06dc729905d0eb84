using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Generation;
using Kinora.Models.Modules;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.StableVideoDiffusion;

// The autoencoder of Stable Video Diffusion: the encoder of Stable Diffusion, picture by picture, and a decoder that sees all frames of a clip,
// so that it does not flicker.
// Papers: Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127, appendix D; "Align your Latents", arXiv:2304.08818, section 3.1.2.
// Names follow huggingface/diffusers d035dcd7, models/autoencoders/autoencoder_kl_temporal_decoder.py and unets/unet_3d_blocks.py.
//
// Shapes    B pictures or clips  F frames  C channels  c latent channels  H,W height, width  h,w latent height, width
// Numerics  group norms accumulate in float32; convolutions and attention run in the autocast type; moments and decoded frames are float32.
public sealed class TemporalAutoencoder : Module
{
    private const int Groups = 32, Kernel = 3;
    private const double Eps = 1e-6, TemporalEps = 1e-5;
    private readonly AutoencoderKl.Encoder _encoder;
    private readonly Conv2d _quantConv;
    private readonly Decoder _decoder;

    public TemporalAutoencoder(ParameterPath path, TemporalAutoencoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _encoder = new AutoencoderKl.Encoder(path["encoder"], config.EncoderConfig);
        _quantConv = new Conv2d(path["quant_conv"], 2 * config.LatentChannels, 2 * config.LatentChannels, 1);
        _decoder = new Decoder(path["decoder"], config);
    }

    public TemporalAutoencoderConfig Config { get; }

    /// <summary>The posterior over latents of pictures [B, C, H, W] in [−1, 1], 2 × [B, c, h, w].</summary>
    /// <param name="x">H and W are multiples of the compression.</param>
    /// <param name="inStrips">Works strip by strip, picture by picture: the same to rounding, in less memory and more time.</param>
    public DiagonalGaussian Encode(Tensor x, bool inStrips = false)
    {
        using var scope = TensorScope.Enter();
        var posterior = DiagonalGaussian.FromMoments(EncodeMoments(x, inStrips ? FeatureRows.Positions : FeatureRows.Whole));
        scope.Keep(posterior.Mean);
        scope.Keep(posterior.LogVariance);
        return posterior;
    }

    /// <summary>Means and logarithms of variances as the network puts them out, [B, 2c, h, w].</summary>
    /// <inheritdoc cref="Encode"/>
    public Tensor EncodeMoments(Tensor x) => EncodeMoments(x, FeatureRows.Whole);

    /// <param name="x">[B, C, H, W]</param>
    /// <param name="positions">Of a strip.</param>
    internal Tensor EncodeMoments(Tensor x, long positions)
    {
        using var scope = TensorScope.Enter();
        if (x.Dim != 4 || x.Size(1) != Config.InChannels || x.Size(2) % Config.SpatialCompression != 0 || x.Size(3) % Config.SpatialCompression != 0)
            throw new ShapeException($"TemporalAutoencoder: expected pictures [B, {Config.InChannels}, {Config.SpatialCompression}h, {Config.SpatialCompression}w], got [{string.Join(", ", x.Shape)}].");
        Tensor Moments(Tensor features) => _quantConv.Forward(features).To(DType.Float32).Contiguous();
        return scope.Keep(positions == FeatureRows.Whole
            ? Moments(_encoder.Forward(x.ContiguousChannelsLast()))
            : Tensor.Cat([.. Enumerable.Range(0, (int)x.Size(0)).Select(i => Moments(_encoder.ForwardInStrips(x.Narrow(0, i, 1), positions)))]));
    }

    /// <summary>Frames [B·F, C, H, W] in float32, around [−1, 1] but not clamped.</summary>
    /// <param name="z">Latents as the encoder makes them, clip after clip, [B·F, c, h, w].</param>
    /// <param name="frames">F: the frames that see each other.</param>
    /// <param name="inStrips">Works strip by strip, clip by clip: the same to rounding, in less memory and more time.</param>
    public Tensor Decode(Tensor z, long frames, bool inStrips = false) => Decode(z, frames, inStrips ? FeatureRows.ClipPositions : FeatureRows.Whole);

    /// <param name="z">[B·F, c, h, w]</param>
    /// <param name="frames">F.</param>
    /// <param name="positions">Of a strip.</param>
    internal Tensor Decode(Tensor z, long frames, long positions)
    {
        using var scope = TensorScope.Enter();
        if (z.Dim != 4 || z.Size(1) != Config.LatentChannels || frames < 1 || z.Size(0) % frames != 0)
            throw new ShapeException($"TemporalAutoencoder: expected latents [B·{frames}, {Config.LatentChannels}, h, w], got [{string.Join(", ", z.Shape)}].");
        z = z.ContiguousChannelsLast();
        var clips = positions == FeatureRows.Whole
            ? _decoder.Forward(z, frames)
            : Tensor.Cat([.. Enumerable.Range(0, (int)(z.Size(0) / frames)).Select(i => _decoder.ForwardInStrips(z.Narrow(0, i * frames, frames), positions))]);
        return scope.Keep(clips.To(DType.Float32).Contiguous());
    }

    /// <summary>About how many bytes of activations decoding holds at once beside the weights.</summary>
    public static long DecodeBytes(TemporalAutoencoderConfig config, long frames, long latentHeight, long latentWidth)
    {
        ArgumentNullException.ThrowIfNull(config);
        const int Maps = 8;                                     // maps of the finest stage alive at once
        return frames * latentHeight * latentWidth * config.SpatialCompression * config.SpatialCompression * config.BlockOutChannels[0] * sizeof(float) * Maps;
    }

    /// <summary>Bytes of everything that is alive at the peak of decoding, beside the weights.</summary>
    internal static long DecodePeakBytes(TemporalAutoencoderConfig config, long frames, long latentHeight, long latentWidth, VaeTiling tiling, DType type)
    {
        // In maps of the finest stage. Whole: within its first block. In strips: a block's input and output, and what a strip takes.
        const double WholeMaps = 9.6, HeldMaps = 2.5, StripMaps = 10;
        long positions = frames * latentHeight * latentWidth * config.SpatialCompression * config.SpatialCompression;
        double maps = tiling.Applies(DecodeBytes(config, frames, latentHeight, latentWidth)) ? HeldMaps * positions + StripMaps * Math.Min(positions, FeatureRows.ClipPositions) : WholeMaps * positions;
        return (long)(config.BlockOutChannels[0] * type.ItemSize() * maps);
    }

    private sealed class Decoder : Module
    {
        private readonly Conv2d _convIn, _convOut;
        private readonly Mid _midBlock;
        private readonly Level[] _upBlocks;
        private readonly GroupNorm _convNormOut;
        private readonly TemporalConv _timeConvOut;

        public Decoder(ParameterPath path, TemporalAutoencoderConfig config) : base(path)
        {
            int[] widths = [.. config.BlockOutChannels.Reverse()];
            _convIn = new Conv2d(path["conv_in"], config.LatentChannels, widths[0], Kernel, padding: 1);
            _midBlock = new Mid(path["mid_block"], config.LayersPerBlock, widths[0]);
            _upBlocks = [.. widths.Select((width, i) => new Level(path["up_blocks"][i], config.LayersPerBlock + 1, widths[Math.Max(0, i - 1)], width, up: i < widths.Length - 1))];
            _convNormOut = new GroupNorm(path["conv_norm_out"], Groups, widths[^1], Eps);
            _convOut = new Conv2d(path["conv_out"], widths[^1], config.OutChannels, Kernel, padding: 1);
            _timeConvOut = new TemporalConv(path["time_conv_out"], config.OutChannels, config.OutChannels);
        }

        public Tensor Forward(Tensor z, long frames)                                             // [B·F, c, h, w]
        {
            using var scope = TensorScope.Enter();
            var h = ForwardTrace.Report(_convIn, _convIn.Forward(z));
            TensorScope.Replace(ref h, _midBlock.Forward(h, frames));
            foreach (var level in _upBlocks) TensorScope.Replace(ref h, level.Forward(h, frames));
            h = _convOut.Forward(_convNormOut.ForwardSilu(h));                               // [B·F, C, H, W]
            return scope.Keep(AlongTime(h, frames));
        }

        // The coarsest level, with its attention, is small and stays whole; the widest map, that of the last doubling, is never held.
        public Tensor ForwardInStrips(Tensor z, long positions)                                  // [F, c, h, w]
        {
            using var scope = TensorScope.Enter();
            var map = FeatureRows.Of(_midBlock.Forward(_convIn.Forward(z), z.Size(0)), positions);
            for (int i = 0; i < _upBlocks.Length; i++)
            {
                // Freed maps serve others of their size alone.
                EngineRuntime.TrimHostMemory();
                map = _upBlocks[i].Forward(map, store: i < _upBlocks.Length - 2);
            }
            var pictures = map.Map(map.Norm(_convNormOut)).Convolved(_convOut.Forward).Stored();
            map.Free();
            return scope.Keep(AlongTime(pictures.Rows(), z.Size(0)));                            // [F, C, H, W]
        }

        private Tensor AlongTime(Tensor pictures, long frames)
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(VideoLayout.ToPictures(_timeConvOut.Forward(VideoLayout.ToClip(pictures, frames)), pictures.Size(2), pictures.Size(3)));
        }
    }

    // Residual blocks at the coarsest size; attention over each picture before the second. The published network has no attention before a third
    // and passes over blocks beyond the second: attentions and the blocks behind them go in pairs, and there is only one attention.
    private sealed class Mid : Module
    {
        private readonly SpatioTemporalResnetBlock[] _resnets;
        private readonly AutoencoderMid.Attention _attention;

        public Mid(ParameterPath path, int layers, int channels) : base(path)
        {
            _resnets = [.. Enumerable.Range(0, layers).Select(i => new SpatioTemporalResnetBlock(path["resnets"][i], channels, channels, Eps, TemporalEps, tembDim: null))];
            _attention = new AutoencoderMid.Attention(path["attentions"][0], channels, Groups);
        }

        public Tensor Forward(Tensor x, long frames)                                             // [B·F, C, h, w]
        {
            using var scope = TensorScope.Enter();
            x = _resnets[0].Forward(x, temb: null, frames);
            if (_resnets.Length > 1) x = _resnets[1].Forward(_attention.Forward(x), temb: null, frames);
            return scope.Keep(ForwardTrace.Report(this, x));
        }
    }

    // Residual blocks of one width, then twice the size.
    private sealed class Level : Module
    {
        private readonly SpatioTemporalResnetBlock[] _resnets;
        private readonly Upsample2D? _upsampler;

        public Level(ParameterPath path, int layers, int inChannels, int channels, bool up) : base(path)
        {
            _resnets = [.. Enumerable.Range(0, layers).Select(i => new SpatioTemporalResnetBlock(path["resnets"][i], i == 0 ? inChannels : channels, channels, Eps, TemporalEps, tembDim: null))];
            _upsampler = up ? new Upsample2D(path["upsamplers"][0], channels) : null;
        }

        public Tensor Forward(Tensor x, long frames)                                             // [B·F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            var h = _resnets[0].Forward(x, temb: null, frames);
            foreach (var resnet in _resnets.Skip(1)) TensorScope.Replace(ref h, resnet.Forward(h, temb: null, frames));
            return scope.Keep(ForwardTrace.Report(this, _upsampler?.Forward(h) ?? h));           // [B·F, C, 2H, 2W]
        }

        /// <param name="x">[F, C, H, W], used up.</param>
        /// <param name="store">Whether the map of twice the size is put into memory.</param>
        public FeatureRows Forward(FeatureRows x, bool store)
        {
            x = _resnets[0].Forward(x);
            EngineRuntime.TrimHostMemory();                                                      // the first block may change the width
            foreach (var resnet in _resnets.Skip(1)) x = resnet.Forward(x);
            if (_upsampler is not { } up) return x;
            var doubled = x.Doubled(rows => up.Forward(rows));
            return store ? doubled.InMemory() : doubled;
        }
    }
}

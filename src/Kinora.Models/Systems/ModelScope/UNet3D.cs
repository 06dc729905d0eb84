using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.ModelScope;

// The denoiser of ModelScope text-to-video and ZeroScope: the U-Net of Stable Diffusion 2 with convolutions along the frames after every
// residual block and a transformer over the frames after every transformer over the picture.
// Paper: Wang et al., "ModelScope Text-to-Video Technical Report", arXiv:2308.06571, section 3.2.
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_3d_condition.py and unet_3d_blocks.py.
//
// Shapes    B clips  F frames  C latent channels  h,w latent height, width  T width of the timestep embedding  K text tokens  E width of the text
// Numerics  timestep phases are float32; convolutions, linears and attention run in the autocast type; norms accumulate in float32.
public sealed class UNet3D : Module
{
    private const int FirstHeads = 8;                                                            // of the transformer behind the first convolution
    private readonly Conv2d _convIn, _convOut;
    private readonly TimestepEmbedding _timeEmbedding;
    private readonly TemporalTransformer _transformerIn;
    private readonly DownBlock[] _downBlocks;
    private readonly MidBlock _midBlock;
    private readonly UpBlock[] _upBlocks;
    private readonly GroupNorm _convNormOut;

    public UNet3D(ParameterPath path, UNet3DConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        var widths = config.BlockOutChannels;
        int levels = widths.Count, groups = config.NormNumGroups!.Value;
        _convIn = new Conv2d(path["conv_in"], config.InChannels, widths[0], 3, padding: 1);
        _timeEmbedding = new TimestepEmbedding(path["time_embedding"], widths[0], config.TembDim, config.TimeCondProjDim);
        _transformerIn = new TemporalTransformer(path["transformer_in"], widths[0], FirstHeads, config.AttentionHeadDim[0], groups);
        _downBlocks = [.. Enumerable.Range(0, levels).Select(i => new DownBlock(path["down_blocks"][i], config, i))];
        _midBlock = new MidBlock(path["mid_block"], config);
        _upBlocks = [.. Enumerable.Range(0, levels).Select(i => new UpBlock(path["up_blocks"][i], config, i))];
        _convNormOut = new GroupNorm(path["conv_norm_out"], groups, widths[0], config.NormEps);
        _convOut = new Conv2d(path["conv_out"], widths[0], config.OutChannels, 3, padding: 1);
    }

    public UNet3DConfig Config { get; }

    /// <summary>What the network predicts (noise, or v where it was trained so) for noisy latents, [B, C, F, h, w] in float32.</summary>
    /// <param name="x">Noisy latents [B, C, F, h, w].</param>
    /// <param name="timestep">[1] or [B], 0 to the schedule's last.</param>
    /// <param name="text">Output of the text encoder, of each clip [B, K, E] or of each frame [B·F, K, E].</param>
    /// <param name="timestepCondition">Guidance embedding of latent consistency models; null without.</param>
    /// <exception cref="ShapeException">An input has another shape.</exception>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, Tensor? timestepCondition = null)
    {
        using var scope = TensorScope.Enter();
        Check(x, timestep, text);
        var (b, c, f, height, w) = x.Dims5();
        var phases = TimestepPhases.Forward(timestep.Expand(b), Config.BlockOutChannels[0], flipSinToCos: true, freqShift: 0);
        var time = ForwardTrace.Report(_timeEmbedding, _timeEmbedding.Forward(phases, timestepCondition));
        var temb = time.RepeatInterleave(f, 0);                                                  // [B·F, T]
        var context = text.Size(0) == b * f ? text : text.RepeatInterleave(f, 0);                // [B·F, K, E]

        var pictures = x.Transpose(1, 2).Reshape(b * f, c, height, w).ContiguousChannelsLast();
        var h = _transformerIn.Forward(ForwardTrace.Report(_convIn, _convIn.Forward(pictures)), f);
        var skips = new List<Tensor> { h };
        foreach (var block in _downBlocks) h = block.Forward(h, temb, context, f, skips);
        h = _midBlock.Forward(h, temb, context, f);
        foreach (var block in _upBlocks) h = block.Forward(h, temb, context, f, skips);
        h = _convOut.Forward(_convNormOut.ForwardSilu(h)).To(DType.Float32);                 // [B·F, C, h, w]
        return scope.Keep(h.Reshape(b, f, Config.OutChannels, height, w).Transpose(1, 2).Contiguous());
    }

    /// <summary>Floating point operations of one clip's forward pass (a multiply-add counts as two; convolutions, linears and self-attention).</summary>
    public static double Flops(UNet3DConfig config, long frames, long latentHeight, long latentWidth)
    {
        ArgumentNullException.ThrowIfNull(config);
        return UNetCost.Flops(path => _ = new UNet3D(path, config), config.BlockOutChannels.Count, frames, latentHeight, latentWidth);
    }

    private void Check(Tensor x, Tensor timestep, Tensor text)
    {
        if (x.Dim != 5 || x.Size(1) != Config.InChannels)
            throw new ShapeException($"UNet3D: expected latents [B, {Config.InChannels}, F, h, w], got [{string.Join(", ", x.Shape)}].");
        var b = x.Size(0);
        if (timestep.Dim != 1 || (timestep.Size(0) != 1 && timestep.Size(0) != b))
            throw new ShapeException($"UNet3D: expected timesteps [1] or [{b}], got [{string.Join(", ", timestep.Shape)}].");
        if (text.Dim != 3 || (text.Size(0) != b && text.Size(0) != b * x.Size(2)) || text.Size(2) != Config.CrossAttentionDim)
            throw new ShapeException($"UNet3D: expected text [{b}, K, {Config.CrossAttentionDim}], or one for each of {b * x.Size(2)} frames, got [{string.Join(", ", text.Shape)}].");
    }

    /// <summary>What one layer of a level is made of: a residual block and convolutions along the frames.</summary>
    private sealed class Residual(ParameterPath level, int index, UNet3DConfig config, int inChannels, int outChannels, double outputScale = 1)
    {
        private readonly ResnetBlock2D _resnet = new(level["resnets"][index], inChannels, outChannels, config.NormNumGroups!.Value, config.NormEps, config.TembDim, outputScale: outputScale);
        private readonly TemporalConvStack _convs = new(level["temp_convs"][index], outChannels, config.NormNumGroups!.Value);

        public Tensor Forward(Tensor x, Tensor temb, long frames)                                // [B·F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(_convs.Forward(_resnet.Forward(x, temb), frames));
        }
    }

    /// <summary>A transformer over the picture, attending to the text, and one over the frames.</summary>
    private sealed class Attention(ParameterPath level, int index, UNet3DConfig config, int depth)
    {
        private readonly Transformer2D _attention = new(level["attentions"][index], config.BlockOutChannels[depth], config.Heads(depth), config.AttentionHeadDim.At(depth),
            numLayers: 1, config.CrossAttentionDim, config.NormNumGroups!.Value, linearProjection: true);
        private readonly TemporalTransformer _temporal = new(level["temp_attentions"][index], config.BlockOutChannels[depth], config.Heads(depth), config.AttentionHeadDim.At(depth), config.NormNumGroups!.Value);

        public Tensor Forward(Tensor x, Tensor context, long frames)                             // [B·F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(_temporal.Forward(_attention.Forward(x, context), frames));
        }
    }

    /// <summary>A level on the way down.</summary>
    private sealed class DownBlock : Module
    {
        private readonly Residual[] _residuals;
        private readonly Attention[] _attentions;
        private readonly Downsample2D? _downsampler;

        public DownBlock(ParameterPath path, UNet3DConfig config, int level) : base(path)
        {
            int layers = config.LayersPerBlock, channels = config.BlockOutChannels[level], inChannels = config.BlockOutChannels[Math.Max(0, level - 1)];
            _residuals = [.. Enumerable.Range(0, layers).Select(i => new Residual(path, i, config, i == 0 ? inChannels : channels, channels))];
            _attentions = config.DownBlockTypes[level] == UNet3DConfig.CrossAttentionDown ? [.. Enumerable.Range(0, layers).Select(i => new Attention(path, i, config, level))] : [];
            _downsampler = level < config.Halvings ? new Downsample2D(path["downsamplers"][0], channels, config.DownsamplePadding) : null;
        }

        /// <summary>The level's output; every intermediate that the way up reads is added to <paramref name="skips"/>.</summary>
        public Tensor Forward(Tensor x, Tensor temb, Tensor context, long frames, List<Tensor> skips) // [B·F, C, H, W]
        {
            for (var i = 0; i < _residuals.Length; i++)
            {
                using var scope = TensorScope.Enter();
                x = _residuals[i].Forward(x, temb, frames);
                if (_attentions.Length > 0) x = _attentions[i].Forward(x, context, frames);
                skips.Add(scope.Keep(x));
            }
            if (_downsampler is not null)
            {
                x = _downsampler.Forward(x);
                skips.Add(x);
            }
            return ForwardTrace.Report(this, x);                                                 // [B·F, C', H/2, W/2]
        }
    }

    /// <summary>The coarsest level.</summary>
    private sealed class MidBlock : Module
    {
        private readonly Residual _first, _second;
        private readonly Attention _attention;

        public MidBlock(ParameterPath path, UNet3DConfig config) : base(path)
        {
            var channels = config.BlockOutChannels[^1];
            _first = new Residual(path, 0, config, channels, channels, config.MidBlockScaleFactor);
            _attention = new Attention(path, 0, config, config.BlockOutChannels.Count - 1);
            _second = new Residual(path, 1, config, channels, channels, config.MidBlockScaleFactor);
        }

        public Tensor Forward(Tensor x, Tensor temb, Tensor context, long frames)                // [B·F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            x = _attention.Forward(_first.Forward(x, temb, frames), context, frames);
            return scope.Keep(ForwardTrace.Report(this, _second.Forward(x, temb, frames)));
        }
    }

    /// <summary>A level on the way up, which reads the intermediates of the way down.</summary>
    private sealed class UpBlock : Module
    {
        private readonly Residual[] _residuals;
        private readonly Attention[] _attentions;
        private readonly Upsample2D? _upsampler;

        public UpBlock(ParameterPath path, UNet3DConfig config, int index) : base(path)
        {
            var widths = config.BlockOutChannels;
            int level = widths.Count - 1 - index;                                                // the level of the way down that this one mirrors
            int layers = config.LayersPerBlock + 1, channels = widths[level];
            int previous = widths[Math.Min(widths.Count - 1, level + 1)], next = widths[Math.Max(0, level - 1)];
            _residuals = [.. Enumerable.Range(0, layers).Select(i => new Residual(path, i, config, (i == 0 ? previous : channels) + (i == layers - 1 ? next : channels), channels))];
            _attentions = config.UpBlockTypes[index] == UNet3DConfig.CrossAttentionUp ? [.. Enumerable.Range(0, layers).Select(i => new Attention(path, i, config, level))] : [];
            _upsampler = level > 0 ? new Upsample2D(path["upsamplers"][0], channels) : null;
        }

        /// <summary>The level's output. Takes its intermediates from the end of <paramref name="skips"/>; the next level's size is that of the one before.</summary>
        public Tensor Forward(Tensor x, Tensor temb, Tensor context, long frames, List<Tensor> skips) // [B·F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            for (var i = 0; i < _residuals.Length; i++)
            {
                x = _residuals[i].Forward(Tensor.Cat([x, skips[^1]], 1), temb, frames);
                skips.RemoveAt(skips.Count - 1);
                if (_attentions.Length > 0) x = _attentions[i].Forward(x, context, frames);
            }
            if (_upsampler is not null) x = _upsampler.Forward(x, (skips[^1].Size(2), skips[^1].Size(3)));
            return scope.Keep(ForwardTrace.Report(this, x));                                     // [B·F, C', 2H, 2W]
        }
    }
}

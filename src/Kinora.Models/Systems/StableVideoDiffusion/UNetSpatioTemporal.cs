using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableVideoDiffusion;

// The denoiser of Stable Video Diffusion: the U-Net of Stable Diffusion 2 with a temporal layer after every spatial one, conditioned on a
// picture (its latents beside the noisy ones, its embedding as context), on frames per second, on the amount of motion and on the picture's noise.
// Paper: Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127, appendix D.
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_spatio_temporal_condition.py and unet_3d_blocks.py.
//
// Shapes    B clips  F frames  C latent channels  h,w latent height, width  N added numbers  T width of the timestep embedding
//           K context tokens  E width of the context
// Numerics  timestep phases are float32; convolutions, linears and attention run in the autocast type; norms accumulate in float32.
//           Epsilons differ by place, as published: 1e-6 in blocks with attention and on the way up, 1e-5 elsewhere.
public sealed class UNetSpatioTemporal : Module
{
    private const int Groups = 32;
    private const double AttentionEps = 1e-6, Eps = 1e-5;
    private readonly Conv2d _convIn, _convOut;
    private readonly TimestepEmbedding _timeEmbedding, _addEmbedding;
    private readonly DownBlock[] _downBlocks;
    private readonly MidBlock _midBlock;
    private readonly UpBlock[] _upBlocks;
    private readonly GroupNorm _convNormOut;

    public UNetSpatioTemporal(ParameterPath path, UNetSpatioTemporalConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        var widths = config.BlockOutChannels;
        int levels = widths.Count, temb = config.TembDim;
        _convIn = new Conv2d(path["conv_in"], config.InChannels, widths[0], 3, padding: 1);
        _timeEmbedding = new TimestepEmbedding(path["time_embedding"], widths[0], temb);
        _addEmbedding = new TimestepEmbedding(path["add_embedding"], config.ProjectionClassEmbeddingsInputDim, temb);
        _downBlocks = [.. Enumerable.Range(0, levels).Select(i => new DownBlock(path["down_blocks"][i], config, i))];
        _midBlock = new MidBlock(path["mid_block"], config);
        _upBlocks = [.. Enumerable.Range(0, levels).Select(i => new UpBlock(path["up_blocks"][i], config, i))];
        _convNormOut = new GroupNorm(path["conv_norm_out"], Groups, widths[0], Eps);
        _convOut = new Conv2d(path["conv_out"], widths[0], config.OutChannels, 3, padding: 1);
    }

    public UNetSpatioTemporalConfig Config { get; }

    /// <summary>What the network predicts for noisy latents, [B, F, C, h, w] in float32: v, as Stable Video Diffusion is trained.</summary>
    /// <param name="x">Noisy latents and the picture's latents side by side in the channels, [B, F, in_channels, h, w].</param>
    /// <param name="timestep">[1] or [B]; ¼ ln σ in Stable Video Diffusion.</param>
    /// <param name="context">Embedding of the picture [B, K, E].</param>
    /// <param name="addedNumbers">Frames per second − 1, motion bucket and noise of the picture, [B, N].</param>
    /// <exception cref="ShapeException">An input has another shape.</exception>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor context, Tensor addedNumbers)
    {
        using var scope = TensorScope.Enter();
        Check(x, timestep, context, addedNumbers);
        var (b, f, c, height, w) = x.Dims5();
        var temb = Embed(b, timestep, addedNumbers).RepeatInterleave(f, 0);                      // [B·F, T]
        var ctx = context.RepeatInterleave(f, 0);                                                // [B·F, K, E]

        var h = ForwardTrace.Report(_convIn, _convIn.Forward(x.Reshape(b * f, c, height, w).ContiguousChannelsLast()));
        var skips = new List<Tensor> { h };
        foreach (var block in _downBlocks) h = block.Forward(h, temb, ctx, f, skips);
        h = _midBlock.Forward(h, temb, ctx, f);
        foreach (var block in _upBlocks) h = block.Forward(h, temb, ctx, f, skips);
        h = _convOut.Forward(_convNormOut.ForwardSilu(h)).To(DType.Float32).Contiguous();    // [B·F, C, h, w]
        return scope.Keep(h.View(b, f, Config.OutChannels, height, w));
    }

    /// <summary>Floating point operations of one clip's forward pass (a multiply-add counts as two; convolutions, linears and self-attention).</summary>
    public static double Flops(UNetSpatioTemporalConfig config, long frames, long latentHeight, long latentWidth)
    {
        ArgumentNullException.ThrowIfNull(config);
        return UNetCost.Flops(path => _ = new UNetSpatioTemporal(path, config), config.BlockOutChannels.Count, frames, latentHeight, latentWidth);
    }

    // The timestep and the added numbers in one vector, [B, T].
    private Tensor Embed(long batch, Tensor timestep, Tensor addedNumbers)
    {
        using var scope = TensorScope.Enter();
        var phases = TimestepPhases.Forward(timestep.Expand(batch), Config.BlockOutChannels[0], flipSinToCos: true, freqShift: 0);
        var time = ForwardTrace.Report(_timeEmbedding, _timeEmbedding.Forward(phases));
        var added = TimestepPhases.Forward(addedNumbers.Flatten(), Config.AdditionTimeEmbedDim, flipSinToCos: true, freqShift: 0).Reshape(batch, -1);
        return scope.Keep(time + ForwardTrace.Report(_addEmbedding, _addEmbedding.Forward(added)));
    }

    private void Check(Tensor x, Tensor timestep, Tensor context, Tensor addedNumbers)
    {
        if (x.Dim != 5 || x.Size(2) != Config.InChannels)
            throw new ShapeException($"UNetSpatioTemporal: expected latents [B, F, {Config.InChannels}, h, w], got [{string.Join(", ", x.Shape)}].");
        var b = x.Size(0);
        if (timestep.Dim != 1 || (timestep.Size(0) != 1 && timestep.Size(0) != b))
            throw new ShapeException($"UNetSpatioTemporal: expected timesteps [1] or [{b}], got [{string.Join(", ", timestep.Shape)}].");
        if (context.Dim != 3 || context.Size(0) != b || context.Size(2) != Config.CrossAttentionDim[0])
            throw new ShapeException($"UNetSpatioTemporal: expected context [{b}, K, {Config.CrossAttentionDim[0]}], got [{string.Join(", ", context.Shape)}].");
        if (addedNumbers.Dim != 2 || addedNumbers.Size(0) != b || addedNumbers.Size(1) != Config.AddedNumbers)
            throw new ShapeException($"UNetSpatioTemporal: expected added numbers [{b}, {Config.AddedNumbers}], got [{string.Join(", ", addedNumbers.Shape)}].");
    }

    private static SpatioTemporalTransformer Transformer(ParameterPath path, UNetSpatioTemporalConfig config, int level) =>
        new(path, config.BlockOutChannels[level], config.NumAttentionHeads.At(level), config.TransformerLayersPerBlock.At(level), config.CrossAttentionDim.At(level));

    /// <summary>A level on the way down: residual blocks, each with or without a transformer, then half the size.</summary>
    private sealed class DownBlock : Module
    {
        private readonly SpatioTemporalResnetBlock[] _resnets;
        private readonly SpatioTemporalTransformer[] _attentions;
        private readonly Downsample2D? _downsampler;

        public DownBlock(ParameterPath path, UNetSpatioTemporalConfig config, int level) : base(path)
        {
            int layers = config.LayersPerBlock.At(level), channels = config.BlockOutChannels[level], inChannels = config.BlockOutChannels[Math.Max(0, level - 1)];
            var hasAttention = config.DownBlockTypes[level] == UNetSpatioTemporalConfig.CrossAttentionDown;
            var eps = hasAttention ? AttentionEps : Eps;
            _resnets = [.. Enumerable.Range(0, layers).Select(i => new SpatioTemporalResnetBlock(path["resnets"][i], i == 0 ? inChannels : channels, channels, eps, eps, config.TembDim))];
            _attentions = hasAttention ? [.. Enumerable.Range(0, layers).Select(i => Transformer(path["attentions"][i], config, level))] : [];
            _downsampler = level < config.BlockOutChannels.Count - 1 ? new Downsample2D(path["downsamplers"][0], channels) : null;
        }

        /// <summary>The level's output; every intermediate that the way up reads is added to <paramref name="skips"/>.</summary>
        public Tensor Forward(Tensor x, Tensor temb, Tensor context, long frames, List<Tensor> skips) // [B·F, C, H, W]
        {
            for (var i = 0; i < _resnets.Length; i++)
            {
                using var scope = TensorScope.Enter();
                x = _resnets[i].Forward(x, temb, frames);
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

    /// <summary>The coarsest level: a residual block, then a transformer and a residual block for each of its layers' first.</summary>
    private sealed class MidBlock : Module
    {
        private readonly SpatioTemporalResnetBlock _first, _second;
        private readonly SpatioTemporalTransformer _attention;

        public MidBlock(ParameterPath path, UNetSpatioTemporalConfig config) : base(path)
        {
            int level = config.BlockOutChannels.Count - 1, channels = config.BlockOutChannels[level];
            _first = new SpatioTemporalResnetBlock(path["resnets"][0], channels, channels, Eps, Eps, config.TembDim);
            _attention = Transformer(path["attentions"][0], config, level);
            _second = new SpatioTemporalResnetBlock(path["resnets"][1], channels, channels, Eps, Eps, config.TembDim);
        }

        public Tensor Forward(Tensor x, Tensor temb, Tensor context, long frames)                // [B·F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            x = _attention.Forward(_first.Forward(x, temb, frames), context, frames);
            return scope.Keep(ForwardTrace.Report(this, _second.Forward(x, temb, frames)));
        }
    }

    /// <summary>A level on the way up, which reads the intermediates of the way down, then twice the size.</summary>
    private sealed class UpBlock : Module
    {
        private readonly SpatioTemporalResnetBlock[] _resnets;
        private readonly SpatioTemporalTransformer[] _attentions;
        private readonly Upsample2D? _upsampler;

        public UpBlock(ParameterPath path, UNetSpatioTemporalConfig config, int index) : base(path)
        {
            var widths = config.BlockOutChannels;
            int level = widths.Count - 1 - index;                                                // the level of the way down that this one mirrors
            int layers = config.LayersPerBlock.At(level) + 1, channels = widths[level];
            int previous = widths[Math.Min(widths.Count - 1, level + 1)], next = widths[Math.Max(0, level - 1)];
            _resnets = [.. Enumerable.Range(0, layers).Select(i => new SpatioTemporalResnetBlock(path["resnets"][i],
                (i == 0 ? previous : channels) + (i == layers - 1 ? next : channels), channels, AttentionEps, AttentionEps, config.TembDim))];
            _attentions = config.UpBlockTypes[index] == UNetSpatioTemporalConfig.CrossAttentionUp ? [.. Enumerable.Range(0, layers).Select(i => Transformer(path["attentions"][i], config, level))] : [];
            _upsampler = level > 0 ? new Upsample2D(path["upsamplers"][0], channels) : null;
        }

        /// <summary>The level's output. Takes its intermediates from the end of <paramref name="skips"/>; the next level's size is that of the one before.</summary>
        public Tensor Forward(Tensor x, Tensor temb, Tensor context, long frames, List<Tensor> skips) // [B·F, C, H, W]
        {
            using var scope = TensorScope.Enter();
            for (var i = 0; i < _resnets.Length; i++)
            {
                x = _resnets[i].Forward(Tensor.Cat([x, skips[^1]], 1), temb, frames);
                skips.RemoveAt(skips.Count - 1);
                if (_attentions.Length > 0) x = _attentions[i].Forward(x, context, frames);
            }
            if (_upsampler is not null) x = _upsampler.Forward(x, (skips[^1].Size(2), skips[^1].Size(3)));
            return scope.Keep(ForwardTrace.Report(this, x));                                     // [B·F, C', 2H, 2W]
        }
    }
}

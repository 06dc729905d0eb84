using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableDiffusion;

// The denoiser of Stable Diffusion 1, 2 and XL: a U-Net over latents with transformers that attend to the text.
// Papers: Rombach et al., "Latent Diffusion", arXiv:2112.10752, section 3.3; Podell et al., "SDXL", arXiv:2307.01952, section 2.2 (size and
// crop conditions); Luo et al., "Latent Consistency Models", arXiv:2310.04378, section 4.3 (guidance as an embedding).
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_2d_condition.py.
//
// Shapes    B batch  C latent channels  h,w latent height, width  T width of the timestep embedding  K text tokens  E width of the text
// Numerics  timestep phases and the last convolution are float32; other convolutions, linears and attention run in the type of the weights or the
//           autocast type; norms accumulate in float32.
public sealed class UNet2DCondition : Module
{
    private readonly Conv2d _convIn, _convOut;
    private readonly UNetEmbedding _embedding;
    private readonly Linear? _encoderHidProj;
    private readonly UNetDownBlock[] _downBlocks;
    private readonly UNetMidBlock? _midBlock;
    private readonly UNetUpBlock[] _upBlocks;
    private readonly GroupNorm _convNormOut;

    public UNet2DCondition(ParameterPath path, UNet2DConditionConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        var widths = config.BlockOutChannels;
        int levels = widths.Count, groups = config.NormNumGroups!.Value;
        _convIn = new Conv2d(path["conv_in"], config.InChannels, widths[0], config.ConvInKernel, padding: (config.ConvInKernel - 1) / 2);
        _embedding = new UNetEmbedding(path, config.Embedding);
        _encoderHidProj = config.EncoderHidDim is { } width ? new Linear(path["encoder_hid_proj"], width, config.CrossAttentionDim[0], init: Init.TorchLinear) : null;

        _downBlocks = [.. Enumerable.Range(0, levels).Select(i => new UNetDownBlock(path["down_blocks"][i], config.BlockAt(i), widths[Math.Max(0, i - 1)], widths[i],
            config.LayersPerBlock.At(i), config.DownBlockTypes[i] == UNet2DConditionConfig.CrossAttentionDown, i < levels - 1 ? config.DownsamplePadding : null))];
        if (config.MidBlockType is { } mid)
            _midBlock = new UNetMidBlock(path["mid_block"], config.BlockAt(levels - 1), widths[^1], mid == UNet2DConditionConfig.CrossAttentionMid, config.MidBlockScaleFactor);
        _upBlocks = [.. Enumerable.Range(0, levels).Select(i =>
        {
            var level = levels - 1 - i;                                                          // the level of the way down that this one mirrors
            return new UNetUpBlock(path["up_blocks"][i], config.BlockAt(level, config.UpTransformerLayers(level)), widths[Math.Max(0, level - 1)], widths[level],
                widths[Math.Min(levels - 1, level + 1)], config.LayersPerBlock.At(level) + 1, config.UpBlockTypes[i] == UNet2DConditionConfig.CrossAttentionUp, upsamples: level > 0);
        })];
        _convNormOut = new GroupNorm(path["conv_norm_out"], groups, widths[0], config.NormEps);
        _convOut = new Conv2d(path["conv_out"].As(DType.Float32), widths[0], config.OutChannels, config.ConvOutKernel, padding: (config.ConvOutKernel - 1) / 2);
    }

    public UNet2DConditionConfig Config { get; }

    /// <summary>What the network predicts (noise, velocity or sample, as it was trained) for noisy latents, [B, C, h, w].</summary>
    /// <param name="x">Noisy latents [B, C, h, w], with mask and masked picture behind them for inpainting.</param>
    /// <param name="timestep">[B] or [1], 0 to the schedule's last.</param>
    /// <param name="text">Output of the text encoder [B, K, E].</param>
    /// <param name="conditions">Everything else that this network reads.</param>
    /// <exception cref="ShapeException">An input has another shape, or a condition that this network needs is missing.</exception>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, UNetConditions? conditions = null) => Forward(x, timestep, text, conditions, frameLayers: null);

    /// <summary>The same with the layers of a video model behind those of this network.</summary>
    internal Tensor Forward(Tensor x, Tensor timestep, Tensor text, UNetConditions? conditions, IFrameLayers? frameLayers)
    {
        using var scope = TensorScope.Enter();
        Check(x, timestep, text);
        conditions ??= UNetConditions.None;
        var temb = _embedding.Forward(x.Size(0), timestep, conditions);                          // [B, T]
        var context = new TextContext(_encoderHidProj?.Forward(text) ?? text, conditions.AdditiveTextMask());

        if (Config.CenterInputSample) x = x * 2 - 1;
        x = ForwardTrace.Report(_convIn, _convIn.Forward(x.ContiguousChannelsLast()));
        var skips = new List<Tensor> { x };
        for (var i = 0; i < _downBlocks.Length; i++)
        {
            var block = i;
            x = _downBlocks[i].Forward(x, temb, context, skips, frameLayers is null ? null : (layer, h) => frameLayers.Down(block, layer, h));
        }
        if (conditions.DownResiduals is { } residuals)
        {
            if (residuals.Count != skips.Count)
                throw new ShapeException($"UNet2DCondition: {residuals.Count} residuals of a ControlNet were given; this network has {skips.Count} places for them.");
            for (var i = 0; i < skips.Count; i++) skips[i] = skips[i] + residuals[i];
        }
        if (_midBlock is not null) x = _midBlock.Forward(x, temb, context, frameLayers is null ? null : frameLayers.Mid);
        if (conditions.MidResidual is { } middle) x = x + middle;
        for (var i = 0; i < _upBlocks.Length; i++)
        {
            var block = i;
            x = _upBlocks[i].Forward(x, temb, context, skips, frameLayers is null ? null : (layer, h) => frameLayers.Up(block, layer, h));
        }
        return scope.Keep(_convOut.Forward(_convNormOut.ForwardSilu(x)).To(DType.Float32).Contiguous()); // [B, C, h, w]
    }

    /// <summary>About how many bytes of activations one call holds at its peak beside the weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="batch">Pictures.</param>
    /// <param name="height">Rows of latents.</param>
    /// <param name="width">Columns of latents.</param>
    /// <param name="type">Type of matrix products.</param>
    public static long ActivationBytes(UNet2DConditionConfig config, long batch, long height, long width, DType type)
    {
        ArgumentNullException.ThrowIfNull(config);
        // The finest level's maps: skips and the residual stream, and a perceptron's hidden layer of eight widths with its product.
        const int Stream = 12, Working = 24;
        return batch * height * width * config.BlockOutChannels[0] * (sizeof(float) * Stream + type.ItemSize() * Working);
    }

    /// <summary>Floating point operations of one sample's forward pass (a multiply-add counts as two; convolutions, linears and attention).</summary>
    /// <param name="config">The network.</param>
    /// <param name="height">Latent height.</param>
    /// <param name="width">Latent width.</param>
    /// <param name="textTokens">K.</param>
    public static double Flops(UNet2DConditionConfig config, long height, long width, int textTokens = 77)
    {
        ArgumentNullException.ThrowIfNull(config);
        const double Taps = 9;
        double total = 2 * Taps * height * width * (config.InChannels + config.OutChannels) * config.BlockOutChannels[0];
        var widths = config.BlockOutChannels;
        int levels = widths.Count;
        double PositionsAt(int level) => (double)((height + (1 << level) - 1) >> level) * ((width + (1 << level) - 1) >> level);
        double Resnet(int level, double inChannels, double c) => 2 * PositionsAt(level) * (Taps * (inChannels * c + c * c) + (inChannels == c ? 0 : inChannels * c));
        double Transformer(int level, double c, int layers)
        {
            double n = PositionsAt(level), e = config.CrossAttentionDim.At(level);
            return 4 * n * c * c + layers * (36 * n * c * c + 4 * n * n * c + 4 * n * textTokens * c + 4 * textTokens * e * c);
        }
        for (var level = 0; level < levels; level++)
        {
            int c = widths[level], layers = config.LayersPerBlock.At(level), finer = widths[Math.Max(0, level - 1)], coarser = widths[Math.Min(levels - 1, level + 1)];
            bool down = config.DownBlockTypes[level] == UNet2DConditionConfig.CrossAttentionDown, up = config.UpBlockTypes[levels - 1 - level] == UNet2DConditionConfig.CrossAttentionUp;
            for (var i = 0; i < layers; i++) total += Resnet(level, i == 0 ? finer : c, c) + (down ? Transformer(level, c, config.TransformerLayersPerBlock.At(level)) : 0);
            for (var i = 0; i <= layers; i++)
                total += Resnet(level, (i == 0 ? coarser : c) + (i == layers ? finer : c), c) + (up ? Transformer(level, c, config.UpTransformerLayers(level)) : 0);
            if (level < levels - 1) total += 2 * Taps * PositionsAt(level + 1) * c * c;
            if (level > 0) total += 2 * Taps * PositionsAt(level - 1) * c * c;
        }
        if (config.MidBlockType is not null) total += 2 * Resnet(levels - 1, widths[^1], widths[^1]) + Transformer(levels - 1, widths[^1], config.TransformerLayersPerBlock.At(levels - 1));
        return total;
    }

    private void Check(Tensor x, Tensor timestep, Tensor text)
    {
        if (x.Dim != 4 || x.Size(1) != Config.InChannels)
            throw new ShapeException($"UNet2DCondition: expected latents [B, {Config.InChannels}, h, w], got [{string.Join(", ", x.Shape)}].");
        if (timestep.Dim != 1 || (timestep.Size(0) != 1 && timestep.Size(0) != x.Size(0)))
            throw new ShapeException($"UNet2DCondition: expected timesteps [1] or [{x.Size(0)}], got [{string.Join(", ", timestep.Shape)}].");
        var width = Config.EncoderHidDim ?? Config.CrossAttentionDim[0];
        if (text.Dim != 3 || text.Size(0) != x.Size(0) || text.Size(2) != width)
            throw new ShapeException($"UNet2DCondition: expected text [{x.Size(0)}, K, {width}], got [{string.Join(", ", text.Shape)}].");
    }
}

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableDiffusion;

// A copy of the U-Net's way down that reads a controlling picture (edges, depth, pose) and adds its residuals to the U-Net's intermediates.
// Paper: Zhang et al., "Adding Conditional Control to Text-to-Image Diffusion Models", arXiv:2302.05543, section 3.
// Names follow huggingface/diffusers d035dcd7, models/controlnets/controlnet.py.
//
// Shapes    B batch  C latent channels  h,w latent height, width  H,W height, width of the controlling picture  K text tokens  E width of the text
public sealed class ControlNet : Module
{
    private const int Kernel = 3;
    private readonly Conv2d _convIn;
    private readonly ConditionEncoder _condition;
    private readonly UNetEmbedding _embedding;
    private readonly Linear? _encoderHidProj;
    private readonly UNetDownBlock[] _downBlocks;
    private readonly UNetMidBlock _midBlock;
    private readonly Conv2d[] _controlDown;
    private readonly Conv2d _controlMid;

    public ControlNet(ParameterPath path, ControlNetConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        var unet = config.Unet();
        var widths = config.BlockOutChannels;
        int levels = widths.Count;
        _convIn = new Conv2d(path["conv_in"], config.InChannels, widths[0], Kernel, padding: 1);
        _embedding = new UNetEmbedding(path, unet.Embedding);
        _encoderHidProj = config.EncoderHidDim is { } width ? new Linear(path["encoder_hid_proj"], width, config.CrossAttentionDim, init: Init.TorchLinear) : null;
        _condition = new ConditionEncoder(path["controlnet_cond_embedding"], config);
        _downBlocks = [.. Enumerable.Range(0, levels).Select(i => new UNetDownBlock(path["down_blocks"][i], unet.BlockAt(i), widths[Math.Max(0, i - 1)], widths[i],
            config.LayersPerBlock, config.DownBlockTypes[i] == UNet2DConditionConfig.CrossAttentionDown, i < levels - 1 ? config.DownsamplePadding : null))];
        int[] places = [widths[0], .. Enumerable.Range(0, levels).SelectMany(i => Enumerable.Repeat(widths[i], config.LayersPerBlock + (i < levels - 1 ? 1 : 0)))];
        // Zero at first, so that training begins with the U-Net as it was.
        _controlDown = [.. places.Select((c, i) => new Conv2d(path["controlnet_down_blocks"][i], c, c, 1, init: Init.Zeros))];
        _controlMid = new Conv2d(path["controlnet_mid_block"], widths[^1], widths[^1], 1, init: Init.Zeros);
        _midBlock = new UNetMidBlock(path["mid_block"], unet.BlockAt(levels - 1), widths[^1], config.MidBlockType == UNet2DConditionConfig.CrossAttentionMid, config.MidBlockScaleFactor);
    }

    public ControlNetConfig Config { get; }

    /// <summary>The residuals for the U-Net: one for every intermediate of its way down, and one for its middle.</summary>
    /// <param name="x">Noisy latents [B, C, h, w].</param>
    /// <param name="timestep">[B] or [1].</param>
    /// <param name="text">Output of the text encoder [B, K, E].</param>
    /// <param name="picture">What controls, [B, C', H, W] in [0, 1], with H = h · <see cref="ControlNetConfig.ConditionCompression"/>.</param>
    /// <param name="scale">Strength: what every residual is multiplied by.</param>
    /// <param name="conditions">Everything else that the U-Net reads.</param>
    public (IReadOnlyList<Tensor> Down, Tensor Mid) Forward(Tensor x, Tensor timestep, Tensor text, Tensor picture, double scale = 1, UNetConditions? conditions = null)
    {
        using var scope = TensorScope.Enter();
        Check(x, picture);
        conditions ??= UNetConditions.None;
        var temb = _embedding.Forward(x.Size(0), timestep, conditions);                          // [B, T]
        var context = new TextContext(_encoderHidProj?.Forward(text) ?? text, conditions.AdditiveTextMask());
        if (Config.ControlnetConditioningChannelOrder == "bgr") picture = picture.Flip(1);
        x = _convIn.Forward(x.ContiguousChannelsLast()) + _condition.Forward(picture.ContiguousChannelsLast());
        var skips = new List<Tensor> { x };
        foreach (var block in _downBlocks) x = block.Forward(x, temb, context, skips);
        x = _midBlock.Forward(x, temb, context);
        var down = new Tensor[skips.Count];
        for (var i = 0; i < down.Length; i++) down[i] = Scale(_controlDown[i].Forward(skips[i]), scale);
        return (scope.Keep(down), scope.Keep(Scale(_controlMid.Forward(x), scale)));
    }

    private Tensor Scale(Tensor residual, double scale)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep((Config.GlobalPoolConditions ? residual.Mean([2, 3], keepDim: true) : residual) * scale);
    }

    private void Check(Tensor x, Tensor picture)
    {
        var factor = Config.ConditionCompression;
        if (x.Dim != 4 || x.Size(1) != Config.InChannels)
            throw new ShapeException($"ControlNet: expected latents [B, {Config.InChannels}, h, w], got [{string.Join(", ", x.Shape)}].");
        if (picture.Dim != 4 || picture.Size(1) != Config.ConditioningChannels || picture.Size(2) != factor * x.Size(2) || picture.Size(3) != factor * x.Size(3))
            throw new ShapeException($"ControlNet: expected a picture [B, {Config.ConditioningChannels}, {factor * x.Size(2)}, {factor * x.Size(3)}], got [{string.Join(", ", picture.Shape)}].");
    }

    // The controlling picture on its way to latent size.
    private sealed class ConditionEncoder : Module
    {
        private readonly Conv2d[] _convs;

        public ConditionEncoder(ParameterPath path, ControlNetConfig config) : base(path)
        {
            var widths = config.ConditioningEmbeddingOutChannels;
            var convs = new List<Conv2d> { new(path["conv_in"], config.ConditioningChannels, widths[0], Kernel, padding: 1) };
            for (var i = 0; i < widths.Count - 1; i++)
            {
                convs.Add(new Conv2d(path["blocks"][2 * i], widths[i], widths[i], Kernel, padding: 1));
                convs.Add(new Conv2d(path["blocks"][2 * i + 1], widths[i], widths[i + 1], Kernel, stride: 2, padding: 1));
            }
            convs.Add(new Conv2d(path["conv_out"], widths[^1], config.BlockOutChannels[0], Kernel, padding: 1, init: Init.Zeros));
            _convs = [.. convs];
        }

        public Tensor Forward(Tensor picture)                                                    // [B, C', H, W]
        {
            using var scope = TensorScope.Enter();
            foreach (var conv in _convs.SkipLast(1)) picture = F.Silu(conv.Forward(picture));
            return scope.Keep(_convs[^1].Forward(picture));                                      // [B, ·, h, w]
        }
    }
}

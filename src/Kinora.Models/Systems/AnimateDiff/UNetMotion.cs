using Kinora.Engine;
using Kinora.Models.Modules;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.AnimateDiff;

// The denoiser of AnimateDiff: the U-Net of Stable Diffusion, frame by frame, with a motion module behind every layer of every level.
// Paper: Guo et al., "AnimateDiff", arXiv:2307.04725, section 4.
// Names follow huggingface/diffusers d035dcd7, models/unets/unet_motion_model.py.
//
// Shapes    B clips  F frames  C latent channels  h,w latent height, width  K text tokens  E width of the text
public sealed class UNetMotion
{
    private readonly UNet2DCondition _picture;
    private readonly MotionAdapter _motion;

    /// <param name="picture">Any Stable Diffusion U-Net of the family that the motion modules were trained with.</param>
    /// <param name="motion">The motion modules; they may come from a checkpoint of their own.</param>
    /// <exception cref="ConfigException">The two do not fit together.</exception>
    public UNetMotion(UNet2DCondition picture, MotionAdapter motion)
    {
        ArgumentNullException.ThrowIfNull(picture);
        ArgumentNullException.ThrowIfNull(motion);
        var violations = new ConfigViolations("motion adapter and U-Net");
        var (unet, adapter) = (picture.Config, motion.Config);
        violations.Require(unet.BlockOutChannels.SequenceEqual(adapter.BlockOutChannels), $"the adapter was made for widths {Words(adapter.BlockOutChannels)}, the U-Net has {Words(unet.BlockOutChannels)}");
        violations.Require(Enumerable.Range(0, unet.BlockOutChannels.Count).All(i => unet.LayersPerBlock.At(i) == adapter.MotionLayersPerBlock.At(i)), $"the adapter was made for {Words(adapter.MotionLayersPerBlock)} layers a level, the U-Net has {Words(unet.LayersPerBlock)}");
        violations.Require(!adapter.UseMotionMidBlock || adapter.MotionMidBlockLayersPerBlock == 1, "the adapter has more than one motion module in the middle, the U-Net one transformer");
        violations.ThrowIfAny();
        (_picture, _motion) = (picture, motion);

        static string Words(IReadOnlyList<int> values) => string.Join(", ", values);
    }

    /// <summary>Both parts from one checkpoint.</summary>
    public static UNetMotion Create(ParameterPath path, UNetMotionConfig config)
    {
        ArgumentNullException.ThrowIfNull(path);
        ArgumentNullException.ThrowIfNull(config);
        config.Validate();
        return new UNetMotion(new UNet2DCondition(path, config.Picture), new MotionAdapter(path, config.Motion));
    }

    /// <summary>Configuration of the picture model.</summary>
    public UNet2DConditionConfig Config => _picture.Config;

    /// <summary>Frames of the longest clip in one call.</summary>
    public int MaxFrames => _motion.Config.MotionMaxSeqLength;

    /// <summary>What the network predicts for noisy latents, [B, C, F, h, w] in float32.</summary>
    /// <param name="x">Noisy latents [B, C, F, h, w].</param>
    /// <param name="timestep">[1] or [B], 0 to the schedule's last.</param>
    /// <param name="text">Output of the text encoder, of each clip [B, K, E] or of each frame [B·F, K, E].</param>
    /// <param name="conditions">Everything else that the picture model reads, for each frame.</param>
    /// <exception cref="ShapeException">An input has another shape, or there are more frames than <see cref="MaxFrames"/>.</exception>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, UNetConditions? conditions = null)
    {
        using var scope = TensorScope.Enter();
        if (x.Dim != 5 || x.Size(2) > MaxFrames)
            throw new ShapeException($"UNetMotion: expected latents [B, {Config.InChannels}, F, h, w] with at most {MaxFrames} frames, got [{string.Join(", ", x.Shape)}].");
        var (b, c, f, h, w) = x.Dims5();
        var pictures = x.Transpose(1, 2).Reshape(b * f, c, h, w);
        var times = timestep.Expand(b).RepeatInterleave(f, 0);                                   // [B·F]
        var context = text.Size(0) == b * f ? text : text.RepeatInterleave(f, 0);                // [B·F, K, E]
        var y = _picture.Forward(pictures, times, context, conditions, new Layers(_motion, f));  // [B·F, C, h, w]
        return scope.Keep(y.View(b, f, -1, h, w).Transpose(1, 2).Contiguous());
    }

    /// <summary>Floating point operations of one clip's forward pass (a multiply-add counts as two; convolutions, linears and self-attention).</summary>
    public static double Flops(UNet2DConditionConfig picture, MotionAdapterConfig motion, long frames, long latentHeight, long latentWidth)
    {
        ArgumentNullException.ThrowIfNull(picture);
        return UNetCost.Flops(path => _ = new UNetMotion(new UNet2DCondition(path, picture), new MotionAdapter(path, motion)), picture.BlockOutChannels.Count, frames, latentHeight, latentWidth);
    }

    private sealed record Layers(MotionAdapter Motion, long Frames) : IFrameLayers
    {
        public Tensor Down(int block, int layer, Tensor x) => Motion.Down(block)[layer].Forward(x, Frames);

        public Tensor Mid(Tensor x) => Motion.Mid.Count > 0 ? Motion.Mid[0].Forward(x, Frames) : x;

        public Tensor Up(int block, int layer, Tensor x) => Motion.Up(block)[layer].Forward(x, Frames);
    }
}

using Kinora.Engine;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.AnimateDiff;

/// <summary>AnimateDiff: a Stable Diffusion U-Net and a motion adapter. Clips that are too long for the adapter come from overlapping windows.</summary>
internal sealed class AnimateDiffModel : ILatentClipModel
{
    // Frames that motion modules were trained on, and those that the windows of a longer clip share.
    private const int TrainedFrames = 16, WindowOverlap = 4;

    /// <inheritdoc/>
    public string Title => "AnimateDiff";

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => ["AnimateDiffPipeline"];

    /// <inheritdoc/>
    public IReadOnlyList<string> DenoiserComponents => ["unet", "motion_adapter"];

    /// <inheritdoc/>
    public LatentClipDefaults Defaults => new(Width: 512, Height: 512, Frames: TrainedFrames, Steps: 25, Guidance: 7.5, FrameRate: 8);

    /// <inheritdoc/>
    public LatentClipShape Describe(ModelFolder folder)
    {
        var (unet, motion) = Configs(folder);
        return new LatentClipShape(unet.InChannels, unet.CrossAttentionDim[0], unet.BlockOutChannels, (frames, h, w) => UNetMotion.Flops(unet, motion, frames, h, w));
    }

    /// <inheritdoc/>
    /// <remarks>
    /// A folder of the picture model alone states the schedule of pictures. Motion modules were trained with β linear, and are sampled by DDIM
    /// from the noisiest step on: Guo et al., arXiv:2307.04725, section 4.3.
    /// </remarks>
    public SchedulerConfig Schedule(ModelFolder folder, SchedulerConfig stored) => !folder.MotionIsAdded ? stored
        : stored with { ClassName = "DDIMScheduler", BetaSchedule = "linear", ClipSample = false, StepsOffset = 1, TimestepSpacing = "linspace", UseKarrasSigmas = null, AlgorithmType = null, SolverType = null };

    /// <inheritdoc/>
    public LatentClipDenoiser Load(NetworkLoader networks)
    {
        var (unetConfig, motionConfig) = Configs(networks.Folder);
        UNet2DCondition picture = networks.Load("unet", path => new UNet2DCondition(path, unetConfig));
        ParameterStore? motionWeights = null;
        try
        {
            MotionAdapter motion = networks.Load("motion_adapter", path => new MotionAdapter(path, motionConfig));
            motionWeights = motion.Path.Store;
            var unet = new UNetMotion(picture, motion);
            return new LatentClipDenoiser((x, t, text) => unet.Forward(x, t, text), [picture.Path.Store, motionWeights], Windows(unet.MaxFrames));
        }
        catch
        {
            picture.Path.Store.Dispose();
            motionWeights?.Dispose();
            throw;
        }
    }

    /// <summary>How motion modules of a longest clip see longer ones.</summary>
    public static FrameWindows Windows(int maxFrames)
    {
        int length = Math.Min(TrainedFrames, maxFrames);
        return new FrameWindows(maxFrames, length, Math.Min(WindowOverlap, length - 1));
    }

    private static (UNet2DConditionConfig Unet, MotionAdapterConfig Motion) Configs(ModelFolder folder) =>
        (UNet2DConditionConfig.Read(folder.Config("unet")), MotionAdapterConfig.Read(folder.Config("motion_adapter")));
}

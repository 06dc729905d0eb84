using Kinora.Engine;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.ModelScope;

/// <summary>ModelScope text-to-video and ZeroScope. Nothing in the network counts frames, so a clip of any length is seen at once.</summary>
internal sealed class ModelScopeModel : ILatentClipModel
{
    /// <inheritdoc/>
    public string Title => "ModelScope text-to-video";

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => ["TextToVideoSDPipeline"];

    /// <inheritdoc/>
    public IReadOnlyList<string> DenoiserComponents => ["unet"];

    /// <inheritdoc/>
    public LatentClipDefaults Defaults => new(Width: 256, Height: 256, Frames: 16, Steps: 50, Guidance: 9, FrameRate: 8);

    /// <inheritdoc/>
    public LatentClipShape Describe(ModelFolder folder)
    {
        var config = Config(folder);
        return new LatentClipShape(config.InChannels, config.CrossAttentionDim, config.BlockOutChannels, (frames, h, w) => UNet3D.Flops(config, frames, h, w));
    }

    /// <inheritdoc/>
    public SchedulerConfig Schedule(ModelFolder folder, SchedulerConfig stored) => stored;

    /// <inheritdoc/>
    public LatentClipDenoiser Load(NetworkLoader networks)
    {
        var config = Config(networks.Folder);
        UNet3D unet = networks.Load("unet", path => new UNet3D(path, config));
        return new LatentClipDenoiser((x, t, text) => unet.Forward(x, t, text), [unet.Path.Store], FrameWindows.Unbounded);
    }

    private static UNet3DConfig Config(ModelFolder folder) => UNet3DConfig.Read(folder.Config("unet"));
}

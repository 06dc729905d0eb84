using Kinora.Engine;
using Kinora.Models.Diffusion.Samplers.Stepwise;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>A model that puts motion into the latent space of Stable Diffusion: what <see cref="LatentClipSystem"/> needs to know of it.</summary>
internal interface ILatentClipModel
{
    /// <summary>What people call it.</summary>
    string Title { get; }

    /// <summary>Values of <c>_class_name</c> in <c>model_index.json</c>.</summary>
    IReadOnlyList<string> ClassNames { get; }

    /// <summary>The components that hold the denoiser.</summary>
    IReadOnlyList<string> DenoiserComponents { get; }

    /// <summary>What the publisher recommends.</summary>
    LatentClipDefaults Defaults { get; }

    /// <summary>Sizes, from configurations alone.</summary>
    /// <exception cref="ConfigException">A configuration is wrong.</exception>
    LatentClipShape Describe(ModelFolder folder);

    /// <summary>The sampler and schedule that the model was trained for, from those that stand in its folder.</summary>
    SchedulerConfig Schedule(ModelFolder folder, SchedulerConfig stored);

    /// <summary>Loads the denoiser.</summary>
    /// <exception cref="ConfigException">A configuration is wrong.</exception>
    LatentClipDenoiser Load(NetworkLoader networks);
}

/// <summary>What a clip is when nobody says otherwise.</summary>
internal sealed record LatentClipDefaults(int Width, int Height, int Frames, int Steps, double Guidance, double FrameRate);

/// <summary>Sizes of a denoiser.</summary>
/// <param name="LatentChannels">Channels that it reads and makes.</param>
/// <param name="TextWidth">Width of the text that it attends to.</param>
/// <param name="BlockOutChannels">Widths of its levels.</param>
/// <param name="Flops">Floating point operations of one call, of frames, latent height and latent width.</param>
internal sealed record LatentClipShape(int LatentChannels, int TextWidth, IReadOnlyList<int> BlockOutChannels, Func<long, long, long, double> Flops);

/// <summary>A loaded denoiser.</summary>
/// <param name="Predict">The network.</param>
/// <param name="Weights">Its parameters; whoever takes the denoiser frees them.</param>
/// <param name="Windows">How it sees long clips.</param>
internal sealed record LatentClipDenoiser(ClipDenoiser Predict, IReadOnlyList<ParameterStore> Weights, FrameWindows Windows);

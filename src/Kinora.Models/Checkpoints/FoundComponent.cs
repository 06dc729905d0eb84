using Kinora.Engine.Checkpoints;
using Kinora.Models.Checkpoints.Dialects;
using Kinora.Models.Systems.CogVideoX;

namespace Kinora.Models.Checkpoints;

/// <summary>A network found in a file or folder of weights.</summary>
/// <param name="Name">Its folder in a diffusers model: unet, transformer, vae, text_encoder, …</param>
/// <param name="ClassName">The class of its configuration; null when it is not known.</param>
/// <param name="System">The system it belongs to.</param>
/// <param name="Dialect">The layout of its names.</param>
/// <param name="Weights">Its weights under our names.</param>
/// <param name="Config">The text of a config.json that fits; null when none is known.</param>
/// <param name="Map">The table between the published layout and ours; null when they are the same.</param>
/// <param name="Prefix">What stands before the component's names in the file.</param>
public sealed record FoundComponent(string Name, string? ClassName, string System, string Dialect, IWeights Weights, string? Config, KeyMap? Map, string Prefix)
{
    /// <summary>What the weights do not show, so that <see cref="Config"/> leaves it to the network beside them; null when it says all.</summary>
    public string? Undecided { get; init; }

    /// <summary>The configuration, with what the network beside it decides; null when nothing does.</summary>
    /// <param name="sibling">The configuration of another component of the model; null where it has none.</param>
    public string? ConfigBeside(Func<string, ConfigText?> sibling)
    {
        ArgumentNullException.ThrowIfNull(sibling);
        return Undecided is null || Config is null ? Config : ClassName switch
        {
            CogVideoXAutoencoderConfig.Name => sibling("transformer") is { } transformer ? CogVideoXShapes.VaeBeside(Config, transformer) : null,
            _ => sibling("unet") is { } unet ? StableDiffusionShapes.VaeBeside(Config, unet) : null,
        };
    }
}

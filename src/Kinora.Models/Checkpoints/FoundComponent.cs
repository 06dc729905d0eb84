using Kinora.Engine.Checkpoints;

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
public sealed record FoundComponent(string Name, string? ClassName, string System, string Dialect, IWeights Weights, string? Config, KeyMap? Map, string Prefix);

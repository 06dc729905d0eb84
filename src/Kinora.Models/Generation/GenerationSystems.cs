// What `kinora generate --model` runs: one line per system.

using Kinora.Engine;
using Kinora.Models.Systems.AnimateDiff;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.ModelScope;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Systems.Wan;

namespace Kinora.Models.Generation;

/// <summary>Every system that this version runs.</summary>
public static class GenerationSystems
{
    /// <summary>One line per system, by the name of its folder under Systems.</summary>
    public static IReadOnlyList<IGenerationSystem> All { get; } =
    [
        new CogVideoXSystem(),
        new KinoraWorldSystem(),
        new StableDiffusionSystem(),
        new LatentClipSystem(new AnimateDiffModel()),
        new LatentClipSystem(new ModelScopeModel()),
        new StableVideoDiffusionSystem(),
        new WanSystem(),
        new LtxSystem(),
    ];

    /// <summary>The system that answers to a value of <c>_class_name</c>; null when there is none.</summary>
    public static IGenerationSystem? Find(string className) => All.FirstOrDefault(system => system.ClassNames.Contains(className, StringComparer.Ordinal));

    /// <summary>The system of an opened folder.</summary>
    /// <exception cref="ConfigException">There is none.</exception>
    public static IGenerationSystem Of(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        return Find(folder.ClassName) ?? throw new ConfigException($"{folder.Path}: no system of this version runs {folder.ClassName}.");
    }
}

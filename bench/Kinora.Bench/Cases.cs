using Kinora.Engine;
using Kinora.Evaluation.Speed;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Bench;

/// <summary>The cases of this process, and the ceilings that are measured once in it.</summary>
internal static class Cases
{
    private const string DefaultModel = "kinora-world", ModelVariable = "KINORA_BENCH_MODEL";
    private static readonly Lazy<SpeedCeilings> Measured = new(() => SpeedMeter.MeasureCeilings(Device.Cpu));
    private static readonly Lazy<IReadOnlyList<SpeedCase>> OfModel = new(LoadModel);

    /// <summary>Whether there is a model to time: the one named, or the one that ships.</summary>
    public static bool HasModel { get; } = Environment.GetEnvironmentVariable(ModelVariable) is { Length: > 0 } || IsShipped();

    public static SpeedCeilings Ceilings => Measured.Value;

    public static IReadOnlyList<SpeedCase> Model => OfModel.Value;

    public static SpeedCase Find(string name) => OpsCases.All.FirstOrDefault(c => c.Name == name) ?? Model.First(c => c.Name == name);

    private static bool IsShipped()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "models", DefaultModel, ModelFolder.IndexFile)))
                return true;
        }
        return false;
    }

    // The pipeline lives as long as the process: every case of the model uses it.
    private static IReadOnlyList<SpeedCase> LoadModel()
    {
        ModelFolder folder = ModelFolder.Find(Environment.GetEnvironmentVariable(ModelVariable) ?? DefaultModel);
        return ModelCases.All(folder, KinoraWorldPipeline.Load(new NetworkLoader(folder, new LoadOptions { Compute = DType.BFloat16 })), DType.BFloat16);
    }
}

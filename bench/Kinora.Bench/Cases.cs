using Kinora.Engine;
using Kinora.Evaluation.Speed;
using Kinora.Models;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Bench;

/// <summary>The cases of this process, and the ceilings that are measured once in it.</summary>
internal static class Cases
{
    private const string DefaultModel = "kinora-world";
    private static readonly Lazy<SpeedCeilings> Measured = new(() => SpeedMeter.MeasureCeilings(Device.Cpu));
    private static readonly Lazy<IReadOnlyList<SpeedCase>> OfModel = new(LoadModel);

    public static SpeedCeilings Ceilings => Measured.Value;

    public static IReadOnlyList<SpeedCase> Model => OfModel.Value;

    public static SpeedCase Find(string name) => OpsCases.All.FirstOrDefault(c => c.Name == name) ?? Model.First(c => c.Name == name);

    // The pipeline lives as long as the process: every case of the model uses it.
    private static IReadOnlyList<SpeedCase> LoadModel()
    {
        ModelFolder folder = ModelFolder.Find(Environment.GetEnvironmentVariable("KINORA_BENCH_MODEL") ?? DefaultModel);
        return ModelCases.All(folder, KinoraWorldPipeline.Load(folder, Device.Cpu, DType.BFloat16), DType.BFloat16);
    }
}

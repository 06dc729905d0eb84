using System.Text.Json;
using System.Text.Json.Serialization;

namespace Kinora.Training.Loop;

/// <summary>What a checkpoint holds besides tensors.</summary>
internal sealed record TrainingState
{
    /// <summary>Optimizer steps done; the next step has this number.</summary>
    public long Step { get; set; }

    /// <summary>Seconds of training so far, over all runs.</summary>
    public double ElapsedSeconds { get; set; }

    /// <summary>The optimizer's own count, for bias correction.</summary>
    public long OptimizerSteps { get; set; }

    /// <summary>Updates of the moving average.</summary>
    public long EmaUpdates { get; set; }

    /// <summary>The step at which the learning rate reaches its end; smaller than the recipe's when the decay was started early.</summary>
    public long TotalSteps { get; set; }

    /// <summary>Steps in the log window that is not yet written.</summary>
    public int WindowSteps { get; set; }

    /// <summary>Sums of the metrics over that window.</summary>
    public IReadOnlyList<double> WindowSums { get; set; } = [];

    /// <summary>SHA-256 of the recipe's stage, to notice a recipe that changed under a run.</summary>
    public string RecipeHash { get; set; } = "";
}

/// <summary>Source-generated JSON of run files.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(TrainingState))]
[JsonSerializable(typeof(LogEntry))]
[JsonSerializable(typeof(StageResult))]
internal sealed partial class RunJson : JsonSerializerContext;

/// <summary>One line of the training log.</summary>
/// <param name="Step">Optimizer steps done.</param>
/// <param name="Metrics">Means over the window by name, the loss first.</param>
/// <param name="GradNorm">Mean global gradient norm before clipping.</param>
/// <param name="LearningRate">At the last step of the window.</param>
/// <param name="SamplesPerSecond">Samples over all processes per second of training.</param>
/// <param name="Gflops">Gigaflops per second per process; 0 when unknown.</param>
/// <param name="ElapsedSeconds">Training time so far.</param>
internal sealed record LogEntry(long Step, IReadOnlyDictionary<string, double> Metrics, double GradNorm, double LearningRate, double SamplesPerSecond, double Gflops, double ElapsedSeconds);

/// <summary>How a stage ended.</summary>
/// <param name="Stage">Its name.</param>
/// <param name="Steps">Steps done.</param>
/// <param name="ElapsedSeconds">Training time.</param>
/// <param name="Loss">The last logged loss.</param>
/// <param name="RecipeHash">The recipe stage it was made from.</param>
internal sealed record StageResult(string Stage, long Steps, double ElapsedSeconds, double Loss, string RecipeHash);

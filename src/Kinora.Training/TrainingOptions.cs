namespace Kinora.Training;

/// <summary>What the command line adds to a recipe.</summary>
public sealed record TrainingOptions
{
    /// <summary>The run's folder; null for <c>runs/&lt;recipe name&gt;</c>.</summary>
    public string? Folder { get; init; }

    /// <summary>Device to train on: <c>cpu</c>, <c>cuda</c>, <c>cuda:1</c>.</summary>
    public string Device { get; init; } = "cpu";

    /// <summary>The last stage to run: <c>codec</c>, <c>text</c>, <c>latents</c>, <c>generator</c>; null for all.</summary>
    public string? Until { get; init; }

    /// <summary>Steps of each stage to run under the operator profiler, after a few to warm up; 0 for none.</summary>
    public int ProfileSteps { get; init; }
}

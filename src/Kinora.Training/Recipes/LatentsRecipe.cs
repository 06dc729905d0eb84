namespace Kinora.Training.Recipes;

/// <summary>Stage <c>latents</c>: world clips rendered and encoded once.</summary>
public sealed record LatentsRecipe
{
    /// <summary>Clips in the cache.</summary>
    public required int Clips { get; init; }

    /// <summary>Clips encoded at a time.</summary>
    public int BatchSize { get; set; } = 16;

    /// <summary>Wall-clock budget in minutes; 0 for none. The cache ends early when it is spent.</summary>
    public double MaxMinutes { get; set; }

    /// <summary>How far the channels' variances are made equal for the generator: 1 entirely, 0 not at all.</summary>
    public double Whitening { get; set; } = 0.5;

    internal void Collect(List<string> violations)
    {
        Recipe.Check(violations, Clips > 0, $"`latents.clips` must be positive, got {Clips}");
        Recipe.Check(violations, BatchSize > 0, $"`latents.batch_size` must be positive, got {BatchSize}");
        Recipe.CheckProbability(violations, "latents.whitening", Whitening);
        Recipe.Check(violations, MaxMinutes >= 0, $"`latents.max_minutes` must not be negative, got {MaxMinutes}");
    }
}

using System.Globalization;
using Kinora.Engine;

namespace Kinora.Evaluation.Quality;

/// <summary>What to measure. Null means the model's own default.</summary>
public sealed record QualityOptions
{
    /// <summary>Below this many clips an interval is too wide to mean anything.</summary>
    public const int MinPrompts = 50;

    /// <summary>Held-out prompts, one clip each.</summary>
    public int Prompts { get; init; } = 200;
    /// <summary>Held-out prompts about two things, one clip each; 0 asks none. They follow the others: the first has seed + prompts.</summary>
    public int Pairs { get; init; } = 100;
    /// <summary>Clip i is generated with seed + i.</summary>
    public ulong Seed { get; init; }
    /// <summary>Sampling steps.</summary>
    public int? Steps { get; init; }
    /// <summary>Guidance scale.</summary>
    public double? Guidance { get; init; }
    /// <summary>One of the samplers' names.</summary>
    public string? Sampler { get; init; }
    /// <summary>Clips sampled together; changes speed and memory only.</summary>
    public int BatchSize { get; init; } = 16;
    /// <summary>Real clips of the probe's check.</summary>
    public int RealClips { get; init; } = ProbeGate.DefaultClips;

    /// <summary>Throws <see cref="ConfigException"/> with every violation.</summary>
    public void Validate()
    {
        var violations = new List<string>();
        if (Prompts < MinPrompts || Prompts > HeldOutPrompts.Available)
            violations.Add(string.Create(CultureInfo.InvariantCulture, $"--prompts must be within {MinPrompts} and {HeldOutPrompts.Available}, got {Prompts}; fewer clips say nothing about a model"));
        if (Pairs != 0 && (Pairs < MinPrompts || Pairs > HeldOutPairs.Available))
            violations.Add(string.Create(CultureInfo.InvariantCulture, $"--pairs must be 0 or within {MinPrompts} and {HeldOutPairs.Available}, got {Pairs}; fewer clips say nothing about a model"));
        if (RealClips < MinPrompts)
            violations.Add(string.Create(CultureInfo.InvariantCulture, $"at least {MinPrompts} real clips are needed, got {RealClips}"));
        if (Steps is < 1 or > 1000)
            violations.Add(string.Create(CultureInfo.InvariantCulture, $"--steps must be within 1 and 1000, got {Steps}"));
        if (Guidance is { } g && (!double.IsFinite(g) || g < 0))
            violations.Add(string.Create(CultureInfo.InvariantCulture, $"--guidance must not be negative, got {g}"));
        if (BatchSize < 1)
            violations.Add(string.Create(CultureInfo.InvariantCulture, $"--batch must be positive, got {BatchSize}"));
        if (violations.Count > 0)
            throw new ConfigException(string.Join("; ", violations) + ".");
    }
}

/// <summary>How far a measurement is.</summary>
public readonly record struct QualityProgress(string Stage, int Done, int Total);

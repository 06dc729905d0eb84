namespace Kinora.Curation.Shots;

/// <summary>What a user may set on every detector; a setting that a detector does not have is ignored by it.</summary>
public sealed record DetectorSettings
{
    /// <summary>The detector's threshold; null takes its default.</summary>
    public double? Threshold { get; init; }

    /// <summary>Shortest shot in frames.</summary>
    public long MinLength { get; init; } = 15;

    /// <summary>Report every hard cut, however short the shots between them are (fused).</summary>
    public bool EveryHardCut { get; init; }

    /// <summary>What happens to faster changes (content).</summary>
    public FlashFilterMode FlashFilter { get; init; }

    /// <summary>Compare brightness alone (content, adaptive).</summary>
    public bool LumaOnly { get; init; }

    /// <summary>Record edge differences (content, adaptive).</summary>
    public bool RecordEdges { get; init; }

    /// <summary>Also cut at a fade-out that nothing follows (threshold).</summary>
    public bool CloseTrailingFade { get; init; }
}

/// <summary>The detectors by name.</summary>
public static class Detectors
{
    /// <summary>Every name, the default first.</summary>
    public static IReadOnlyList<string> Names { get; } = ["content", "adaptive", "histogram", "hash", "threshold", "fused"];

    /// <summary>What curation uses unless told otherwise.</summary>
    public static string ForCuration => "fused";

    /// <summary>A fresh detector for one clip.</summary>
    /// <exception cref="ArgumentException">There is no detector of that name.</exception>
    public static IShotDetector Create(string name, DetectorSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var weights = settings.LumaOnly ? ContentWeights.LumaOnly : new ContentWeights();
        return name switch
        {
            "content" => new ContentDetector(Set(new ContentOptions { MinLength = settings.MinLength, FlashFilter = settings.FlashFilter, Weights = weights, RecordEdges = settings.RecordEdges }, (o, x) => o with { Threshold = x })),
            "adaptive" => new AdaptiveDetector(Set(new AdaptiveOptions { MinLength = settings.MinLength, Weights = weights, RecordEdges = settings.RecordEdges }, (o, x) => o with { Threshold = x })),
            "histogram" => new HistogramDetector(Set(new HistogramOptions { MinLength = settings.MinLength }, (o, x) => o with { Threshold = x })),
            "hash" => new HashDetector(Set(new HashOptions { MinLength = settings.MinLength }, (o, x) => o with { Threshold = x })),
            "threshold" => new ThresholdDetector(Set(new ThresholdOptions { MinLength = settings.MinLength, CloseTrailingFade = settings.CloseTrailingFade }, (o, x) => o with { Threshold = x })),
            "fused" => new FusedDetector(Set(new FusedOptions { MinLength = settings.MinLength, EveryHardCut = settings.EveryHardCut }, (o, x) => o with { Gradual = x })),
            _ => throw new ArgumentException($"There is no detector \"{name}\"; there are {string.Join(", ", Names)}.", nameof(name)),
        };

        T Set<T>(T options, Func<T, double, T> with) => settings.Threshold is { } threshold ? with(options, threshold) : options;
    }
}

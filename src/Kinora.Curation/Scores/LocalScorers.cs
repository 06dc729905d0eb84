using Kinora.Vision;

namespace Kinora.Curation.Scores;

/// <summary>The optional scorers that need no weights, as far as this machine has their libraries.</summary>
public static class LocalScorers
{
    /// <summary>Every one that can be made here; dispose them.</summary>
    /// <param name="options">What the recipe asks of them.</param>
    /// <exception cref="VisionException">The recipe asks for text in other than the default language, or for Data-Juicer's motion, and this machine lacks what that needs.</exception>
    public static IReadOnlyList<IClipScorer> Create(MeasureOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        // What nobody asked for by name may be missing; its scores are unavailable then.
        if (VisionLibrary.Unavailable is { } reason) { return options.DataJuicerMotion || options.TextLanguage != LineReader.DefaultLanguage ? throw new VisionException($"the recipe asks for more than this machine can measure: {reason}") : []; }
        var text = TextScorer.Create(options.TextLanguage, out string? unavailable);
        if (text is null && options.TextLanguage != LineReader.DefaultLanguage) { throw new VisionException($"measure.text_language: {unavailable}"); }
        var flow = new OpenCvFlowScorer(options.DataJuicerMotion);
        return text is null ? [flow] : [flow, text];
    }
}

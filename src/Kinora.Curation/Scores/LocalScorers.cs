using Kinora.Vision;

namespace Kinora.Curation.Scores;

/// <summary>The optional scorers that need no weights, as far as this machine has their libraries.</summary>
public static class LocalScorers
{
    /// <summary>Every one that can be made here; dispose them.</summary>
    public static IReadOnlyList<IClipScorer> Create()
    {
        if (VisionLibrary.Unavailable is not null) { return []; }
        return TextScorer.Create(out _) is { } text ? [new OpenCvFlowScorer(), text] : [new OpenCvFlowScorer()];
    }
}

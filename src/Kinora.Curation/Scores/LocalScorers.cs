using Kinora.Vision;

namespace Kinora.Curation.Scores;

/// <summary>The optional scorers that need no weights, as far as this machine has their libraries.</summary>
public static class LocalScorers
{
    /// <summary>Every one that can be made here.</summary>
    public static IReadOnlyList<IClipScorer> Create() => VisionLibrary.Unavailable is null ? [new OpenCvFlowScorer()] : [];
}

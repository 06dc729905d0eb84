// Hard cuts by the change of color between consecutive frames.
// Source: PySceneDetect 0.7.1, detectors/content_detector.py (definition and defaults).
using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Options of <see cref="ContentDetector"/>.</summary>
public sealed record ContentOptions
{
    /// <summary>Content score at which a frame starts a shot, 0..255.</summary>
    public double Threshold { get; init; } = 27;

    /// <summary>Shortest shot in frames.</summary>
    public long MinLength { get; init; } = 15;

    /// <summary>What happens to faster changes.</summary>
    public FlashFilterMode FlashFilter { get; init; } = FlashFilterMode.Merge;

    /// <summary>What the score is made of.</summary>
    public ContentWeights Weights { get; init; } = new();

    /// <summary>Record edge differences though they have no weight; costs a few milliseconds a frame.</summary>
    public bool RecordEdges { get; init; }
}

/// <summary>Cuts where the content score reaches a threshold.</summary>
public sealed class ContentDetector(ContentOptions options) : IShotDetector
{
    private readonly ContentScore _score = new(options.Weights, options.RecordEdges);
    private readonly FlashFilter _filter = new(options.FlashFilter, options.MinLength);

    /// <inheritdoc/>
    public string Name => "content";

    /// <inheritdoc/>
    public void Process(FrameGraph frame, ShotTrace trace)
    {
        if (_filter.Next(frame.Index, _score.Of(frame, trace) >= options.Threshold) is { } cut) { trace.Cut(cut); }
    }

    /// <inheritdoc/>
    public void Finish(long lastIndex, ShotTrace trace)
    {
    }
}

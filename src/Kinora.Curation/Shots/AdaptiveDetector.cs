// Hard cuts by a content score that stands out of its neighborhood, so that fast camera motion does not count.
// Source: PySceneDetect 0.7.1, detectors/adaptive_detector.py (definition and defaults).
using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Options of <see cref="AdaptiveDetector"/>.</summary>
public sealed record AdaptiveOptions
{
    /// <summary>Ratio of a frame's content score to the mean of its neighbors' at which it starts a shot.</summary>
    public double Threshold { get; init; } = 3;

    /// <summary>Shortest shot in frames.</summary>
    public long MinLength { get; init; } = 15;

    /// <summary>Neighbors on each side.</summary>
    public int Window { get; init; } = 2;

    /// <summary>Content score below which no frame starts a shot.</summary>
    public double MinContent { get; init; } = 15;

    /// <summary>What the score is made of.</summary>
    public ContentWeights Weights { get; init; } = new();

    /// <summary>Record edge differences though they have no weight.</summary>
    public bool RecordEdges { get; init; }
}

/// <summary>Cuts where the ratio of a score to its neighborhood reaches a threshold; decides two frames late.</summary>
public sealed class AdaptiveDetector(AdaptiveOptions options) : IShotDetector
{
    /// <summary>Name under which the ratio is recorded.</summary>
    public const string RatioMetric = "adaptive_ratio";

    private const double LargestRatio = 255, NoChange = 1e-5;

    private readonly ContentScore _score = new(options.Weights, options.RecordEdges);
    private readonly Queue<(long Index, double Score)> _window = new();
    private long? _lastCut;

    /// <inheritdoc/>
    public string Name => "adaptive";

    /// <inheritdoc/>
    public void Process(FrameGraph frame, ShotTrace trace)
    {
        _window.Enqueue((frame.Index, _score.Of(frame, trace)));
        _lastCut ??= frame.Index;
        if (_window.Count <= 2 * options.Window) { return; }
        var (center, score) = _window.ElementAt(options.Window);
        double neighbors = (_window.Sum(entry => entry.Score) - score) / (2.0 * options.Window);
        _window.Dequeue();
        double ratio = Math.Abs(neighbors) >= NoChange ? Math.Min(score / neighbors, LargestRatio) : score >= options.MinContent ? LargestRatio : 0;
        trace.Record(RatioMetric, center, ratio);
        if (ratio >= options.Threshold && score >= options.MinContent && frame.Index - _lastCut >= options.MinLength)
        {
            _lastCut = center;
            trace.Cut(center);
        }
    }

    /// <inheritdoc/>
    public void Finish(long lastIndex, ShotTrace trace)
    {
    }
}

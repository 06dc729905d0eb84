// Fades to and from black (or white) by the mean of all samples.
// Source: PySceneDetect 0.7.1, detectors/threshold_detector.py (definition and defaults).
using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Options of <see cref="ThresholdDetector"/>.</summary>
public sealed record ThresholdOptions
{
    /// <summary>Mean of all B, G, R samples that separates faded-out from visible, 0..255.</summary>
    public double Threshold { get; init; } = 12;

    /// <summary>Shortest shot in frames.</summary>
    public long MinLength { get; init; } = 15;

    /// <summary>Where in the dark stretch the cut lies: −1 at its start, 0 in the middle, 1 at its end.</summary>
    public double Bias { get; init; }

    /// <summary>Also cut where a fade-out is followed by nothing.</summary>
    public bool CloseTrailingFade { get; init; }

    /// <summary>Faded out means brighter than the threshold (fade to white).</summary>
    public bool Ceiling { get; init; }
}

/// <summary>Cuts in the middle of stretches that are faded out.</summary>
public sealed class ThresholdDetector(ThresholdOptions options) : IShotDetector
{
    private bool _started, _out;
    private long _fade, _lastCut;

    /// <inheritdoc/>
    public string Name => "threshold";

    /// <inheritdoc/>
    public void Process(FrameGraph frame, ShotTrace trace)
    {
        double mean = frame.Mean;
        trace.Record("average_rgb", frame.Index, mean);
        bool isOut = mean < options.Threshold != options.Ceiling;
        if (!_started)
        {
            _started = true;
            _out = isOut;
            _fade = 0;
            _lastCut = frame.Index;
            return;
        }
        if (isOut == _out) { return; }
        if (!isOut && frame.Index - _lastCut >= options.MinLength)
        {
            trace.Cut(_fade + (long)Math.Round((frame.Index - _fade) * (1 + options.Bias) / 2, MidpointRounding.ToEven));
            _lastCut = frame.Index;
        }
        _out = isOut;
        _fade = frame.Index;
    }

    /// <inheritdoc/>
    public void Finish(long lastIndex, ShotTrace trace)
    {
        if (_out && options.CloseTrailingFade && lastIndex - _lastCut >= options.MinLength) { trace.Cut(_fade); }
    }
}

// Cuts by the correlation of luma histograms.
// Source: PySceneDetect 0.7.1, detectors/histogram_detector.py (definition and defaults); correlation as OpenCV's HISTCMP_CORREL.
using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Options of <see cref="HistogramDetector"/>.</summary>
public sealed record HistogramOptions
{
    /// <summary>How far below 1 the correlation must fall, 0..1.</summary>
    public double Threshold { get; init; } = 0.20;

    /// <summary>Number of bins over 0..255.</summary>
    public int Bins { get; init; } = 128;

    /// <summary>Shortest shot in frames.</summary>
    public long MinLength { get; init; } = 15;
}

/// <summary>Cuts where the luma histogram correlates too little with the one before.</summary>
public sealed class HistogramDetector(HistogramOptions options) : IShotDetector
{
    private float[] _current = new float[options.Bins], _previous = new float[options.Bins];
    private long? _lastCut;

    /// <inheritdoc/>
    public string Name => "histogram";

    /// <inheritdoc/>
    public void Process(FrameGraph frame, ShotTrace trace)
    {
        (_current, _previous) = (_previous, _current);
        Count(frame.Luma, _current);
        if (_lastCut is not { } last)
        {
            _lastCut = frame.Index;
            return;
        }
        double correlation = Correlation(_previous, _current);
        trace.Record("hist_diff", frame.Index, correlation);
        if (correlation <= Math.Clamp(1 - options.Threshold, 0, 1) && frame.Index - last >= options.MinLength)
        {
            trace.Cut(frame.Index);
            _lastCut = frame.Index;
        }
    }

    /// <inheritdoc/>
    public void Finish(long lastIndex, ShotTrace trace)
    {
    }

    // Counts scaled to Euclidean length 1.
    private void Count(ReadOnlySpan<byte> luma, float[] histogram)
    {
        Span<int> counts = stackalloc int[options.Bins];
        counts.Clear();
        foreach (byte sample in luma) { counts[sample * options.Bins / 256]++; }
        double squares = 0;
        foreach (int count in counts) { squares += (double)count * count; }
        double scale = 1 / Math.Sqrt(squares);
        for (int i = 0; i < histogram.Length; i++) { histogram[i] = (float)(counts[i] * scale); }
    }

    private static double Correlation(float[] a, float[] b)
    {
        double sumA = 0, sumB = 0, squaresA = 0, squaresB = 0, products = 0;
        for (int i = 0; i < a.Length; i++)
        {
            sumA += a[i];
            sumB += b[i];
            squaresA += (double)a[i] * a[i];
            squaresB += (double)b[i] * b[i];
            products += (double)a[i] * b[i];
        }
        double n = a.Length, power = (squaresA - (sumA * sumA / n)) * (squaresB - (sumB * sumB / n));
        return power > 1.1920929e-7 ? (products - (sumA * sumB / n)) / Math.Sqrt(power) : 1;
    }
}

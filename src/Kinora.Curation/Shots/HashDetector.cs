// Cuts by the Hamming distance of perceptual hashes.
// Source: PySceneDetect 0.7.1, detectors/hash_detector.py (definition and defaults).
using Kinora.Curation.Frames;

namespace Kinora.Curation.Shots;

/// <summary>Options of <see cref="HashDetector"/>.</summary>
public sealed record HashOptions
{
    /// <summary>Share of differing bits at which a frame starts a shot, 0..1.</summary>
    public double Threshold { get; init; } = 0.35;

    /// <summary>Side of the hash in bits.</summary>
    public int Size { get; init; } = 8;

    /// <summary>The transformed picture is this many times larger than the hash.</summary>
    public int LowPass { get; init; } = 2;

    /// <summary>Shortest shot in frames.</summary>
    public long MinLength { get; init; } = 15;
}

/// <summary>Cuts where a frame's perceptual hash differs from the one before.</summary>
public sealed class HashDetector(HashOptions options) : IShotDetector
{
    private readonly PerceptualHash _hash = new(options.Size, options.LowPass);
    private bool[] _current = new bool[options.Size * options.Size], _previous = new bool[options.Size * options.Size];
    private long? _lastCut;

    /// <inheritdoc/>
    public string Name => "hash";

    /// <inheritdoc/>
    public void Process(FrameGraph frame, ShotTrace trace)
    {
        (_current, _previous) = (_previous, _current);
        _hash.Compute(frame.Gray, frame.Width, frame.Height, _current);
        if (_lastCut is not { } last)
        {
            _lastCut = frame.Index;
            return;
        }
        int differing = 0;
        for (int i = 0; i < _current.Length; i++) { differing += _current[i] != _previous[i] ? 1 : 0; }
        double distance = (double)differing / _current.Length;
        trace.Record("hash_dist", frame.Index, distance);
        if (distance >= options.Threshold && frame.Index - last >= options.MinLength)
        {
            trace.Cut(frame.Index);
            _lastCut = frame.Index;
        }
    }

    /// <inheritdoc/>
    public void Finish(long lastIndex, ShotTrace trace)
    {
    }
}

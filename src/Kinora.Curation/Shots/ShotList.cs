using Kinora.Media;

namespace Kinora.Curation.Shots;

/// <summary>A stretch of frames without a cut.</summary>
/// <param name="Start">Number of its first frame.</param>
/// <param name="End">Number after its last frame.</param>
/// <param name="StartTime">Presentation time of its first frame, seconds on the container's clock.</param>
/// <param name="EndTime">Presentation time at which it ends.</param>
public sealed record Shot(long Start, long End, Rational StartTime, Rational EndTime)
{
    /// <summary>Frames on the nominal grid.</summary>
    public long Length => End - Start;

    /// <summary>Seconds.</summary>
    public double Seconds => (EndTime - StartTime).ToDouble();
}

/// <summary>What a pass over a clip found.</summary>
public sealed record ShotList
{
    /// <summary>The clip's file.</summary>
    public required string Path { get; init; }

    /// <summary>What its container says.</summary>
    public required VideoInfo Info { get; init; }

    /// <summary>Frames per second of the grid that frame numbers count on.</summary>
    public required Rational FrameRate { get; init; }

    /// <summary>Frames decoded.</summary>
    public required long Frames { get; init; }

    /// <summary>Number and time of every frame.</summary>
    public required IReadOnlyList<FrameStamp> Stamps { get; init; }

    /// <summary>Numbers of the first frames of new shots, ascending.</summary>
    public required IReadOnlyList<long> Cuts { get; init; }

    /// <summary>The shots that the cuts leave, in order.</summary>
    public required IReadOnlyList<Shot> Shots { get; init; }

    /// <summary>The numbers that detectors decided by.</summary>
    public required ShotTrace Trace { get; init; }

    /// <summary>Why decoding stopped before the end; null when it did not.</summary>
    public string? Damage { get; init; }
}

/// <summary>A decoded frame.</summary>
/// <param name="Index">Its number on the nominal frame grid.</param>
/// <param name="Time">Presentation time, seconds.</param>
public readonly record struct FrameStamp(long Index, Rational Time);

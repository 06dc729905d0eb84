// One picture of a clip in memory.
namespace Kinora.Media;

/// <summary>
/// A picture of 8-bit R, G, B samples, interleaved, row-major, no padding: sample (x, y, c) is <c>Rgb[(y·Width + x)·3 + c]</c>.
/// The samples are treated as immutable once the frame is shared: the reader may hand out the same frame twice.
/// </summary>
public sealed class VideoFrame
{
    /// <summary>Wraps <paramref name="rgb"/> without copying.</summary>
    /// <param name="width">Pixels, at least 1.</param>
    /// <param name="height">Pixels, at least 1.</param>
    /// <param name="rgb">Exactly width·height·3 bytes.</param>
    /// <param name="pts">Presentation time on the clock of the container, when the frame comes from one.</param>
    /// <exception cref="ArgumentException">The buffer's length does not match the size.</exception>
    public VideoFrame(int width, int height, byte[] rgb, TimeSpan? pts = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(width);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(height);
        ArgumentNullException.ThrowIfNull(rgb);
        if (rgb.LongLength != (long)width * height * 3)
        {
            throw new ArgumentException($"VideoFrame: a {width}×{height} picture needs {(long)width * height * 3} bytes of RGB, the buffer has {rgb.LongLength}.", nameof(rgb));
        }

        Width = width;
        Height = height;
        Rgb = rgb;
        Pts = pts;
    }

    /// <summary>Pixels.</summary>
    public int Width { get; }

    /// <summary>Pixels.</summary>
    public int Height { get; }

    /// <summary>The samples.</summary>
    public byte[] Rgb { get; }

    /// <summary>Presentation time, rounded to 100 ns; null for a frame that was not read from a clip.</summary>
    public TimeSpan? Pts { get; init; }

    /// <summary>Presentation time in seconds, exact; null for a frame that was not read from a clip.</summary>
    public Rational? ExactPts { get; init; }

    /// <summary>How long the container shows the frame, when it says so.</summary>
    public TimeSpan? Duration { get; init; }

    /// <summary>Whether decoding can start here.</summary>
    public bool IsKeyFrame { get; init; }

    /// <summary>
    /// The codec's motion vectors, in coded pixels before rotation and scaling; empty unless
    /// <see cref="VideoReaderOptions.MotionVectors"/> was set and the codec exports them (H.264, MPEG-1/2/4, VP8 does not).
    /// </summary>
    public IReadOnlyList<MotionVector> MotionVectors { get; init; } = [];
}

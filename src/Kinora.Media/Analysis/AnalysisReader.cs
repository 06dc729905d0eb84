// A clip as pictures to measure: small, luma only, by presentation time; nothing is converted that is not asked for.
namespace Kinora.Media;

/// <summary>
/// Decodes a file once, frame by frame, and hands out the current frame in the forms that detectors and scorers need. Pictures
/// are the coded ones: no rotation, no pixel aspect. One thread at a time; the decoder runs ahead on threads of its own.
/// </summary>
public sealed class AnalysisReader : IDisposable
{
    private readonly LibavSource _source;
    private readonly bool _motionVectors;

    private AnalysisReader(LibavSource source, bool motionVectors)
    {
        _source = source;
        _motionVectors = motionVectors;
    }

    /// <summary>What the container says.</summary>
    public VideoInfo Info => _source.Info;

    /// <summary>Width in pixels of the current frame; it may change within a stream.</summary>
    public int Width => _source.FrameWidth;

    /// <summary>Height in pixels of the current frame; it may change within a stream.</summary>
    public int Height => _source.FrameHeight;

    /// <summary>Presentation time of the current frame in seconds, exact.</summary>
    public Rational Pts { get; private set; }

    /// <summary>How long the container shows the current frame, seconds; null when it does not say.</summary>
    public Rational? Duration { get; private set; }

    /// <summary>Whether decoding can start at the current frame.</summary>
    public bool IsKeyFrame { get; private set; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">A video, GIF or image file.</param>
    /// <param name="motionVectors">Export the codec's motion vectors with each frame.</param>
    /// <param name="threads">Decoder threads; 0 = as many as this process may use.</param>
    /// <param name="streamIndex">Index of the stream in the container; −1 takes the best video stream.</param>
    /// <exception cref="MediaException">It is missing, unreadable, cut off before its index, or holds no video.</exception>
    public static AnalysisReader Open(string path, bool motionVectors = false, int threads = 0, int streamIndex = -1)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var options = new VideoReaderOptions { MotionVectors = motionVectors, Threads = threads, StreamIndex = streamIndex };
        return new AnalysisReader(LibavSource.OpenFile(path, options), motionVectors);
    }

    /// <summary>Moves to the next frame in order of presentation; false at the end.</summary>
    /// <exception cref="MediaException">The clip is damaged here; every good frame came before, and the exception says how many.</exception>
    public bool Advance()
    {
        if (_source.Advance() is not { } times) { return false; }
        Pts = times.Pts;
        Duration = times.Duration;
        IsKeyFrame = times.IsKeyFrame;
        return true;
    }

    /// <summary>
    /// The current frame shrunk bilinearly, four source pixels for each target pixel, without low-pass: the picture that cut
    /// detectors of the field compare. Byte for byte libswscale's fast conversion followed by OpenCV's 8-bit bilinear resize.
    /// </summary>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="bgr">At least width·height·3 bytes; rows of B, G, R without padding.</param>
    /// <exception cref="MediaException">There is no current frame.</exception>
    public void CopySmallBgr(int width, int height, Span<byte> bgr) => _source.SmallBgr(width, height, bgr);

    /// <summary>The current frame's 8-bit luma, <see cref="Width"/>·<see cref="Height"/> bytes; deeper samples lose their low bits.</summary>
    /// <exception cref="MediaException">There is no current frame, or the buffer is too small.</exception>
    public void CopyLuma(Span<byte> luma) => _source.Luma(luma);

    /// <summary>The current frame's motion vectors; empty when not asked for at opening, or when the codec exports none.</summary>
    public IReadOnlyList<MotionVector> MotionVectors() => _motionVectors ? _source.MotionVectors() : [];

    internal LumaMeasures Measure(Native.MeterHandle meter) => _source.Measure(meter);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _source.Dispose();
}

// A clip as pictures to measure: small, luma only, by presentation time; nothing is converted that is not asked for.
namespace Kinora.Media;

/// <summary>
/// Decodes a file once, frame by frame, and hands out the current frame in the forms that detectors and scorers need. Pictures are
/// the coded ones, or upright ones as a player shows them: turned, mirrored, with square pixels. Numbers of whole luma planes
/// and motion vectors are always those of the coded picture. One thread at a time but for <see cref="DecodeAhead"/>.
/// </summary>
public sealed class AnalysisReader : IDisposable
{
    private readonly LibavSource _source;
    private readonly bool _motionVectors, _stretched, _mirrored;
    private readonly int _turn;
    private byte[] _coded = [];

    private AnalysisReader(LibavSource source, bool motionVectors, bool upright)
    {
        _source = source;
        _motionVectors = motionVectors;
        if (!upright) { return; }
        (_turn, _mirrored, _stretched) = (Info.Rotation, Info.Mirrored, Info.SampleAspectRatio != new Rational(1, 1));
    }

    /// <summary>What the container says.</summary>
    public VideoInfo Info => _source.Info;

    /// <summary>Width in pixels of the coded picture; it may change within a stream.</summary>
    public int CodedWidth => _source.FrameWidth > 0 ? _source.FrameWidth : Info.Width;

    /// <summary>Height in pixels of the coded picture; it may change within a stream.</summary>
    public int CodedHeight => _source.FrameHeight > 0 ? _source.FrameHeight : Info.Height;

    /// <summary>Width in pixels of the pictures handed out; it may change within a stream.</summary>
    public int Width => Swapped ? CodedHeight : DisplayWidth;

    /// <summary>Height in pixels of the pictures handed out; it may change within a stream.</summary>
    public int Height => Swapped ? DisplayWidth : CodedHeight;

    /// <summary>Presentation time of the current frame in seconds, exact.</summary>
    public Rational Pts { get; private set; }

    /// <summary>How long the container shows the current frame, seconds; null when it does not say.</summary>
    public Rational? Duration { get; private set; }

    /// <summary>Whether decoding can start at the current frame.</summary>
    public bool IsKeyFrame { get; private set; }

    /// <summary>Opens a file.</summary>
    /// <param name="path">A video, GIF or image file.</param>
    /// <param name="motionVectors">Export the codec's motion vectors with each frame. H.264 and MPEG-4 are then decoded by a thread for each slice, not for each frame.</param>
    /// <param name="threads">Decoder threads; 0 = as many as this process may use.</param>
    /// <param name="streamIndex">Index of the stream in the container; −1 takes the best video stream.</param>
    /// <param name="upright">Hand out pictures as a player shows them: turned and mirrored as the container asks, with square pixels.</param>
    /// <exception cref="MediaException">It is missing, unreadable, cut off before its index, or holds no video.</exception>
    public static AnalysisReader Open(string path, bool motionVectors = false, int threads = 0, int streamIndex = -1, bool upright = false)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var options = new VideoReaderOptions { MotionVectors = motionVectors, Threads = threads, StreamIndex = streamIndex };
        return new AnalysisReader(LibavSource.OpenFile(path, options), motionVectors, upright);
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

    /// <summary>Decodes the next frame, which <see cref="Advance"/> then only has to take; the current one stays. Unlike everything else it may run on another thread beside what reads the current frame. What is wrong with the clip is left for <see cref="Advance"/> to say.</summary>
    public void DecodeAhead() => _source.Peek();

    /// <summary>
    /// The current frame shrunk bilinearly, four source pixels for each target pixel, without low-pass: the picture that cut
    /// detectors of the field compare. Byte for byte libswscale's fast conversion followed by OpenCV's 8-bit bilinear resize.
    /// </summary>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="bgr">At least width·height·3 bytes; rows of B, G, R without padding.</param>
    /// <exception cref="MediaException">There is no current frame.</exception>
    public void CopySmallBgr(int width, int height, Span<byte> bgr)
    {
        if (_turn == 0 && !_mirrored)
        {
            _source.SmallBgr(width, height, bgr);
            return;
        }

        ArgumentOutOfRangeException.ThrowIfLessThan(bgr.Length, width * height * 3, nameof(bgr));
        var (w, h) = Swapped ? (height, width) : (width, height);
        if (_coded.Length < w * h * 3) { _coded = new byte[w * h * 3]; }
        _source.SmallBgr(w, h, _coded);
        Turn(_coded, w, h, width, bgr);
    }

    /// <summary>The coded picture's 8-bit luma, <see cref="CodedWidth"/>·<see cref="CodedHeight"/> bytes; deeper samples lose their low bits.</summary>
    /// <exception cref="MediaException">There is no current frame, or the buffer is too small.</exception>
    public void CopyLuma(Span<byte> luma) => _source.Luma(luma);

    /// <summary>The current frame's motion vectors; empty when not asked for at opening, or when the codec exports none.</summary>
    public IReadOnlyList<MotionVector> MotionVectors() => _motionVectors ? _source.MotionVectors() : [];

    internal LumaMeasures Measure(Native.MeterHandle meter) => _source.Measure(meter);

    /// <summary>Closes the file.</summary>
    public void Dispose() => _source.Dispose();

    private bool Swapped => _turn is 90 or 270;

    private int DisplayWidth => _stretched ? Math.Max(1, (int)Math.Round(CodedWidth * Info.SampleAspectRatio.ToDouble())) : CodedWidth;

    // Mirrors left to right, then turns clockwise: where the sample at (x, y) goes, a step of one to the right and one down.
    private void Turn(ReadOnlySpan<byte> from, int w, int h, int width, Span<byte> to)
    {
        var (origin, right, down) = _turn switch
        {
            90 => (h - 1, width, -1),
            180 => (((h - 1) * width) + w - 1, -1, -width),
            270 => ((w - 1) * width, -width, 1),
            _ => (0, 1, width),
        };
        for (int y = 0; y < h; y++)
        {
            for (int x = 0; x < w; x++)
            {
                int source = ((y * w) + (_mirrored ? w - 1 - x : x)) * 3, target = (origin + (x * right) + (y * down)) * 3;
                (to[target], to[target + 1], to[target + 2]) = (from[source], from[source + 1], from[source + 2]);
            }
        }
    }
}

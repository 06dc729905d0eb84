using Kinora.Curation.Frames;
using Kinora.Media;

namespace Kinora.Curation.Scores;

/// <summary>A frame at coded size, in buffers that are used again for the next one.</summary>
public sealed class SampledPicture
{
    private byte[] _bgr = [], _gray = [];
    private bool _hasGray;

    /// <summary>Number of the frame on the source's grid.</summary>
    public long Index { get; private set; }

    /// <summary>Presentation time, seconds.</summary>
    public double Time { get; private set; }

    /// <summary>Pixels; may change within a source.</summary>
    public int Width { get; private set; }

    /// <summary>Pixels; may change within a source.</summary>
    public int Height { get; private set; }

    /// <summary>Rows of B, G, R.</summary>
    public ReadOnlySpan<byte> Bgr => _bgr.AsSpan(0, 3 * Width * Height);

    /// <summary>Gray levels.</summary>
    public ReadOnlySpan<byte> Gray
    {
        get
        {
            var gray = _gray.AsSpan(0, Width * Height);
            if (!_hasGray) { ColorPlanes.Gray(Bgr, gray); }
            _hasGray = true;
            return gray;
        }
    }

    /// <summary>Takes the reader's current frame.</summary>
    /// <param name="reader">Where the frame is.</param>
    /// <param name="index">Its number.</param>
    public void Load(AnalysisReader reader, long index)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Begin(index, reader.Pts.ToDouble(), reader.Width, reader.Height);
        reader.CopySmallBgr(Width, Height, _bgr);
    }

    /// <summary>Takes a picture.</summary>
    /// <param name="bgr">Width·height·3 bytes.</param>
    /// <param name="width">Pixels.</param>
    /// <param name="height">Pixels.</param>
    /// <param name="index">Its number.</param>
    /// <param name="time">Its presentation time, seconds.</param>
    public void Load(ReadOnlySpan<byte> bgr, int width, int height, long index, double time)
    {
        if (bgr.Length != 3 * width * height) { throw new ArgumentException($"SampledPicture: a {width}×{height} picture has {3 * width * height} bytes, got {bgr.Length}.", nameof(bgr)); }
        Begin(index, time, width, height);
        bgr.CopyTo(_bgr);
    }

    private void Begin(long index, double time, int width, int height)
    {
        (Index, Time, Width, Height, _hasGray) = (index, time, width, height, false);
        if (_gray.Length < width * height) { (_bgr, _gray) = (new byte[3 * width * height], new byte[width * height]); }
    }
}

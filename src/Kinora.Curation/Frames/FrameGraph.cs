// The current frame of a clip in every small form that detectors and scorers share; each form is computed once, when first asked for.
// Source of the working size: PySceneDetect 0.7 (scene_manager.py): the longer side becomes 256, bilinear.
using Kinora.Media;

namespace Kinora.Curation.Frames;

/// <summary>Mean absolute difference of two consecutive frames per pixel, by plane: hue 0..179, the others 0..255.</summary>
/// <param name="Hue">Not circular, as the field defines it.</param>
/// <param name="Saturation">Of HSV.</param>
/// <param name="Luma">Value of HSV.</param>
public readonly record struct ContentDelta(double Hue, double Saturation, double Luma);

/// <summary>
/// Shared pictures of the current frame and of the one before. Memory is a few small planes, whatever the clip's size and length.
/// </summary>
public sealed class FrameGraph
{
    /// <summary>The longer side of the working picture in pixels; smaller clips keep their size.</summary>
    public const int WorkingSide = 256;

    private readonly EdgeMap _edgeMap;
    private Planes _current, _previous;
    private ContentDelta? _delta;
    private double? _edgeDelta, _mean;
    private readonly byte[] _luma, _gray;
    private bool _hasLuma, _hasGray;

    /// <summary>Makes the planes for clips of a coded size.</summary>
    /// <param name="codedWidth">Pixels.</param>
    /// <param name="codedHeight">Pixels.</param>
    public FrameGraph(int codedWidth, int codedHeight)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(codedWidth);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(codedHeight);
        (Width, Height) = WorkingSize(codedWidth, codedHeight);
        _edgeMap = new EdgeMap(Width, Height);
        _current = new Planes(Width * Height);
        _previous = new Planes(Width * Height);
        _luma = new byte[Width * Height];
        _gray = new byte[Width * Height];
    }

    /// <summary>Width of the working picture in pixels.</summary>
    public int Width { get; }

    /// <summary>Height of the working picture in pixels.</summary>
    public int Height { get; }

    /// <summary>Number of the current frame on the clip's nominal frame grid, from 0; −1 before the first.</summary>
    public long Index { get; private set; } = -1;

    /// <summary>Presentation time of the current frame on the container's clock, seconds.</summary>
    public Rational Time { get; private set; }

    /// <summary>Whether there was a frame before the current one.</summary>
    public bool HasPrevious { get; private set; }

    /// <summary>Rows of B, G, R.</summary>
    public ReadOnlySpan<byte> Bgr => _current.Bgr;

    /// <summary>Hue plane, 0..179.</summary>
    public ReadOnlySpan<byte> Hue => Hsv(_current).Hue;

    /// <summary>Saturation plane.</summary>
    public ReadOnlySpan<byte> Saturation => Hsv(_current).Saturation;

    /// <summary>Value plane: the largest of B, G, R.</summary>
    public ReadOnlySpan<byte> Value => Hsv(_current).Value;

    /// <summary>Y of YUV.</summary>
    public ReadOnlySpan<byte> Luma
    {
        get
        {
            if (!_hasLuma) { ColorPlanes.Luma14(_current.Bgr, _luma); }
            _hasLuma = true;
            return _luma;
        }
    }

    /// <summary>Gray levels.</summary>
    public ReadOnlySpan<byte> Gray
    {
        get
        {
            if (!_hasGray) { ColorPlanes.Gray(_current.Bgr, _gray); }
            _hasGray = true;
            return _gray;
        }
    }

    /// <summary>Mean of all B, G and R samples, 0..255.</summary>
    public double Mean => _mean ??= MeanOf(_current.Bgr);

    /// <summary>Difference to the frame before; zero for the first.</summary>
    public ContentDelta Delta => _delta ??= Compare();

    /// <summary>Mean absolute difference of the edge pictures of this frame and the one before, 0..255; zero for the first.</summary>
    public double EdgeDelta => _edgeDelta ??= HasPrevious ? PlaneDistance.Mean(Edges(_current), Edges(_previous)) : 0;

    /// <summary>The working size of a coded size.</summary>
    public static (int Width, int Height) WorkingSize(int codedWidth, int codedHeight)
    {
        double factor = Math.Max(codedWidth, codedHeight) / (double)WorkingSide;
        if (factor <= 1) { return (codedWidth, codedHeight); }
        static int Side(double side) => Math.Max(1, (int)Math.Round(side, MidpointRounding.ToEven));
        return (Side(codedWidth / factor), Side(codedHeight / factor));
    }

    /// <summary>Takes the reader's current frame.</summary>
    public void Load(AnalysisReader reader, long index)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Begin(index, reader.Pts);
        reader.CopySmallBgr(Width, Height, _current.Bgr);
    }

    /// <summary>Takes a picture of the working size.</summary>
    /// <param name="bgr">Width·Height·3 bytes.</param>
    /// <param name="index">Its number.</param>
    /// <param name="time">Its presentation time, seconds.</param>
    public void Load(ReadOnlySpan<byte> bgr, long index, Rational time)
    {
        if (bgr.Length != _current.Bgr.Length) { throw new ArgumentException($"FrameGraph: a {Width}×{Height} picture has {_current.Bgr.Length} bytes, got {bgr.Length}.", nameof(bgr)); }
        Begin(index, time);
        bgr.CopyTo(_current.Bgr);
    }

    private void Begin(long index, Rational time)
    {
        HasPrevious = Index >= 0;
        (_current, _previous) = (_previous, _current);
        _current.HasHsv = _current.HasEdges = false;
        _delta = null;
        _edgeDelta = _mean = null;
        _hasLuma = _hasGray = false;
        Index = index;
        Time = time;
    }

    private ContentDelta Compare()
    {
        if (!HasPrevious) { return default; }
        Planes now = Hsv(_current), before = Hsv(_previous);
        return new ContentDelta(PlaneDistance.Mean(now.Hue, before.Hue), PlaneDistance.Mean(now.Saturation, before.Saturation), PlaneDistance.Mean(now.Value, before.Value));
    }

    private static Planes Hsv(Planes planes)
    {
        if (!planes.HasHsv) { ColorPlanes.Hsv(planes.Bgr, planes.Hue, planes.Saturation, planes.Value); }
        planes.HasHsv = true;
        return planes;
    }

    private byte[] Edges(Planes planes)
    {
        if (!planes.HasEdges) { _edgeMap.Detect(Hsv(planes).Value, planes.Edges); }
        planes.HasEdges = true;
        return planes.Edges;
    }

    private static double MeanOf(ReadOnlySpan<byte> samples)
    {
        long sum = 0;
        foreach (byte sample in samples) { sum += sample; }
        return (double)sum / samples.Length;
    }

    private sealed class Planes(int pixels)
    {
        public readonly byte[] Bgr = new byte[3 * pixels], Hue = new byte[pixels], Saturation = new byte[pixels], Value = new byte[pixels], Edges = new byte[pixels];
        public bool HasHsv, HasEdges;
    }
}

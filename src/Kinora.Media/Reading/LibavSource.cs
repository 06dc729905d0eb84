// Frames of one file or buffer through libkinora_media.
using System.Buffers;
using Kinora.Media.Native;

namespace Kinora.Media;

internal sealed unsafe class LibavSource : IFrameSource
{
    private readonly ReaderHandle _reader;
    private readonly string _path;
    private readonly int? _contentLength;
    private readonly VideoReaderOptions _options;
    private readonly Rational _timeBase;
    private MemoryHandle _pinned;
    private int _motionVectors;
    private long _frames;
    private TimeSpan? _last;

    private LibavSource(ReaderHandle reader, string path, int? contentLength, VideoReaderOptions options, MemoryHandle pinned)
    {
        _contentLength = contentLength;
        _reader = reader;
        _path = path;
        _options = options;
        _pinned = pinned;
        NativeMedia.Check(NativeMethods.km_reader_info(reader, out StreamInfo raw), "cannot be described", path);
        _timeBase = new Rational(raw.TimeBaseNum, raw.TimeBaseDen);
        Info = Describe(raw, ReadTags());
        (Width, Height) = OutputSize(Info, options, path);
    }

    public VideoInfo Info { get; }

    public int Width { get; }

    public int Height { get; }

    /// <summary>Coded size of the current frame.</summary>
    public int FrameWidth { get; private set; }

    /// <summary>Coded size of the current frame.</summary>
    public int FrameHeight { get; private set; }

    public static LibavSource OpenFile(string path, VideoReaderOptions options)
    {
        NativeMedia.EnsureLoaded();
        var native = NativeOptions(options);
        Status status = NativeMethods.km_reader_open_file(Path.GetFullPath(path), in native, out nint reader);
        NativeMedia.Check(status, "cannot be opened", path);
        return Construct(new ReaderHandle(reader), path, null, options, default);
    }

    public static LibavSource OpenMemory(ReadOnlyMemory<byte> content, string name, VideoReaderOptions options)
    {
        NativeMedia.EnsureLoaded();
        if (content.IsEmpty)
        {
            throw new MediaException(MediaErrorKind.Truncated, $"{name}: cannot be opened: it is empty.", name);
        }

        var native = NativeOptions(options);
        MemoryHandle pinned = content.Pin();
        try
        {
            Status status = NativeMethods.km_reader_open_memory((byte*)pinned.Pointer, content.Length, in native, out nint reader);
            NativeMedia.Check(status, "cannot be opened", name);
            return Construct(new ReaderHandle(reader), name, content.Length, options, pinned);
        }
        catch
        {
            pinned.Dispose();
            throw;
        }
    }

    public FrameTimes? Advance()
    {
        Status status = NativeMethods.km_reader_advance(_reader, out FrameFacts facts);
        NativeMedia.Check(status, "decoding failed", _path, _last, _frames);
        if (status == Status.End)
        {
            return null;
        }

        FrameTimes times = Times(facts);
        _frames++;
        _last = times.Pts.ToTimeSpan();
        _motionVectors = facts.MotionVectors;
        (FrameWidth, FrameHeight) = (facts.Width, facts.Height);
        return times;
    }

    public FrameTimes? Peek()
    {
        Status status = NativeMethods.km_reader_peek(_reader, out FrameFacts facts);
        NativeMedia.Check(status, "decoding failed", _path, _last, _frames);
        return status == Status.End ? null : Times(facts);
    }

    public void CopyPixels(Span<byte> rgb)
    {
        fixed (byte* target = rgb)
        {
            Status status = NativeMethods.km_reader_pixels(_reader, Width, Height, (int)_options.Filter, _options.ApplyRotation ? 1 : 0, target, rgb.Length);
            NativeMedia.Check(status, "converting a frame failed", _path, _last, _frames);
        }
    }

    public void SmallBgr(int width, int height, Span<byte> bgr)
    {
        fixed (byte* target = bgr)
        {
            Status status = NativeMethods.km_reader_small_bgr(_reader, width, height, target, bgr.Length);
            NativeMedia.Check(status, "shrinking a frame failed", _path, _last, _frames);
        }
    }

    public void Luma(Span<byte> luma)
    {
        fixed (byte* target = luma)
        {
            Status status = NativeMethods.km_reader_luma(_reader, target, luma.Length);
            NativeMedia.Check(status, "reading the luma of a frame failed", _path, _last, _frames);
        }
    }

    public LumaMeasures Measure(MeterHandle meter)
    {
        NativeMedia.Check(NativeMethods.km_meter_measure(meter, _reader, out LumaMeasures measures), "measuring a frame failed", _path, _last, _frames);
        return measures;
    }

    public IReadOnlyList<MotionVector> MotionVectors()
    {
        if (_motionVectors == 0)
        {
            return [];
        }

        var vectors = new MotionVector[_motionVectors];
        fixed (MotionVector* target = vectors)
        {
            Status status = NativeMethods.km_reader_motion_vectors(_reader, target, vectors.Length, out _);
            NativeMedia.Check(status, "reading motion vectors failed", _path, _last, _frames);
        }

        return vectors;
    }

    public IReadOnlyDictionary<string, string> Metadata()
    {
        // An UnmanagedMemoryStream over the pinned bytes, or the file itself: PNG and GIF texts are not among libav's tags.
        using Stream content = _contentLength is { } length ? new UnmanagedMemoryStream((byte*)_pinned.Pointer, length) : File.OpenRead(_path);
        return MediaMetadata.Extract(content, Info.Tags);
    }

    public void Seek(Rational time) => NativeMedia.Check(NativeMethods.km_reader_seek(_reader, Ticks(time)), "seeking failed", _path, _last, _frames);

    /// <summary>See <see cref="PacketCopy"/>; this source cannot be read any more afterwards.</summary>
    public CopiedPackets CopyPackets(Rational start, Rational end, string target)
    {
        NativeMedia.Check(NativeMethods.km_reader_copy_packets(_reader, Ticks(start) + 1, Ticks(end) + 1, target, out Copied copied), "copying packets failed", _path);
        return new CopiedPackets(new Rational(copied.FirstPts, 1) * _timeBase, new Rational(copied.LastPts, 1) * _timeBase, copied.Frames);
    }

    public void Dispose()
    {
        _reader.Dispose();
        _pinned.Dispose();
    }

    // The last time stamp at or before the wanted time: round down.
    private long Ticks(Rational time)
    {
        var ticks = time / _timeBase;
        long pts = ticks.Numerator / ticks.Denominator;
        return ticks.Numerator < 0 && ticks.Numerator % ticks.Denominator != 0 ? pts - 1 : pts;
    }

    private static LibavSource Construct(ReaderHandle reader, string path, int? contentLength, VideoReaderOptions options, MemoryHandle pinned)
    {
        try
        {
            return new LibavSource(reader, path, contentLength, options, pinned);
        }
        catch
        {
            reader.Dispose();
            throw;
        }
    }

    private static ReaderOptions NativeOptions(VideoReaderOptions options)
    {
        if (options.Threads < 0)
        {
            throw new ArgumentException($"VideoReaderOptions.Threads is {options.Threads}; it is 0 (automatic) or a positive number.", nameof(options));
        }

        return new ReaderOptions { StreamIndex = options.StreamIndex, Threads = options.Threads, MotionVectors = options.MotionVectors ? 1 : 0 };
    }

    private static (int Width, int Height) OutputSize(VideoInfo info, VideoReaderOptions options, string path)
    {
        if (options.Width < 0 || options.Height < 0 || options.Width > 16384 || options.Height > 16384)
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: frames of {options.Width}×{options.Height} were asked for; each side is 0 (the clip's own) to 16384.", path);
        }

        double width = info.Width;
        double height = info.Height;
        if (options.SquarePixels)
        {
            width = Math.Max(1, Math.Round(width * info.SampleAspectRatio.ToDouble()));
        }

        if (options.ApplyRotation && info.Rotation is 90 or 270)
        {
            (width, height) = (height, width);
        }

        return (options.Width, options.Height) switch
        {
            (0, 0) => ((int)width, (int)height),
            (0, var h) => ((int)Math.Max(1, Math.Round(width * h / height)), h),
            (var w, 0) => (w, (int)Math.Max(1, Math.Round(height * w / width))),
            var (w, h) => (w, h),
        };
    }

    private FrameTimes Times(FrameFacts facts) => new(
        new Rational(facts.Pts, 1) * _timeBase,
        facts.Duration > 0 ? new Rational(facts.Duration, 1) * _timeBase : null,
        facts.KeyFrame != 0);

    private Dictionary<string, string> ReadTags()
    {
        var tags = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        for (int i = 0; ; i++)
        {
            Status status = NativeMethods.km_reader_tag(_reader, i, out byte* key, out byte* value);
            NativeMedia.Check(status, "cannot be described", _path);
            if (status == Status.End)
            {
                return tags;
            }

            tags.TryAdd(NativeMedia.Text(key), NativeMedia.Text(value));
        }
    }

    private VideoInfo Describe(StreamInfo raw, Dictionary<string, string> tags)
    {
        static Rational Rate(int numerator, int denominator) => numerator > 0 && denominator > 0 ? new Rational(numerator, denominator) : default;
        TimeSpan? Time(long ticks) => ticks == NativeMethods.NoTime ? null : (new Rational(ticks, 1) * _timeBase).ToTimeSpan();
        return new VideoInfo
        {
            Container = NativeMedia.Text(raw.Container),
            Codec = NativeMedia.Text(raw.Codec),
            Width = raw.Width,
            Height = raw.Height,
            SampleAspectRatio = new Rational(raw.SarNum, raw.SarDen),
            Rotation = raw.Rotation,
            Mirrored = raw.Mirrored != 0,
            AverageFrameRate = Rate(raw.AvgRateNum, raw.AvgRateDen),
            RealFrameRate = Rate(raw.RealRateNum, raw.RealRateDen),
            TimeBase = _timeBase,
            Duration = Time(raw.Duration),
            StartTime = Time(raw.StartTime),
            FrameCount = raw.FrameCount,
            FrameCountIsExact = raw.FrameCountExact != 0,
            PixelFormat = NativeMedia.Text(raw.PixelFormat),
            BitDepth = raw.BitDepth,
            HasAlpha = raw.HasAlpha != 0,
            ColorRange = NativeMedia.Text(raw.ColorRange),
            ColorSpace = NativeMedia.Text(raw.ColorSpace),
            ColorPrimaries = NativeMedia.Text(raw.ColorPrimaries),
            ColorTransfer = NativeMedia.Text(raw.ColorTransfer),
            HasAudio = raw.HasAudio != 0,
            VideoStreams = raw.VideoStreams,
            StreamIndex = raw.StreamIndex,
            BitRate = raw.BitRate,
            Tags = tags,
        };
    }
}

// A clip as a timeline of RGB frames, addressed by presentation time and never by counting.
namespace Kinora.Media;

/// <summary>
/// Reads the frames of a video, GIF, image or folder of frames in order of presentation. One frame is decoded ahead at
/// most, so memory does not grow with the clip. One thread at a time. All times are on the container's clock: a stream
/// that starts at 0.5 s has its first frame at 0.5 s.
/// </summary>
public sealed class VideoReader : IDisposable
{
    private readonly IFrameSource _source;
    private readonly string _path;
    private readonly bool _motionVectors;

    private VideoReader(IFrameSource source, string path, VideoReaderOptions options)
    {
        _source = source;
        _path = path;
        _motionVectors = options.MotionVectors;
    }

    /// <summary>What the container says.</summary>
    public VideoInfo Info => _source.Info;

    /// <summary>Width in pixels of the frames handed out.</summary>
    public int Width => _source.Width;

    /// <summary>Height in pixels of the frames handed out.</summary>
    public int Height => _source.Height;

    /// <summary>Opens a file, or a folder written by <see cref="VideoWriter"/>. Nothing but this file is ever opened: playlists are refused.</summary>
    /// <exception cref="MediaException">It is missing, unreadable, cut off before its index, or holds no video.</exception>
    public static VideoReader Open(string path, VideoReaderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new VideoReaderOptions();
        IFrameSource source = Directory.Exists(path) ? FolderSource.Open(path, options) : LibavSource.OpenFile(path, options);
        return new VideoReader(source, path, options);
    }

    /// <summary>Opens a file held in memory, such as a member of a tar shard; <paramref name="name"/> is used in messages.</summary>
    /// <exception cref="MediaException">It is cut off before its index, or holds no video.</exception>
    public static VideoReader Open(ReadOnlyMemory<byte> content, string name, VideoReaderOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        options ??= new VideoReaderOptions();
        return new VideoReader(LibavSource.OpenMemory(content, name, options), name, options);
    }

    /// <summary>The next frame, or null at the end.</summary>
    /// <exception cref="MediaException">The clip is damaged here; every good frame was returned before, and the exception says how many.</exception>
    public VideoFrame? Read() => _source.Advance() is { } times ? Take(times) : null;

    /// <summary>Decodes the next frame into a buffer of the caller; false at the end.</summary>
    /// <param name="rgb">At least Width·Height·3 bytes.</param>
    /// <param name="pts">Presentation time in seconds, exact.</param>
    /// <exception cref="MediaException">The clip is damaged here.</exception>
    public bool TryRead(Span<byte> rgb, out Rational pts)
    {
        int needed = Width * Height * 3;
        if (rgb.Length < needed)
        {
            throw new ArgumentException($"A {Width}×{Height} frame needs {needed} bytes, the buffer has {rgb.Length}.", nameof(rgb));
        }

        if (_source.Advance() is not { } times)
        {
            pts = default;
            return false;
        }

        _source.CopyPixels(rgb[..needed]);
        pts = times.Pts;
        return true;
    }

    /// <summary>The frames from here to the end, decoded as they are asked for.</summary>
    /// <exception cref="MediaException">The clip is damaged; thrown after the last good frame.</exception>
    public IEnumerable<VideoFrame> ReadFrames()
    {
        while (Read() is { } frame)
        {
            yield return frame;
        }
    }

    /// <summary>The frames on screen during [start, end): the one showing at <paramref name="start"/> and all that begin before <paramref name="end"/>.</summary>
    /// <exception cref="MediaException">The clip is damaged; thrown after the last good frame.</exception>
    public IEnumerable<VideoFrame> ReadRange(TimeSpan start, TimeSpan end)
    {
        var stop = Rational.FromTimeSpan(end);
        _source.Seek(Rational.FromTimeSpan(start));
        while (_source.Advance() is { } times && times.Pts < stop)
        {
            yield return Take(times);
        }
    }

    /// <summary>
    /// The clip as seen at a constant rate: for every k the frame on screen at start + k/fps, that is the last one whose
    /// time is not after it. A frame shown longer than 1/fps is returned more than once (the same object); one shown shorter
    /// may be skipped, and is then never converted to RGB. Frames keep their own times.
    /// </summary>
    /// <param name="fps">Samples per second, positive.</param>
    /// <param name="start">First sample; by default the time of the first frame.</param>
    /// <param name="end">No sample at or after this time; by default the end of the last frame.</param>
    /// <exception cref="MediaException">The clip is damaged; thrown after the last sample before the damage.</exception>
    public IEnumerable<VideoFrame> Sample(double fps, TimeSpan? start = null, TimeSpan? end = null)
    {
        if (!(fps > 0) || fps > 1e6)
        {
            throw new ArgumentOutOfRangeException(nameof(fps), fps, "Samples per second must be positive and at most 1e6.");
        }

        return SampleFrom(Rational.FromDouble(fps), start, end);
    }

    /// <summary>Decodes from here to the end into memory; the rate is the container's average, else that of the time stamps, else 25.</summary>
    /// <param name="maxFrames">Stops after this many frames.</param>
    /// <exception cref="MediaException">The clip is damaged or has no frame left.</exception>
    public Clip ReadAll(int maxFrames = int.MaxValue)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxFrames);
        var frames = new List<VideoFrame>();
        while (frames.Count < maxFrames && Read() is { } frame)
        {
            frames.Add(frame);
        }

        if (frames.Count == 0)
        {
            throw new MediaException(MediaErrorKind.Corrupt, $"{_path}: no frame could be decoded from here on.", _path);
        }

        var clip = new Clip(frames, RateOf(frames));
        foreach (var (name, text) in _source.Metadata())
        {
            clip.Metadata[name] = text;
        }

        return clip;
    }

    /// <summary>
    /// Makes the frame on screen at a time the next one read, exactly: the last frame whose presentation time is not after
    /// it, or the first frame when the time lies before all. Decodes forward from the key frame before.
    /// </summary>
    /// <exception cref="MediaException">The clip cannot be read there.</exception>
    public void SeekTo(TimeSpan time) => _source.Seek(Rational.FromTimeSpan(time));

    /// <summary>Closes the file.</summary>
    public void Dispose() => _source.Dispose();

    private VideoFrame Take(FrameTimes times)
    {
        byte[] rgb = GC.AllocateUninitializedArray<byte>(checked(Width * Height * 3));
        _source.CopyPixels(rgb);
        return new VideoFrame(Width, Height, rgb, times.Pts.ToTimeSpan())
        {
            ExactPts = times.Pts,
            Duration = times.Duration?.ToTimeSpan(),
            IsKeyFrame = times.IsKeyFrame,
            MotionVectors = _motionVectors ? _source.MotionVectors() : [],
        };
    }

    private IEnumerable<VideoFrame> SampleFrom(Rational fps, TimeSpan? start, TimeSpan? end)
    {
        if (start is { } from)
        {
            _source.Seek(Rational.FromTimeSpan(from));
        }

        Rational? stop = end is { } until ? Rational.FromTimeSpan(until) : null;
        Rational step = fps.Invert();
        Rational? lastGap = null;
        if (_source.Advance() is not { } shown)
        {
            yield break;
        }

        Rational origin = start is { } first ? Rational.FromTimeSpan(first) : shown.Pts;
        Rational due = origin;
        long k = 0;
        while (true)
        {
            FrameTimes? following = _source.Peek();
            Rational gone = following?.Pts ?? (shown.Pts + (shown.Duration ?? lastGap ?? step));
            VideoFrame? frame = null;
            while (due < gone)
            {
                if (stop is { } limit && due >= limit)
                {
                    yield break;
                }

                yield return frame ??= Take(shown);
                k++;
                due = origin + (new Rational(k, 1) * step);
            }

            if (following is { } next)
            {
                lastGap = next.Pts - shown.Pts;
            }

            if (_source.Advance() is not { } advanced)
            {
                yield break;
            }

            shown = advanced;
        }
    }

    private Rational RateOf(List<VideoFrame> frames)
    {
        if (!Info.AverageFrameRate.IsZero)
        {
            return Info.AverageFrameRate;
        }

        if (frames.Count > 1 && frames[^1].ExactPts is { } last && frames[0].ExactPts is { } first && last > first)
        {
            return new Rational(frames.Count - 1, 1) / (last - first);
        }

        return new Rational(25, 1);
    }
}

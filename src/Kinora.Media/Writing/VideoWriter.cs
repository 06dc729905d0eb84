// A clip out: frames in, one complete file or folder at the end, or nothing.
using System.Globalization;

namespace Kinora.Media;

/// <summary>
/// Writes frames at a constant rate. The content grows under a temporary name in the target's directory and gets its name
/// in <see cref="Complete"/>; disposing before that leaves nothing behind. The same frames, options and libraries give the
/// same bytes on every machine. One thread at a time.
/// </summary>
public sealed class VideoWriter : IDisposable
{
    private const int MaxSide = 16384;

    private static readonly string[] Presets = ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];

    private readonly AtomicTarget _target;
    private readonly IClipEncoder _encoder;
    private readonly string _path;
    private bool _failed;
    private bool _completed;
    private bool _disposed;

    private VideoWriter(string path, VideoFormat format, int width, int height, Rational rate, VideoWriterOptions options)
    {
        _path = path;
        Format = format;
        Width = width;
        Height = height;
        FrameRate = rate;
        var texts = MediaMetadata.Validated(options.Metadata, path);
        _target = format == VideoFormat.Folder ? AtomicTarget.Folder(path) : AtomicTarget.File(path);
        try
        {
            _encoder = format switch
            {
                VideoFormat.Mp4 or VideoFormat.WebM => new LibavEncoder(path, _target.TemporaryPath, format, width, height, rate, options, texts),
                VideoFormat.Gif => new GifEncoder(path, _target.TemporaryPath, width, height, rate, options.Dither, texts),
                VideoFormat.Png => new PngEncoder(path, _target.TemporaryPath, width, height, texts),
                _ => new FolderEncoder(path, _target.TemporaryPath, width, height, rate, texts),
            };
        }
        catch
        {
            _target.Dispose();
            throw;
        }
    }

    /// <summary>What is being written.</summary>
    public VideoFormat Format { get; }

    /// <summary>Pixels.</summary>
    public int Width { get; }

    /// <summary>Pixels.</summary>
    public int Height { get; }

    /// <summary>Frames per second, exact.</summary>
    public Rational FrameRate { get; }

    /// <summary>Frames taken so far.</summary>
    public long Frames { get; private set; }

    /// <summary>The format a name asks for: .mp4, .m4v, .webm, .gif, .png; no extension or an existing folder: a folder of frames.</summary>
    /// <exception cref="MediaException">The extension is none of these.</exception>
    public static VideoFormat FormatOf(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Path.EndsInDirectorySeparator(path) || Directory.Exists(path))
        {
            return VideoFormat.Folder;
        }

        string extension = Path.GetExtension(path);
        return extension.ToLowerInvariant() switch
        {
            "" => VideoFormat.Folder,
            ".mp4" or ".m4v" => VideoFormat.Mp4,
            ".webm" => VideoFormat.WebM,
            ".gif" => VideoFormat.Gif,
            ".png" => VideoFormat.Png,
            _ => throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: clips are not written as {extension}. Use .mp4, .webm, .gif, .png (one frame) or a name without extension (a folder of frames).", path),
        };
    }

    /// <summary>Starts a clip.</summary>
    /// <param name="path">The file or folder to make; its directory must exist.</param>
    /// <param name="width">Pixels, 1 to 16384; even for H.264 unless lossless.</param>
    /// <param name="height">Pixels, 1 to 16384; even for H.264 unless lossless.</param>
    /// <param name="fps">Frames per second, above 0 and at most 1000; at most 50 for GIF.</param>
    /// <param name="options">Format, quality, metadata.</param>
    /// <exception cref="MediaException">The format cannot express the size, rate or options, its codec is missing, or the directory cannot be written.</exception>
    public static VideoWriter Create(string path, int width, int height, double fps, VideoWriterOptions? options = null)
    {
        if (!(fps > 0) || fps > 1000)
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, string.Create(CultureInfo.InvariantCulture, $"{path}: {fps} frames per second; a clip has more than 0 and at most 1000."), path);
        }

        return Create(path, width, height, Rational.FromDouble(fps), options);
    }

    /// <inheritdoc cref="Create(string, int, int, double, VideoWriterOptions?)"/>
    public static VideoWriter Create(string path, int width, int height, Rational fps, VideoWriterOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new VideoWriterOptions();
        VideoFormat format = options.Format == VideoFormat.Auto ? FormatOf(path) : options.Format;
        Validate(path, format, width, height, fps, options);
        return new VideoWriter(path, format, width, height, fps, options);
    }

    /// <summary>Appends a frame.</summary>
    /// <exception cref="MediaException">The size differs, the disk is full, or the format holds no more frames.</exception>
    public void Write(VideoFrame frame)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if (frame.Width != Width || frame.Height != Height)
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{_path}: frame {Frames} is {frame.Width}×{frame.Height}, the clip is {Width}×{Height}; resize it first.", _path) { Frames = Frames };
        }

        Write(frame.Rgb);
    }

    /// <summary>Appends a frame of Width·Height·3 bytes of R, G, B; they are copied.</summary>
    /// <exception cref="MediaException">The length differs, the disk is full, or the format holds no more frames.</exception>
    public void Write(ReadOnlySpan<byte> rgb)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_completed || _failed)
        {
            throw new InvalidOperationException($"{_path}: the clip is {(_completed ? "complete" : "broken by an earlier failure")}; no frame can follow.");
        }

        if (rgb.Length != (long)Width * Height * 3)
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{_path}: frame {Frames} has {rgb.Length} bytes, a {Width}×{Height} RGB frame has {(long)Width * Height * 3}.", _path) { Frames = Frames };
        }

        _failed = true;
        _encoder.Write(rgb);
        _failed = false;
        Frames++;
    }

    /// <summary>Completes the content, makes it durable and gives it its name, replacing what was there.</summary>
    /// <exception cref="MediaException">There is no frame, or the disk is full; then nothing is left behind after <see cref="Dispose"/>.</exception>
    public void Complete()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_completed || _failed)
        {
            throw new InvalidOperationException($"{_path}: the clip is {(_completed ? "already complete" : "broken by an earlier failure")}.");
        }

        if (Frames == 0)
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{_path}: a clip has at least one frame, none was written.", _path);
        }

        _failed = true;
        _encoder.Finish();
        _target.Commit();
        _failed = false;
        _completed = true;
    }

    /// <summary>Releases the encoder; without <see cref="Complete"/> the unfinished content is deleted.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _encoder.Dispose();
        _target.Dispose();
    }

    private static void Validate(string path, VideoFormat format, int width, int height, Rational fps, VideoWriterOptions options)
    {
        MediaException Refuse(string text) => new(MediaErrorKind.InvalidArgument, $"{path}: {text}", path);
        if (width is < 1 or > MaxSide || height is < 1 or > MaxSide)
        {
            throw Refuse($"{width}×{height} pixels; each side is 1 to {MaxSide}.");
        }

        if (fps.Numerator <= 0 || fps > new Rational(1000, 1) || fps.Numerator > int.MaxValue || fps.Denominator > int.MaxValue)
        {
            throw Refuse($"{fps} frames per second; a clip has more than 0 and at most 1000.");
        }

        if (format == VideoFormat.Mp4 && !options.Lossless && (width % 2 != 0 || height % 2 != 0))
        {
            throw Refuse($"{width}×{height} pixels; H.264 with 4:2:0 colors needs even sides: {Even(width, -1)}×{Even(height, -1)} or {Even(width, 1)}×{Even(height, 1)}. WebM, GIF, PNG and lossless MP4 take any size.");
        }

        if (format == VideoFormat.Gif && fps > new Rational(50, 1))
        {
            throw Refuse(string.Create(CultureInfo.InvariantCulture, $"{fps.ToDouble():0.###} frames per second; GIF players show at most 50 (delays are whole hundredths of a second, at least two). Use 50, or .mp4 or .webm."));
        }

        if (format == VideoFormat.Gif && options.Lossless)
        {
            throw Refuse("GIF has at most 256 colors and cannot be lossless. Use lossless .mp4 or .webm, or a folder of PNG frames.");
        }

        int best = format == VideoFormat.WebM ? 63 : 51;
        if (options.Quality is { } quality && (quality < 0 || quality > best))
        {
            throw Refuse($"quality {quality}; {(format == VideoFormat.WebM ? "VP9" : "H.264")} takes 0 (best) to {best}.");
        }

        if (!Presets.Contains(options.Preset, StringComparer.Ordinal))
        {
            throw Refuse($"preset \"{options.Preset}\"; known are {string.Join(", ", Presets)}.");
        }
    }

    private static int Even(int side, int direction) => side % 2 == 0 ? side : Math.Max(2, side + direction);
}

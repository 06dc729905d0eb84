// Frames of a folder of PNG images with manifest.json.
namespace Kinora.Media;

internal sealed class FolderSource : IFrameSource
{
    private readonly string _folder;
    private readonly FolderManifest _manifest;
    private readonly VideoReaderOptions _options;
    private readonly Rational _rate;
    private int _next;

    private FolderSource(string folder, FolderManifest manifest, VideoReaderOptions options)
    {
        _folder = folder;
        _manifest = manifest;
        _options = options;
        _rate = manifest.Rate(folder);
        using (LibavSource first = OpenFrame(0))
        {
            (Width, Height) = (first.Width, first.Height);
        }

        Info = new VideoInfo
        {
            Container = "folder",
            Codec = "png",
            Width = manifest.Width,
            Height = manifest.Height,
            AverageFrameRate = _rate,
            RealFrameRate = _rate,
            TimeBase = _rate.Invert(),
            Duration = (new Rational(manifest.Frames.Count, 1) / _rate).ToTimeSpan(),
            StartTime = TimeSpan.Zero,
            FrameCount = manifest.Frames.Count,
            FrameCountIsExact = true,
            PixelFormat = "rgb24",
            BitDepth = 8,
            ColorRange = "pc",
            ColorSpace = "gbr",
            ColorPrimaries = "unknown",
            ColorTransfer = "unknown",
            Tags = new Dictionary<string, string>(manifest.Metadata, StringComparer.OrdinalIgnoreCase),
        };
    }

    public VideoInfo Info { get; }

    public int Width { get; }

    public int Height { get; }

    public static FolderSource Open(string folder, VideoReaderOptions options) => new(folder, FolderManifest.Load(folder), options);

    public FrameTimes? Advance()
    {
        var times = Peek();
        if (times is not null)
        {
            _next++;
        }

        return times;
    }

    public FrameTimes? Peek() => _next < _manifest.Frames.Count
        ? new FrameTimes(new Rational(_next, 1) / _rate, _rate.Invert(), true)
        : null;

    public void CopyPixels(Span<byte> rgb)
    {
        using LibavSource image = OpenFrame(_next - 1);
        if (image.Width != Width || image.Height != Height)
        {
            throw new MediaException(MediaErrorKind.Corrupt, $"{_folder}: frame {_manifest.Frames[_next - 1]} is {image.Width}×{image.Height}, the first frame is {Width}×{Height}.", _folder)
            {
                Frames = _next - 1,
            };
        }

        image.Advance();
        image.CopyPixels(rgb);
    }

    public IReadOnlyList<MotionVector> MotionVectors() => [];

    public IReadOnlyDictionary<string, string> Metadata() => Info.Tags;

    public void Seek(Rational time)
    {
        var index = time * _rate;
        _next = (int)Math.Clamp(index.Numerator / index.Denominator, 0, _manifest.Frames.Count - 1);
    }

    public void Dispose()
    {
    }

    private LibavSource OpenFrame(int index) => LibavSource.OpenFile(Path.Combine(_folder, _manifest.Frames[index]), _options);
}

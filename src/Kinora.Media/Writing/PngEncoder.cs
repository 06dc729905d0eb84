// A clip as PNG: one image, or a folder of numbered images with a manifest.
using System.Globalization;

namespace Kinora.Media;

/// <summary>A clip of exactly one frame as a PNG file.</summary>
internal sealed class PngEncoder(string path, string temporaryPath, int width, int height, List<KeyValuePair<string, string>> texts) : IClipEncoder
{
    private byte[]? _png;

    public void Write(ReadOnlySpan<byte> rgb)
    {
        if (_png is not null)
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: a PNG holds one frame, the clip has more. Write .mp4, .webm, .gif or a folder of frames (a name without extension).", path) { Frames = 1 };
        }

        _png = PngChunks.WithTexts(ImageFile.Encode(rgb, width, height), texts);
    }

    public void Finish() => AtomicTarget.Guard(path, () => File.WriteAllBytes(temporaryPath, _png!));

    public void Dispose()
    {
    }
}

/// <summary>A clip as a folder of 000000.png, 000001.png, … and manifest.json.</summary>
internal sealed class FolderEncoder(string path, string temporaryPath, int width, int height, Rational rate, List<KeyValuePair<string, string>> texts) : IClipEncoder
{
    private readonly List<string> _frames = [];

    public void Write(ReadOnlySpan<byte> rgb)
    {
        string name = _frames.Count.ToString("D6", CultureInfo.InvariantCulture) + ".png";
        byte[] png = ImageFile.Encode(rgb, width, height);
        AtomicTarget.Guard(path, () => File.WriteAllBytes(Path.Combine(temporaryPath, name), png));
        _frames.Add(name);
    }

    public void Finish()
    {
        var manifest = new FolderManifest
        {
            Format = FolderManifest.FormatName,
            Width = width,
            Height = height,
            FrameRate = rate.ToString(),
            Frames = _frames,
            Metadata = new Dictionary<string, string>(texts),
        };
        AtomicTarget.Guard(path, () => File.WriteAllBytes(Path.Combine(temporaryPath, FolderManifest.FileName), manifest.ToJson()));
    }

    public void Dispose()
    {
    }
}

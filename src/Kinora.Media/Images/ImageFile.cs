// Single pictures: PNG, JPEG, WebP, BMP and the first frame of anything else libav reads.
using Kinora.Media.Native;

namespace Kinora.Media;

/// <summary>Images in and out.</summary>
public static class ImageFile
{
    /// <summary>
    /// Reads an image as 8-bit RGB: turned as its EXIF orientation says, transparency over black, 16-bit samples rounded.
    /// Of an animation or clip, the first frame.
    /// </summary>
    /// <exception cref="MediaException">The file is missing, truncated or not an image.</exception>
    public static VideoFrame Read(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        using var reader = VideoReader.Open(path, new VideoReaderOptions { Threads = 1 });
        return First(reader, path);
    }

    /// <summary>Reads an image held in memory; <paramref name="name"/> is used in messages.</summary>
    /// <exception cref="MediaException">The content is truncated or not an image.</exception>
    public static VideoFrame Read(ReadOnlyMemory<byte> content, string name)
    {
        using var reader = VideoReader.Open(content, name, new VideoReaderOptions { Threads = 1 });
        return First(reader, name);
    }

    /// <summary>Writes a PNG, complete or not at all, with texts as iTXt chunks.</summary>
    /// <exception cref="MediaException">The file cannot be written.</exception>
    public static void WritePng(string path, VideoFrame frame, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        byte[] png = EncodePng(frame, metadata);
        using var target = AtomicTarget.File(path);
        AtomicTarget.Guard(path, () => File.WriteAllBytes(target.TemporaryPath, png));
        target.Commit();
    }

    /// <summary>The bytes of a PNG file.</summary>
    /// <exception cref="MediaException">A metadata name or text is not storable.</exception>
    public static byte[] EncodePng(VideoFrame frame, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(frame);
        var texts = metadata is null ? [] : MediaMetadata.Validated(metadata, "PNG");
        byte[] png = Encode(frame.Rgb, frame.Width, frame.Height);
        return texts.Count == 0 ? png : PngChunks.WithTexts(png, texts);
    }

    internal static unsafe byte[] Encode(ReadOnlySpan<byte> rgb, int width, int height)
    {
        NativeMedia.EnsureLoaded();
        fixed (byte* source = rgb)
        {
            NativeMedia.Check(NativeMethods.km_png_encode(source, width, height, out byte* png, out long size), "encoding failed", "PNG");
            try
            {
                return new ReadOnlySpan<byte>(png, checked((int)size)).ToArray();
            }
            finally
            {
                NativeMethods.km_free(png);
            }
        }
    }

    private static VideoFrame First(VideoReader reader, string name) =>
        reader.Read() ?? throw new MediaException(MediaErrorKind.Corrupt, $"{name}: holds no picture.", name);
}

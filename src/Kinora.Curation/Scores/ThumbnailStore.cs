// Small pictures of a source until it is known which ones are shown. A day of footage has more of them than memory should hold.
using Kinora.Media;

namespace Kinora.Curation.Scores;

/// <summary>Keeps pictures of one size in a file without a name.</summary>
internal sealed class ThumbnailStore(int width, int height) : IDisposable
{
    private readonly int _bytes = width * height * 3;
    private FileStream? _file;
    private int _count;

    /// <summary>Keeps a picture and returns its number.</summary>
    public int Add(VideoFrame picture)
    {
        _file ??= new FileStream(Path.Combine(Path.GetTempPath(), $"kinora-{Path.GetRandomFileName()}"), new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose, BufferSize = 1 << 16 });
        _file.Seek((long)_count * _bytes, SeekOrigin.Begin);
        _file.Write(picture.Rgb);
        return _count++;
    }

    /// <summary>The picture of a number that <see cref="Add"/> returned.</summary>
    public VideoFrame Read(int number)
    {
        byte[] rgb = new byte[_bytes];
        _file!.Seek((long)number * _bytes, SeekOrigin.Begin);
        _file.ReadExactly(rgb);
        return new VideoFrame(width, height, rgb);
    }

    /// <summary>The file goes away.</summary>
    public void Dispose() => _file?.Dispose();
}

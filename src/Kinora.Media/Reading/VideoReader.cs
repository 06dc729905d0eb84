namespace Kinora.Media;

public sealed class VideoReader : IDisposable
{
    public static VideoReader Open(string path, VideoReaderOptions? options = null) => throw new NotImplementedException();

    public static VideoReader Open(ReadOnlyMemory<byte> content, string name, VideoReaderOptions? options = null) => throw new NotImplementedException();

    public VideoInfo Info => throw new NotImplementedException();

    public int Width => throw new NotImplementedException();

    public int Height => throw new NotImplementedException();

    public VideoFrame? Read() => throw new NotImplementedException();

    public IEnumerable<VideoFrame> ReadFrames() => throw new NotImplementedException();

    public IEnumerable<VideoFrame> ReadRange(TimeSpan start, TimeSpan end) => throw new NotImplementedException();

    public IEnumerable<VideoFrame> Sample(double fps, TimeSpan? start = null, TimeSpan? end = null) => throw new NotImplementedException();

    public Clip ReadAll(int maxFrames = int.MaxValue) => throw new NotImplementedException();

    public void SeekTo(TimeSpan time) => throw new NotImplementedException();

    public void Dispose()
    {
    }
}

namespace Kinora.Media;

public sealed class VideoWriter : IDisposable
{
    public static VideoWriter Create(string path, int width, int height, double fps, VideoWriterOptions? options = null) => throw new NotImplementedException();

    public static VideoWriter Create(string path, int width, int height, Rational fps, VideoWriterOptions? options = null) => throw new NotImplementedException();

    public void Write(VideoFrame frame) => throw new NotImplementedException();

    public void Write(ReadOnlySpan<byte> rgb) => throw new NotImplementedException();

    public void Complete() => throw new NotImplementedException();

    public void Dispose()
    {
    }
}

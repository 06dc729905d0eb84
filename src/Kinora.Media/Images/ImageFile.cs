namespace Kinora.Media;

public static class ImageFile
{
    public static VideoFrame Read(string path) => throw new NotImplementedException();

    public static void WritePng(string path, VideoFrame frame, IReadOnlyDictionary<string, string>? metadata = null) => throw new NotImplementedException();
}

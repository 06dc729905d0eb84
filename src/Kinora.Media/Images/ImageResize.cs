namespace Kinora.Media;

public static class ImageResize
{
    public static VideoFrame Resize(VideoFrame frame, int width, int height, ScaleFilter filter = ScaleFilter.Area) => throw new NotImplementedException();

    public static VideoFrame CropToAspect(VideoFrame frame, int width, int height, ScaleFilter filter = ScaleFilter.Area) => throw new NotImplementedException();
}

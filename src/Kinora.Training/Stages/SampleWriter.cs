using Kinora.Media;

namespace Kinora.Training.Stages;

/// <summary>Writes what a person looks at during training.</summary>
internal static class SampleWriter
{
    private const int SheetFrames = 9;
    private const int Gap = 2;
    private const byte GapLevel = 255;

    /// <summary>A contact sheet: one clip per row, up to nine frames each, evenly spaced. Clips are [F, H, W, 3] bytes.</summary>
    public static void Sheet(string path, IReadOnlyList<byte[]> clips, int frames, int width, int height)
    {
        int columns = Math.Min(SheetFrames, frames);
        int sheetWidth = columns * (width + Gap) - Gap, sheetHeight = clips.Count * (height + Gap) - Gap;
        var pixels = new byte[sheetWidth * sheetHeight * 3];
        Array.Fill(pixels, GapLevel);
        for (int row = 0; row < clips.Count; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                int frame = columns == 1 ? 0 : column * (frames - 1) / (columns - 1);
                for (int y = 0; y < height; y++)
                {
                    var source = clips[row].AsSpan((frame * height + y) * width * 3, width * 3);
                    source.CopyTo(pixels.AsSpan(((row * (height + Gap) + y) * sheetWidth + column * (width + Gap)) * 3));
                }
            }
        }
        ImageFile.WritePng(path, new VideoFrame(sheetWidth, sheetHeight, pixels));
    }

    /// <summary>A clip of [F, H, W, 3] bytes as a video file.</summary>
    public static void Clip(string path, byte[] clip, int frames, int width, int height, double frameRate)
    {
        int size = width * height * 3;
        var list = new List<VideoFrame>(frames);
        for (int f = 0; f < frames; f++)
            list.Add(new VideoFrame(width, height, clip.AsSpan(f * size, size).ToArray()));
        new Clip(list, frameRate).Save(path);
    }
}

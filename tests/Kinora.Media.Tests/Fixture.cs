namespace Kinora.Media.Tests;

/// <summary>Fixture files, synthetic pictures and a folder that disappears with the test.</summary>
internal static class Fixture
{
    public static string File(string name) => Path.Combine(AppContext.BaseDirectory, "Fixtures", name);

    /// <summary>Number N of a frame of the gray clips: luma 16 + 8 N in limited range.</summary>
    public static int GrayNumber(VideoFrame frame) => (int)Math.Round(frame.Rgb.Average(v => (double)v) * 219 / 255 / 8);

    /// <summary>A smooth, colorful picture that moves: every frame differs from the others.</summary>
    public static VideoFrame Waves(int width, int height, int number)
    {
        byte[] rgb = new byte[width * height * 3];
        for (int y = 0, i = 0; y < height; y++)
        {
            for (int x = 0; x < width; x++, i += 3)
            {
                rgb[i] = (byte)(128 + (100 * Math.Sin((x + (number * 2)) * 0.09)));
                rgb[i + 1] = (byte)(128 + (100 * Math.Sin((y - number) * 0.07)));
                rgb[i + 2] = (byte)(128 + (100 * Math.Cos((x + y + number) * 0.05)));
            }
        }

        return new VideoFrame(width, height, rgb);
    }

    public static Clip WavesClip(int width, int height, int frames, double fps) =>
        new([.. Enumerable.Range(0, frames).Select(n => Waves(width, height, n))], fps);

    public static double Psnr(VideoFrame a, VideoFrame b)
    {
        double sum = 0;
        for (int i = 0; i < a.Rgb.Length; i++)
        {
            double d = a.Rgb[i] - b.Rgb[i];
            sum += d * d;
        }

        return sum == 0 ? double.PositiveInfinity : 10 * Math.Log10(255 * 255 * a.Rgb.Length / sum);
    }

    public static (int R, int G, int B) Pixel(VideoFrame frame, int x, int y)
    {
        int i = ((y * frame.Width) + x) * 3;
        return (frame.Rgb[i], frame.Rgb[i + 1], frame.Rgb[i + 2]);
    }
}

internal sealed class TemporaryFolder : IDisposable
{
    // In memory where possible: every clip is flushed to the disk, which a busy machine makes slow.
    public TemporaryFolder()
    {
        const string Memory = "/dev/shm";
        Root = Directory.Exists(Memory)
            ? Directory.CreateDirectory(Path.Combine(Memory, "kinora-media-" + Path.GetRandomFileName())).FullName
            : Directory.CreateTempSubdirectory("kinora-media-").FullName;
    }

    public string Root { get; }

    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Names of everything inside, temporary files included.</summary>
    public string[] Entries => [.. Directory.EnumerateFileSystemEntries(Root, "*", new EnumerationOptions { AttributesToSkip = FileAttributes.None }).Select(p => Path.GetFileName(p)!).Order(StringComparer.Ordinal)];

    public void Dispose() => Directory.Delete(Root, recursive: true);
}

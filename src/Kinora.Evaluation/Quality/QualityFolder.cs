// What a measurement leaves on disk: index.html, report.json, run.json, sheet.png, clips/NNN.mp4. Where the native media library is not
// there (a GPU machine without libav), clips are GIFs and the sheet, a PNG, is left out.

using System.Text;
using System.Text.Json;
using Kinora.Engine.Checkpoints;
using Kinora.Media;

namespace Kinora.Evaluation.Quality;

/// <summary>Writes the folder of a report.</summary>
public static class QualityFolder
{
    private const int SheetColumns = 20, Crf = 14;

    /// <summary>".mp4" where H.264 can be written, else ".gif".</summary>
    public static string ClipExtension { get; } = CanWriteH264() ? ".mp4" : ".gif";

    /// <summary>Writes everything; the folder may exist.</summary>
    public static void Write(string folder, QualityResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        QualityPassport p = result.Report.Passport;
        Directory.CreateDirectory(Path.Combine(folder, "clips"));
        for (int i = 0; i < result.Clips.Count; i++)
            ToClip(result.Clips[i], p).Save(Path.Combine(folder, result.Report.Clips[i].File), new VideoWriterOptions { Quality = Crf });
        string mediaType = ClipExtension == ".mp4" ? "video/mp4" : "image/gif";
        if (ClipExtension == ".mp4")
            ImageFile.WritePng(Path.Combine(folder, "sheet.png"), Sheet(result.Clips, p));
        Text(Path.Combine(folder, "index.html"), QualityPage.Write(result.Report, v => (mediaType, File.ReadAllBytes(Path.Combine(folder, v.File)))));
        Text(Path.Combine(folder, "run.json"), JsonSerializer.Serialize(result.Run, QualityJson.Default.QualityRun) + "\n");
        Text(Path.Combine(folder, "report.json"), result.Report.ToJson());
    }

    /// <summary>The middle frame of every clip, in the order of the prompts.</summary>
    internal static VideoFrame Sheet(IReadOnlyList<ReadOnlyMemory<byte>> clips, QualityPassport p)
    {
        int columns = Math.Min(SheetColumns, clips.Count), rows = (clips.Count + columns - 1) / columns, rowBytes = p.Width * 3, frameBytes = rowBytes * p.Height;
        var rgb = new byte[columns * rows * frameBytes];
        for (int i = 0; i < clips.Count; i++)
        {
            ReadOnlySpan<byte> frame = clips[i].Span.Slice(p.Frames / 2 * frameBytes, frameBytes);
            for (int y = 0; y < p.Height; y++)
                frame.Slice(y * rowBytes, rowBytes).CopyTo(rgb.AsSpan(((i / columns * p.Height + y) * columns + i % columns) * rowBytes));
        }
        return new VideoFrame(columns * p.Width, rows * p.Height, rgb);
    }

    private static Clip ToClip(ReadOnlyMemory<byte> rgb, QualityPassport p)
    {
        int frameBytes = p.Width * p.Height * 3;
        return new Clip([.. Enumerable.Range(0, p.Frames).Select(f => new VideoFrame(p.Width, p.Height, rgb.Slice(f * frameBytes, frameBytes).ToArray()))], p.FrameRate);
    }

    private static bool CanWriteH264()
    {
        try
        {
            return MediaLibrary.CanWrite(VideoFormat.Mp4);
        }
        catch (MediaException e) when (e.Kind == MediaErrorKind.NativeLibrary)
        {
            return false;
        }
    }

    private static void Text(string path, string text) => AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(text)));
}

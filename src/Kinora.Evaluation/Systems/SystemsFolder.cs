// What a ranking leaves on disk: index.html, systems.json, and under work/ the clips, so that a stopped bench goes on.

using System.Text;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Quality;
using Kinora.Media;

namespace Kinora.Evaluation.Systems;

/// <summary>Writes the folder of a ranking.</summary>
public static class SystemsFolder
{
    /// <summary>Names of the files.</summary>
    public const string ReportFile = "systems.json", PageFile = "index.html", WorkFolder = "work";

    private const int Crf = 14;

    /// <summary>Writes everything.</summary>
    public static void Write(string folder, SystemsResult result, Retrieval.TrainingCorpus training)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(result);
        ArgumentNullException.ThrowIfNull(training);
        Directory.CreateDirectory(folder);
        SystemsPassport p = result.Report.Passport;
        string scratch = Path.Combine(folder, WorkFolder, "embedded" + QualityFolder.ClipExtension);
        Directory.CreateDirectory(Path.GetDirectoryName(scratch)!);
        (string, byte[]) Encode(ReadOnlyMemory<byte> rgb)
        {
            int bytes = p.Size * p.Size * 3;
            new Clip([.. Enumerable.Range(0, p.Frames).Select(f => new VideoFrame(p.Size, p.Size, rgb.Slice(f * bytes, bytes).ToArray()))], 8).Save(scratch, new VideoWriterOptions { Quality = Crf });
            return (QualityFolder.ClipExtension == ".mp4" ? "video/mp4" : "image/gif", File.ReadAllBytes(scratch));
        }

        string page = SystemsPage.Write(result.Report, (system, number) => result.Clips.TryGetValue(system, out var clips) ? Encode(clips[number]) : null, number => Encode(training.Render(number, p.Size, p.Frames)));
        File.Delete(scratch);
        Text(Path.Combine(folder, PageFile), page);
        Text(Path.Combine(folder, ReportFile), result.Report.ToJson());
    }

    private static void Text(string path, string text) => AtomicFile.Write(path, file => file.Write(Encoding.UTF8.GetBytes(text)));
}

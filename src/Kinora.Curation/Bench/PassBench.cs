// The single pass against separate tools on the same files.
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Kinora.Curation.Scores;
using Kinora.Media;
using Kinora.World;
using Kinora.World.Datasets;

namespace Kinora.Curation.Bench;

/// <summary>One tool on all files.</summary>
/// <param name="Tool"><c>kinora</c>, or a filter of ffmpeg.</param>
/// <param name="WallSeconds">Elapsed time.</param>
/// <param name="CpuSeconds">Processor time of all threads.</param>
/// <param name="TimesRealTime">Seconds of footage per elapsed second.</param>
public sealed record PassBenchRow(string Tool, double WallSeconds, double CpuSeconds, double TimesRealTime);

/// <summary>Times the measuring pass.</summary>
public static partial class PassBench
{
    private const int SampleWidth = 1280, SampleHeight = 720, SampleFrames = 72, SampleFps = 24;
    private const string Ffmpeg = "ffmpeg";

    // What separate tools would be run for the same numbers.
    private static readonly string[] Filters = ["blackdetect", "freezedetect", "vmafmotion", "siti", "scdet", "blurdetect", "blockdetect", "cropdetect", "signalstats"];

    /// <summary>Times the pass with all scorers, then each filter of ffmpeg alone when ffmpeg is installed.</summary>
    /// <param name="files">Videos; none = a generated clip of three seconds at 720p.</param>
    /// <param name="tell">Told which tool runs.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    /// <exception cref="MediaException">A file cannot be read.</exception>
    public static IReadOnlyList<PassBenchRow> Run(IReadOnlyList<string> files, Action<string>? tell = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(files);
        if (files.Count > 0) { return Time(files, tell, cancellationToken); }
        string folder = Directory.CreateTempSubdirectory("kinora-bench-").FullName;
        try
        {
            string sample = Path.Combine(folder, "sample.mp4");
            tell?.Invoke("making a clip");
            WriteSample(sample);
            return Time([sample], tell, cancellationToken);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The rows as a table of text, with the ratio of the sum to the single pass.</summary>
    public static string Table(IReadOnlyList<PassBenchRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var text = new StringBuilder($"{"tool",-16}{"wall s",9}{"cpu s",9}{"x real time",13}\n");
        foreach (var row in rows) { text.Append(CultureInfo.InvariantCulture, $"{row.Tool,-16}{row.WallSeconds,9:0.00}{row.CpuSeconds,9:0.00}{row.TimesRealTime,13:0.0}\n"); }
        if (rows.Count == 1) { return text.Append("ffmpeg is not installed: nothing to compare with").ToString(); }
        double wall = rows.Skip(1).Sum(r => r.WallSeconds), cpu = rows.Skip(1).Sum(r => r.CpuSeconds);
        return text.Append(CultureInfo.InvariantCulture, $"the separate filters together take {wall / rows[0].WallSeconds:0.0} times as long, {cpu / rows[0].CpuSeconds:0.0} times the processor time").ToString();
    }

    /// <summary>The rows as JSON.</summary>
    public static string ToJson(IReadOnlyList<PassBenchRow> rows) => JsonSerializer.Serialize(rows, PassBenchJson.Default.IReadOnlyListPassBenchRow);

    private static List<PassBenchRow> Time(IReadOnlyList<string> files, Action<string>? tell, CancellationToken cancellationToken)
    {
        var scorers = LocalScorers.Create();
        // The first use of everything is not what is measured.
        MeasurePass.Run(files[0], "", new MeasureOptions(), scorers, cancellationToken: cancellationToken);
        tell?.Invoke("kinora");
        var process = Process.GetCurrentProcess();
        TimeSpan cpuBefore = process.TotalProcessorTime;
        long started = Stopwatch.GetTimestamp();
        double seconds = 0;
        foreach (string file in files)
        {
            var measures = MeasurePass.Run(file, "", new MeasureOptions(), scorers, cancellationToken: cancellationToken);
            seconds += measures.Facts?.Seconds ?? throw new MediaException(MediaErrorKind.NotMedia, $"{file}: {measures.Failure}", file);
        }
        TimeSpan wall = Stopwatch.GetElapsedTime(started);
        process.Refresh();
        var rows = new List<PassBenchRow> { Row("kinora", wall, process.TotalProcessorTime - cpuBefore, seconds) };
        foreach (string filter in Filters)
        {
            cancellationToken.ThrowIfCancellationRequested();
            tell?.Invoke(filter);
            if (TimeFilter(files, filter, seconds) is not { } row) { break; }
            rows.Add(row);
        }
        return rows;
    }

    private static PassBenchRow? TimeFilter(IReadOnlyList<string> files, string filter, double seconds)
    {
        TimeSpan wall = TimeSpan.Zero, cpu = TimeSpan.Zero;
        foreach (string file in files)
        {
            var start = new ProcessStartInfo(Ffmpeg) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardInput = true };
            foreach (string argument in new[] { "-nostdin", "-benchmark", "-i", file, "-map", "0:v:0", "-vf", filter, "-f", "null", "-" }) { start.ArgumentList.Add(argument); }
            long started = Stopwatch.GetTimestamp();
            try
            {
                using var process = Process.Start(start)!;
                string log = process.StandardError.ReadToEnd();
                process.WaitForExit();
                wall += Stopwatch.GetElapsedTime(started);
                // The kernel forgets the times of a process that has ended; ffmpeg prints its own.
                foreach (Match time in ProcessorTime().Matches(log)) { cpu += TimeSpan.FromSeconds(double.Parse(time.Groups["seconds"].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture)); }
            }
            catch (Win32Exception)
            {
                return null;
            }
        }
        return Row(filter, wall, cpu, seconds);
    }

    [GeneratedRegex(@"\b[us]time=(?<seconds>[0-9.]+)s", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ProcessorTime();

    private static PassBenchRow Row(string tool, TimeSpan wall, TimeSpan cpu, double seconds) =>
        new(tool, Math.Round(wall.TotalSeconds, 3), Math.Round(cpu.TotalSeconds, 3), Math.Round(seconds / wall.TotalSeconds, 2));

    private static void WriteSample(string path)
    {
        var scene = DatasetWriter.SceneOf(new DatasetOptions(), 0);
        byte[] rgb = new byte[SampleWidth * SampleHeight * 3 * SampleFrames];
        Renderer.Render(scene, SampleWidth, SampleHeight, SampleFrames, rgb);
        using var writer = VideoWriter.Create(path, SampleWidth, SampleHeight, SampleFps, new VideoWriterOptions { Preset = "ultrafast" });
        for (int i = 0; i < SampleFrames; i++) { writer.Write(rgb.AsSpan(i * SampleWidth * SampleHeight * 3, SampleWidth * SampleHeight * 3)); }
        writer.Complete();
    }
}

[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(IReadOnlyList<PassBenchRow>))]
internal sealed partial class PassBenchJson : JsonSerializerContext;

// The single pass against separate tools on the same files.
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.RegularExpressions;
using Kinora.Curation.Datasets;
using Kinora.Curation.Frames;
using Kinora.Curation.Scores;
using Kinora.Media;
using Kinora.Vision;
using Kinora.World;
using Kinora.World.Datasets;

namespace Kinora.Curation.Bench;

/// <summary>One tool on all files.</summary>
/// <param name="Tool"><c>kinora</c>, a filter of ffmpeg, or <c>opencv</c> and what it is used for.</param>
/// <param name="WallSeconds">Elapsed time.</param>
/// <param name="CpuSeconds">Processor time of all threads.</param>
/// <param name="TimesRealTime">Seconds of footage per elapsed second.</param>
public sealed record PassBenchRow(string Tool, double WallSeconds, double CpuSeconds, double TimesRealTime);

/// <summary>The pass against separate tools.</summary>
/// <param name="Seconds">Of footage.</param>
/// <param name="Tools">Our pass first, the median of its runs; the others once each.</param>
/// <param name="First">The first pass of the process, which also loads libraries and compiles.</param>
/// <param name="Stages">Seconds of processor time of the median pass by what they went to; what runs on threads of libav's is not among them.</param>
/// <param name="WallRatio">How many times as long the separate tools take together; null without any.</param>
/// <param name="CpuRatio">How many times the processor time; null without any.</param>
/// <param name="Flows">Our optical flow against that of OpenCV in Python; null where either is missing.</param>
public sealed record PassBenchResult(double Seconds, IReadOnlyList<PassBenchRow> Tools, PassBenchRow First, IReadOnlyDictionary<string, double> Stages, double? WallRatio, double? CpuRatio, FlowAgreement? Flows);

/// <summary>How far our optical flow is from that of OpenCV in Python, on pairs of frames of the first file.</summary>
/// <param name="Pairs">Pairs compared.</param>
/// <param name="Dis">Largest difference of a component of DIS, pixels.</param>
/// <param name="Farneback">The same of Farnebäck.</param>
public sealed record FlowAgreement(int Pairs, double Dis, double Farneback);

/// <summary>What curating one file took at most.</summary>
/// <param name="File">Its name.</param>
/// <param name="Width">Pixels.</param>
/// <param name="Height">Pixels.</param>
/// <param name="Seconds">Its length.</param>
/// <param name="Clips">Clips cut out of it.</param>
/// <param name="BeforeBytes">Resident memory of the process before.</param>
/// <param name="PeakBytes">Peak of the resident memory while it was measured and cut.</param>
public sealed record PassMemoryRow(string File, int Width, int Height, double Seconds, int Clips, long BeforeBytes, long PeakBytes);

/// <summary>Times the measuring pass and reads its peak of memory.</summary>
public static partial class PassBench
{
    private const int SampleWidth = 1280, SampleHeight = 720, SampleFrames = 72, SampleFps = 24;

    // Pairs of frames as far apart as the pass has them, twice a second.
    private const int FlowPairCount = 4, FlowStep = 12, FlowGap = 4;
    private const string Ffmpeg = "ffmpeg", Python = "/usr/bin/python3";

    /// <summary>What curating any file may take at most, bytes.</summary>
    public const long MemoryCeiling = 1536L << 20;

    // What separate tools would be run for the same numbers.
    private static readonly string[] Filters = ["blackdetect", "freezedetect", "vmafmotion", "siti", "scdet", "blurdetect", "blockdetect", "cropdetect", "signalstats"], OpenCvPurposes = ["content", "quality", "farneback"];

    /// <summary>Times the pass with every scorer that needs no weights, and each filter of ffmpeg and each use of OpenCV in Python alone where they are installed.</summary>
    /// <param name="files">Videos; none = a generated clip of three seconds at 720p.</param>
    /// <param name="tell">Told which tool runs.</param>
    /// <param name="cancellationToken">Stops between files.</param>
    /// <exception cref="MediaException">A file cannot be read.</exception>
    public static PassBenchResult Run(IReadOnlyList<string> files, Action<string>? tell = null, CancellationToken cancellationToken = default)
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

    /// <summary>The result as tables of text.</summary>
    public static string Table(PassBenchResult result)
    {
        ArgumentNullException.ThrowIfNull(result);
        var rows = result.Tools;
        var text = new StringBuilder($"{"tool",-16}{"wall s",9}{"cpu s",9}{"x real time",13}\n");
        foreach (var row in rows.Append(result.First)) { text.Append(CultureInfo.InvariantCulture, $"{row.Tool,-16}{row.WallSeconds,9:0.00}{row.CpuSeconds,9:0.00}{row.TimesRealTime,13:0.0}\n"); }
        text.Append(CultureInfo.InvariantCulture, $"\n{"kinora's stages",-28}{"cpu s",9}\n");
        foreach (var (stage, seconds) in result.Stages) { text.Append(CultureInfo.InvariantCulture, $"{stage,-28}{seconds,9:0.000}\n"); }
        text.Append('\n');
        if (rows.All(row => !Filters.Contains(row.Tool, StringComparer.Ordinal))) { text.Append("ffmpeg is not installed: its filters are left out\n"); }
        if (rows.All(row => !row.Tool.StartsWith("opencv", StringComparison.Ordinal))) { text.Append("python3-opencv is not installed: OpenCV is left out\n"); }
        if (result.Flows is { } flows) { text.Append(CultureInfo.InvariantCulture, $"optical flow beside OpenCV in Python, {flows.Pairs} pairs: largest difference {flows.Dis} pixels by DIS, {flows.Farneback} by Farnebäck\n"); }
        text.Append(CultureInfo.InvariantCulture, $"{result.Seconds:0.0} s of footage at {rows[0].TimesRealTime:0.0} times real time");
        return result.WallRatio is { } wall ? text.Append(CultureInfo.InvariantCulture, $"; the separate tools together take {wall:0.0} times as long, {result.CpuRatio:0.0} times the processor time").ToString() : text.ToString();
    }

    /// <summary>The result as JSON.</summary>
    public static string ToJson(PassBenchResult result) => JsonSerializer.Serialize(result, PassBenchJson.Default.PassBenchResult);

    /// <summary>Curates each file into a folder that goes away, and reads the process's peak of memory.</summary>
    /// <param name="files">Videos; none = five seconds of 3840×2160 and an hour of 160×96.</param>
    /// <param name="tell">Told what runs.</param>
    /// <param name="cancellationToken">Stops between frames.</param>
    /// <exception cref="MediaException">A file cannot be read.</exception>
    /// <exception cref="PlatformNotSupportedException">The system does not tell a process's peak.</exception>
    public static IReadOnlyList<PassMemoryRow> Memory(IReadOnlyList<string> files, Action<string>? tell = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(files);
        string folder = Directory.CreateTempSubdirectory("kinora-bench-").FullName;
        try
        {
            if (files.Count == 0)
            {
                tell?.Invoke("making clips");
                files = [Path.Combine(folder, "large.mp4"), Path.Combine(folder, "long.mp4")];
                WriteMoving(files[0], 3840, 2160, 5 * SampleFps);
                WriteMoving(files[1], 160, 96, 3600 * SampleFps);
            }
            var rows = new List<PassMemoryRow>();
            foreach (string file in files)
            {
                tell?.Invoke(Path.GetFileName(file));
                long before = ResetPeak();
                var result = new CurationRun(new CurationOptions { Output = Path.Combine(folder, $"dataset-{rows.Count}") }).Run(file, cancellationToken);
                var facts = result.Sources[0].Measures.Facts ?? throw new MediaException(MediaErrorKind.NotMedia, $"{file}: {result.Sources[0].Measures.Failure}", file);
                rows.Add(new PassMemoryRow(Path.GetFileName(file), facts.Width, facts.Height, Math.Round(facts.Seconds, 1), result.Index?.Kept ?? 0, before, Peak()));
            }
            return rows;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>The peaks as a table of text.</summary>
    public static string Table(IReadOnlyList<PassMemoryRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var text = new StringBuilder($"{"file",-24}{"size",12}{"seconds",10}{"clips",7}{"before MiB",12}{"peak MiB",10}\n");
        foreach (var row in rows) { text.Append(CultureInfo.InvariantCulture, $"{row.File,-24}{$"{row.Width}x{row.Height}",12}{row.Seconds,10:0.0}{row.Clips,7}{row.BeforeBytes >> 20,12}{row.PeakBytes >> 20,10}\n"); }
        return text.ToString().TrimEnd('\n');
    }

    /// <summary>The peaks as JSON.</summary>
    public static string ToJson(IReadOnlyList<PassMemoryRow> rows) => JsonSerializer.Serialize(rows, PassBenchJson.Default.IReadOnlyListPassMemoryRow);

    // Linux: 5 resets the peak of the resident set to what it is now.
    private static long ResetPeak()
    {
        if (!OperatingSystem.IsLinux()) { throw new PlatformNotSupportedException("the peak of memory is read from /proc, which is Linux's."); }
        GC.Collect();
        File.WriteAllText("/proc/self/clear_refs", "5");
        return Peak();
    }

    private static long Peak()
    {
        string line = File.ReadLines("/proc/self/status").First(l => l.StartsWith("VmHWM:", StringComparison.Ordinal));
        return 1024 * long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)[^2], CultureInfo.InvariantCulture);
    }

    // Waves that move, with a cut every seven seconds.
    private static void WriteMoving(string path, int width, int height, int frames)
    {
        byte[] rgb = new byte[width * height * 3];
        int[] columns = new int[width];
        using var writer = VideoWriter.Create(path, width, height, SampleFps, new VideoWriterOptions { Preset = "ultrafast" });
        for (int n = 0; n < frames; n++)
        {
            int shot = n / (7 * SampleFps);
            for (int x = 0; x < width; x++) { columns[x] = (int)(50 * Math.Sin((x + (2 * n)) * (0.03 + (0.007 * (shot % 5))))); }
            for (int y = 0; y < height; y++)
            {
                int wave = (int)(50 * Math.Sin((y - n) * 0.05));
                for (int x = 0; x < width; x++)
                {
                    int at = ((y * width) + x) * 3, value = 128 + columns[x] + wave;
                    (rgb[at], rgb[at + 1], rgb[at + 2]) = ((byte)value, (byte)(value >> (shot % 3)), (byte)(255 - value));
                }
            }
            writer.Write(rgb);
        }
        writer.Complete();
    }

    // Our pass runs before every peer and once more at the end; its row is the median, so that a machine that is busy with other work slows both alike.
    private static PassBenchResult Time(IReadOnlyList<string> files, Action<string>? tell, CancellationToken cancellationToken)
    {
        var scorers = LocalScorers.Create(new MeasureOptions());
        try
        {
            // The first use of everything is shown apart.
            tell?.Invoke("kinora");
            var first = Pass(files, scorers, cancellationToken);
            string folder = Directory.CreateTempSubdirectory("kinora-bench-").FullName;
            try
            {
                string script = Path.Combine(folder, "peers.py");
                using (var target = File.Create(script))
                using (var source = typeof(PassBench).Assembly.GetManifestResourceStream("Kinora.Curation.Bench.opencv_peers.py")!) { source.CopyTo(target); }
                var peers = Filters.Select(filter => (Name: filter, Program: Ffmpeg, Arguments: (Func<string, string[]>)(file => ["-nostdin", "-benchmark", "-i", file, "-map", "0:v:0", "-vf", filter, "-f", "null", "-"])))
                    .Concat(OpenCvPurposes.Select(purpose => (Name: $"opencv {purpose}", Program: Python, Arguments: (Func<string, string[]>)(file => [script, purpose, file]))));
                var (passes, rows) = (new List<OnePass>(), new List<PassBenchRow>());
                foreach (var peer in peers)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    tell?.Invoke(peer.Name);
                    passes.Add(Pass(files, scorers, cancellationToken));
                    if (TimePeer(files, peer.Name, peer.Program, peer.Arguments, first.Seconds) is { } row) { rows.Add(row); }
                }
                passes.Add(Pass(files, scorers, cancellationToken));
                TimeSpan wall = Median(passes.Select(t => t.Wall)), cpu = Median(passes.Select(t => t.Cpu));
                bool alone = rows.Count == 0;
                return new PassBenchResult(Math.Round(first.Seconds, 2), [Row("kinora", wall, cpu, first.Seconds), .. rows], Row("kinora, first", first.Wall, first.Cpu, first.Seconds),
                    passes.First(t => t.Cpu == cpu).Stages.ToDictionary(t => t.Key, t => Math.Round(t.Value.TotalSeconds, 3), StringComparer.Ordinal),
                    alone ? null : Math.Round(rows.Sum(r => r.WallSeconds) / wall.TotalSeconds, 2), alone ? null : Math.Round(rows.Sum(r => r.CpuSeconds) / cpu.TotalSeconds, 2), CompareFlows(files[0], folder, script));
            }
            finally
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        finally
        {
            foreach (var scorer in scorers) { scorer.Dispose(); }
        }
    }

    // Null where there is no vision library, no OpenCV in Python, or no two frames.
    private static FlowAgreement? CompareFlows(string file, string folder, string script)
    {
        if (VisionLibrary.Unavailable is not null) { return null; }
        using var reader = AnalysisReader.Open(file, upright: true);
        FrameGraph graph = new(reader.Width, reader.Height), before = new(reader.Width, reader.Height);
        var (w, h) = (graph.Width, graph.Height);
        int pairs = 0;
        double dis = 0, farneback = 0;
        float[] flow = new float[2 * w * h];
        for (long n = 0; pairs < FlowPairCount && reader.Advance(); n++)
        {
            if (n % FlowStep == 0) { before.Load(reader, n); }
            if (n % FlowStep != FlowGap) { continue; }
            graph.Load(reader, n);
            string path = Path.Combine(folder, $"pair-{n}");
            File.WriteAllBytes(path, [.. BitConverter.GetBytes(w), .. BitConverter.GetBytes(h), .. before.Gray, .. graph.Gray]);
            if (Run(Python, [script, "flow", path]) is null) { return null; }
            var theirs = MemoryMarshal.Cast<byte, float>(File.ReadAllBytes(path + ".flow"));
            OpticalFlow.Dis(before.Gray, graph.Gray, w, DisPreset.Medium, flow);
            dis = Math.Max(dis, Largest(flow, theirs[..flow.Length]));
            OpticalFlow.Farneback(before.Gray, graph.Gray, w, FarnebackOptions.DataJuicer, flow);
            farneback = Math.Max(farneback, Largest(flow, theirs[flow.Length..]));
            pairs++;
        }
        return pairs == 0 ? null : new FlowAgreement(pairs, dis, farneback);

        static double Largest(ReadOnlySpan<float> a, ReadOnlySpan<float> b)
        {
            double most = 0;
            for (int i = 0; i < a.Length; i++) { most = Math.Max(most, Math.Abs((double)a[i] - b[i])); }
            return most;
        }
    }

    private readonly record struct OnePass(double Seconds, TimeSpan Wall, TimeSpan Cpu, IReadOnlyDictionary<string, TimeSpan> Stages);

    private static OnePass Pass(IReadOnlyList<string> files, IReadOnlyList<IClipScorer> scorers, CancellationToken cancellationToken)
    {
        var process = Process.GetCurrentProcess();
        TimeSpan cpuBefore = process.TotalProcessorTime;
        long started = Stopwatch.GetTimestamp();
        var clocks = new PassClocks(new StageClock(), new StageClock(), new StageClock());
        double seconds = 0;
        foreach (string file in files)
        {
            var measures = MeasurePass.Run(file, "", new MeasureOptions(), clocks, scorers, cancellationToken: cancellationToken);
            seconds += measures.Facts?.Seconds ?? throw new MediaException(MediaErrorKind.NotMedia, $"{file}: {measures.Failure}", file);
        }
        TimeSpan wall = Stopwatch.GetElapsedTime(started);
        process.Refresh();
        return new OnePass(seconds, wall, process.TotalProcessorTime - cpuBefore, clocks.Decoding.Stages.Concat(clocks.Frames.Stages).Concat(clocks.Sampling.Stages).ToDictionary(StringComparer.Ordinal));
    }

    private static TimeSpan Median(IEnumerable<TimeSpan> values)
    {
        TimeSpan[] sorted = [.. values.Order()];
        return sorted[sorted.Length / 2];
    }

    // Null where the program is not installed.
    private static PassBenchRow? TimePeer(IReadOnlyList<string> files, string name, string program, Func<string, string[]> arguments, double seconds)
    {
        TimeSpan wall = TimeSpan.Zero, cpu = TimeSpan.Zero;
        foreach (string file in files)
        {
            long started = Stopwatch.GetTimestamp();
            if (Run(program, arguments(file)) is not { } log) { return null; }
            wall += Stopwatch.GetElapsedTime(started);
            // The kernel forgets the times of a process that has ended; both programs print their own.
            foreach (Match time in ProcessorTime().Matches(log)) { cpu += TimeSpan.FromSeconds(double.Parse(time.Groups["seconds"].ValueSpan, NumberStyles.Float, CultureInfo.InvariantCulture)); }
        }
        return Row(name, wall, cpu, seconds);
    }

    // What it printed on its standard error; null where it is not installed or fails.
    private static string? Run(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program) { UseShellExecute = false, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (string argument in arguments) { start.ArgumentList.Add(argument); }
        try
        {
            using var process = Process.Start(start)!;
            string log = process.StandardError.ReadToEnd();
            process.WaitForExit();
            return process.ExitCode == 0 ? log : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
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
[JsonSerializable(typeof(PassBenchResult))]
[JsonSerializable(typeof(IReadOnlyList<PassMemoryRow>))]
internal sealed partial class PassBenchJson : JsonSerializerContext;

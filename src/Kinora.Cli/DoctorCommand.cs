// kinora doctor: what this machine is and whether Kinora runs well on it.

using System.CommandLine;
using System.Text.Json;
using Kinora.Cli.Doctor;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Vision;

namespace Kinora.Cli;

/// <summary><c>kinora doctor</c>.</summary>
public static class DoctorCommand
{
    public static Command Create()
    {
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var device = new Option<string>("--device") { Description = "Where the self-check runs: cpu, cuda, cuda:1.", HelpName = "device", DefaultValueFactory = _ => "cpu" };
        var command = new Verb("doctor", "Check this machine: versions, processor, memory, native libraries, speed.",
            "kinora doctor",
            "kinora doctor --json > machine.json")
        {
            json, device,
        };
        command.SetAction((result, cancellationToken) =>
        {
            var report = Examine(Device.Parse(result.GetValue(device)!), cancellationToken);
            CommandSession.Current.Result(result.GetValue(json) ? JsonSerializer.Serialize(report, MachineReportJson.Default.MachineReport) : MachineReportText.Write(report).TrimEnd('\n'));
            return Task.FromResult(ExitCode(report));
        });
        return command;
    }

    private static int ExitCode(MachineReport report) =>
        report.Speed.Any(s => !s.IsCorrect) ? ExitCodes.Integrity : report.Problems.Count > 0 ? ExitCodes.Input : ExitCodes.Success;

    private static MachineReport Examine(Device device, CancellationToken cancellationToken)
    {
        var problems = new List<string>();
        EngineReport? engine = null;
        IReadOnlyList<SpeedReport> speed = [];
        try
        {
            EngineRuntime.EnsureStarted();
            engine = new EngineReport(EngineRuntime.LibraryPath ?? "", EngineRuntime.BuildInfo, Machine.MappedLibrary("libtorch_cpu.so"), CpuKernels.Level.ToString(), EngineRuntime.Threads, [.. Enumerable.Range(0, EngineRuntime.CudaDeviceCount).Select(Machine.DescribeCuda)]);
            if (device.Type == DeviceType.Cuda && device.Index >= engine.CudaDevices.Count)
            {
                throw CommandException.Usage($"--device {device}: this build sees {engine.CudaDevices.Count} CUDA devices.");
            }

            speed = SelfCheck.Run(device, cancellationToken);
        }
        catch (NativeException e)
        {
            // The point of this verb is to report such a thing beside the rest.
            problems.Add(e.Message);
        }

        problems.AddRange(speed.Where(s => !s.IsCorrect).Select(s => $"{s.Name} is wrong by {s.MaxError:g3}; run kinora setup --force and report this machine if it stays."));
        var media = ExamineMedia(problems);
        return new MachineReport
        {
            Kinora = ProductVersion.Text,
            DotNet = Environment.Version.ToString(),
            OperatingSystem = Machine.OperatingSystem(),
            Processor = Machine.Processor(),
            Memory = Machine.Memory(),
            Engine = engine,
            Media = media,
            Vision = ExamineVision(),
            Models = [.. ModelFolders()],
            Speed = speed,
            Problems = problems,
        };
    }

    private static MediaReport ExamineMedia(List<string> problems)
    {
        string? font = Machine.FindEmojiFont();
        try
        {
            string versions = MediaLibrary.Versions;
            var formats = Enum.GetValues<VideoFormat>().Where(f => f != VideoFormat.Auto).ToLookup(f => MediaLibrary.CanWrite(f));
            problems.AddRange(formats[false].Select(f => $"{f} cannot be written: the installed libavcodec has no encoder for it."));
            return new MediaReport(versions, [.. formats[true].Select(f => f.ToString().ToLowerInvariant())], font);
        }
        catch (MediaException e)
        {
            problems.Add(e.Message);
            return new MediaReport(null, [], font);
        }
    }

    private static string ExamineVision()
    {
        if (VisionLibrary.Unavailable is { } reason) { return $"none, needed only for optical flow and text in kinora curate ({reason})"; }
        using var reader = LineReader.Open("eng", out string? unread);
        return unread is null ? VisionLibrary.Versions : $"{VisionLibrary.Versions}; reads no text ({unread})";
    }

    private static IEnumerable<ModelReport> ModelFolders()
    {
        string models = Path.Combine(Environment.GetEnvironmentVariable("KINORA_HOME") ?? Environment.CurrentDirectory, "models");
        if (!Directory.Exists(models)) { yield break; }
        foreach (string folder in Directory.EnumerateDirectories(models).Where(f => File.Exists(Path.Combine(f, "model_index.json"))).Order(StringComparer.Ordinal))
        {
            yield return new ModelReport(folder, new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(f => f.Length));
        }
    }
}

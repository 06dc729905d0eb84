// kinora bench load: how much memory loading takes, by every way from a file to a network.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Evaluation.Memory;

namespace Kinora.Cli;

/// <summary><c>kinora bench load</c>.</summary>
internal static class BenchMemoryCommand
{
    /// <summary>The most that loading may take, as a share of the weights.</summary>
    private const double MaxRatio = 1.1;

    public static Command CreateLoad()
    {
        var size = new Option<double>("--size") { Description = "GB of weights in each file.", HelpName = "GB", DefaultValueFactory = _ => 2.0 };
        var only = new Option<string?>("--only") { Description = $"One way: {string.Join(", ", LoadBench.Routes)}.", HelpName = "way" };
        var folder = new Option<string?>("--folder") { Description = "Where the files are written, and removed again; by default the folder for temporary files.", HelpName = "folder" };
        var inside = new Option<string?>("--measure") { Description = "Measure one way in this process, with files that are there.", Hidden = true };
        var command = new Verb("load", $"Measure peak memory of loading against the weights' own bytes, by every way from a file to a network; exit code 4 above {MaxRatio}.",
            "kinora bench load",
            "kinora bench load --only gguf-on-use --size 4")
        {
            size, only, folder, inside,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            if (result.GetValue(inside) is { } measured)
            {
                CommandSession.Current.Result(LoadBench.Measure(measured, result.GetValue(folder)!).ToJson());
                return ExitCodes.Success;
            }
            if (result.GetValue(only) is { } one && !LoadBench.Routes.Contains(one, StringComparer.Ordinal)) { throw CommandException.Usage($"--only {one}: expected {string.Join(", ", LoadBench.Routes)}."); }
            if (!(result.GetValue(size) > 0)) { throw CommandException.Usage("--size must be positive."); }
            using var progress = new ConsoleProgress();
            progress.Line(LoadMeasurement.Heading);
            double worst = 0;
            foreach (string route in LoadBench.Routes.Where(r => result.GetValue(only) is not { } o || r == o))
            {
                string place = Directory.CreateDirectory(Path.Combine(result.GetValue(folder) ?? Path.GetTempPath(), $"kinora-bench-load-{Environment.ProcessId}")).FullName;
                try
                {
                    LoadBench.Write(route, place, (long)(result.GetValue(size) * 1e9));
                    var numbers = LoadMeasurement.FromJson(ChildProcess.Run(["bench", "load", "--measure", route, "--folder", place], cancellationToken));
                    CommandSession.Current.Result(numbers.Line(route));
                    worst = Math.Max(worst, numbers.Ratio);
                }
                finally
                {
                    Directory.Delete(place, recursive: true);
                }
            }
            return worst <= MaxRatio ? ExitCodes.Success : ExitCodes.Integrity;
        }, cancellationToken));
        return command;
    }
}

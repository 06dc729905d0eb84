// kinora bench load: how much memory loading takes, by every way from a file to a network.
// kinora bench memory: whether plans foretell how much memory making a clip takes.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Evaluation.Memory;

namespace Kinora.Cli;

/// <summary><c>kinora bench load</c> and <c>kinora bench memory</c>.</summary>
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

    public static Command CreateMemory()
    {
        var only = new Option<string?>("--only") { Description = "Cases whose name contains this.", HelpName = "text" };
        var folder = new Option<string?>("--folder") { Description = "Where the models are written, and removed again; by default the folder for temporary files.", HelpName = "folder" };
        var inside = new Option<string?>("--measure") { Description = "Measure one case in this process, with a model that is there.", Hidden = true };
        var command = new Verb("memory", $"Compare the memory that --dry-run foretells with what making a clip takes, for models with random weights; exit code 4 where one is off by more than {MemoryBench.Tolerance:0 %}.",
            "kinora bench memory",
            "kinora bench memory --only middle-wan")
        {
            only, folder, inside,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            if (result.GetValue(inside) is { } measured)
            {
                MemoryCase one = MemoryBench.Cases.First(c => c.Name == measured);
                CommandSession.Current.Result((await MemoryBench.MeasureAsync(one, result.GetValue(folder)!, cancellationToken).ConfigureAwait(false)).ToJson());
                return ExitCodes.Success;
            }
            MemoryCase[] chosen = [.. MemoryBench.Cases.Where(c => c.Name.Contains(result.GetValue(only) ?? "", StringComparison.Ordinal))];
            if (chosen.Length == 0) { throw CommandException.Usage($"--only {result.GetValue(only)}: no case's name contains it; there are {string.Join(", ", MemoryBench.Cases.Select(c => c.Name))}."); }
            return await EngineWork.Run(() => CompareMemory(chosen, result.GetValue(folder) ?? Path.GetTempPath(), cancellationToken), cancellationToken).ConfigureAwait(false);
        });
        return command;
    }

    private static int CompareMemory(MemoryCase[] cases, string folder, CancellationToken cancellationToken)
    {
        using var progress = new ConsoleProgress();
        progress.Line(MemoryBench.Heading);
        double worst = 0;
        foreach (var sameModel in cases.GroupBy(c => c.Model, StringComparer.Ordinal))
        {
            string place = Path.Combine(folder, $"kinora-bench-memory-{Environment.ProcessId}");
            try
            {
                MemoryBench.Write(sameModel.Key, place);
                foreach (MemoryCase one in sameModel)
                {
                    long predicted = MemoryBench.Predict(one, place);
                    var taken = GenerationMemory.FromJson(ChildProcess.Run(["bench", "memory", "--measure", one.Name, "--folder", place], cancellationToken));
                    CommandSession.Current.Result(MemoryBench.Line(one, predicted, taken));
                    worst = Math.Max(worst, Math.Abs((double)predicted / taken.Peak - 1));
                }
            }
            finally
            {
                if (Directory.Exists(place)) { Directory.Delete(place, recursive: true); }
            }
        }
        return worst <= MemoryBench.Tolerance ? ExitCodes.Success : ExitCodes.Integrity;
    }
}

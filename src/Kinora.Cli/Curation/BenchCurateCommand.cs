// kinora bench curate: the single measuring pass against separate tools.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Curation.Bench;

namespace Kinora.Cli.Curation;

/// <summary><c>kinora bench curate</c>.</summary>
internal static class BenchCurateCommand
{
    public static Command Create()
    {
        var files = new Argument<string[]>("files") { Description = "Videos; none = a generated clip of three seconds at 720p.", Arity = ArgumentArity.ZeroOrMore };
        var memory = new Option<bool>("--memory") { Description = "Curate the files and show the peak of memory; exit code 1 above 1.5 GiB. No files = five seconds of 3840x2160 and an hour of 160x96." };
        var json = new Option<bool>("--json") { Description = "The numbers as JSON." };
        var command = new Verb("curate", "Time the measuring pass of curate against ffmpeg filters and OpenCV in Python, run one by one for the same numbers.",
            "kinora bench curate",
            "kinora bench curate film.mp4 --json",
            "kinora bench curate --memory")
        {
            files, memory, json,
        };
        command.SetAction((result, cancellationToken) =>
        {
            string[] videos = result.GetValue(files) ?? [];
            if (result.GetValue(memory)) { return Task.FromResult(Memory(videos, result.GetValue(json), cancellationToken)); }
            PassBenchResult bench;
            using (var progress = new ConsoleProgress())
            {
                bench = PassBench.Run(videos, tool => progress.Line(tool), cancellationToken);
            }
            CommandSession.Current.Result(result.GetValue(json) ? PassBench.ToJson(bench) : PassBench.Table(bench));
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static int Memory(IReadOnlyList<string> files, bool json, CancellationToken cancellationToken)
    {
        IReadOnlyList<PassMemoryRow> rows;
        using (var progress = new ConsoleProgress())
        {
            rows = PassBench.Memory(files, what => progress.Line(what), cancellationToken);
        }
        CommandSession.Current.Result(json ? PassBench.ToJson(rows) : PassBench.Table(rows));
        if (rows.All(row => row.PeakBytes <= PassBench.MemoryCeiling)) { return ExitCodes.Success; }
        CommandSession.Current.Remark("above 1.5 GiB");
        return ExitCodes.Internal;
    }
}

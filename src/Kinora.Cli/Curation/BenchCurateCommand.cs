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
        var json = new Option<bool>("--json") { Description = "The numbers as JSON." };
        var command = new Verb("curate", "Time the measuring pass of curate against the sum of ffmpeg filters for the same numbers.",
            "kinora bench curate",
            "kinora bench curate film.mp4 --json")
        {
            files, json,
        };
        command.SetAction((result, cancellationToken) =>
        {
            IReadOnlyList<PassBenchRow> rows;
            using (var progress = new ConsoleProgress())
            {
                rows = PassBench.Run(result.GetValue(files) ?? [], tool => progress.Line(tool), cancellationToken);
            }
            CommandSession.Current.Result(result.GetValue(json) ? PassBench.ToJson(rows) : PassBench.Table(rows));
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }
}

// kinora bench cuts: how well the detectors find cuts that are known.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Curation.Bench;

namespace Kinora.Cli.Curation;

/// <summary><c>kinora bench cuts</c>.</summary>
internal static class BenchCutsCommand
{
    private const int FewestJoins = 10;

    public static Command Create()
    {
        var defaults = new CutBenchOptions();
        var joins = new Option<int>("--joins") { Description = "Joins of shots: half hard cuts, half all kinds of gradual transitions in turn, a fifth at a variable frame rate; every eighth shot holds a flash.", HelpName = "n", DefaultValueFactory = _ => defaults.Joins };
        var seed = new Option<ulong>("--seed") { Description = "Decides shots, lengths and order.", HelpName = "n", DefaultValueFactory = _ => defaults.Seed };
        var footage = new Option<string[]>("--footage") { Description = "Videos without gradual transitions whose shots are joined with those of the procedural world.", HelpName = "file", Arity = ArgumentArity.OneOrMore, AllowMultipleArgumentsPerToken = true };
        var json = new Option<bool>("--json") { Description = "Every class and kind as JSON." };
        var command = new Verb("cuts", "Precision and recall of every cut detector on films of which every cut is known.",
            "kinora bench cuts",
            "kinora bench cuts --footage a.mp4 b.webm --json")
        {
            joins, seed, footage, json,
        };
        command.SetAction((result, cancellationToken) =>
        {
            var options = defaults with { Joins = result.GetValue(joins), Seed = result.GetValue(seed), Footage = result.GetValue(footage) ?? [] };
            if (options.Joins < FewestJoins) { throw CommandException.Usage($"--joins: expected at least {FewestJoins}, got {options.Joins}."); }
            IReadOnlyList<CutBenchRow> rows;
            using (var progress = new ConsoleProgress())
            {
                rows = CutBench.Run(options, (at, of) => progress.Report("joining shots", at, of), cancellationToken);
            }
            if (rows.All(row => !row.Detector.StartsWith(CutBench.Peer, StringComparison.Ordinal))) { CommandSession.Current.Remark("PySceneDetect's own program (scenedetect) is not installed: its rows are left out"); }
            CommandSession.Current.Result(result.GetValue(json) ? CutBench.ToJson(rows) : CutBench.Table(rows));
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }
}

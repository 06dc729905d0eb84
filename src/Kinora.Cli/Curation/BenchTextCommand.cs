// kinora bench text: how text on screen is found, read, and told apart from what was filmed.

using System.CommandLine;
using Kinora.Cli.Shell;
using Kinora.Curation.Bench;
using Kinora.Vision;

namespace Kinora.Cli.Curation;

/// <summary><c>kinora bench text</c>.</summary>
internal static class BenchTextCommand
{
    private const int DefaultCases = 80;

    public static Command Create()
    {
        var footage = new Argument<string[]>("footage") { Description = "Videos whose frames the text is drawn on; none = scenes of the procedural world.", Arity = ArgumentArity.ZeroOrMore };
        var cases = new Option<int>("--cases") { Description = "Clips to draw; a quarter has no text.", HelpName = "n", DefaultValueFactory = _ => DefaultCases };
        var json = new Option<bool>("--json") { Description = "The numbers as JSON." };
        var command = new Verb("text", "Draw text of known content on moving pictures; print how much of it is found, read, and told apart from what was filmed.",
            "kinora bench text",
            "kinora bench text film.mp4 --cases 200")
        {
            footage, cases, json,
        };
        command.SetAction((result, cancellationToken) =>
        {
            int count = result.GetValue(cases);
            if (count < 1) { throw CommandException.Usage($"--cases: expected at least 1, got {count}."); }
            TextBenchReport report;
            try
            {
                using var progress = new ConsoleProgress();
                report = TextBench.Run(count, result.GetValue(footage) ?? [], done => progress.Report("reading", done, count), cancellationToken);
            }
            catch (VisionException e)
            {
                throw CommandException.Input(e.Message, e);
            }
            CommandSession.Current.Result(result.GetValue(json) ? report.ToJson() : report.ToText());
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }
}

// kinora evaluate compare: is the difference of two evaluations more than chance?

using System.CommandLine;
using System.Globalization;
using System.Text;
using Kinora.Cli.Shell;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Comparison;
using Kinora.Evaluation.Studies;

namespace Kinora.Cli.Evaluation;

/// <summary><c>kinora evaluate compare</c>.</summary>
internal static class CompareCommand
{
    public static Command Create()
    {
        var a = new Argument<string>("a") { Description = "report.json of the first evaluation.", HelpName = "file" };
        var b = new Argument<string>("b") { Description = "report.json of the second.", HelpName = "file" };
        var permutations = new Option<int>("--permutations") { Description = "Permutations of tests over clips; tests of distances take a fiftieth.", HelpName = "n", DefaultValueFactory = _ => 10000 };
        var seed = new Option<ulong>("--seed") { Description = "Decides the permutations.", HelpName = "n" };
        var study = new Option<string?>("--study") { Description = "Result of a study (JSON): automated scores are drawn against people's preferences on the page.", HelpName = "file" };
        var output = new Option<string?>("--output", "-o") { Description = "Folder for a page with scores, intervals and clips side by side.", HelpName = "folder" };
        var json = new Option<bool>("--json") { Description = "Print the comparison as JSON." };
        var command = new Verb("compare", "Compare two evaluations by permutation tests; numbers that were measured differently are refused.",
            "kinora evaluate compare a/report.json b/report.json -o compared --study study/result.json")
        {
            a, b, permutations, seed, study, output, json,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            if (result.GetValue(permutations) < 1) { throw CommandException.Usage("--permutations must be at least 1."); }
            string first = result.GetRequiredValue(a), second = result.GetRequiredValue(b);
            EvaluationReport reportA = EvaluationReport.Read(first), reportB = EvaluationReport.Read(second);
            StudyResult? people = result.GetValue(study) is { } file ? StudyResult.Read(file) : null;
            var comparison = ReportComparison.Of(reportA, reportB, EvaluationFolder.ReadFeatures(first), EvaluationFolder.ReadFeatures(second), result.GetValue(permutations), result.GetValue(seed), cancellationToken);
            if (result.GetValue(output) is { } folder)
            {
                Directory.CreateDirectory(folder);
                byte[] page = Encoding.UTF8.GetBytes(ComparisonPage.Write(comparison, reportA, reportB, people, folder));
                AtomicFile.Write(Path.Combine(folder, EvaluationFolder.PageFile), stream => stream.Write(page));
                CommandSession.Current.Remark($"look at {Path.Combine(folder, EvaluationFolder.PageFile)}");
            }
            else if (people is not null)
            {
                throw CommandException.Usage("--study is drawn on the page: give a folder with --output.");
            }
            CommandSession.Current.Result(result.GetValue(json) ? comparison.ToJson() : Text(comparison));
            return comparison.Mismatched.Count == 0 ? ExitCodes.Success : ExitCodes.Integrity;
        }, cancellationToken));
        return command;
    }

    private static string Text(ReportComparison c)
    {
        var text = new StringBuilder().AppendLine($"a  {c.A}").AppendLine($"b  {c.B}").AppendLine();
        text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{"",-26} {"a",12} {"b",12} {"a - b",12}  p"));
        foreach (ScoreDifference d in c.Differences) { text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{d.Metric,-26} {d.A,12:G6} {d.B,12:G6} {d.A - d.B,12:G4}  {(d.P is { } p ? string.Create(CultureInfo.InvariantCulture, $"{p:G3}, {d.Test}") : d.Test)}")); }
        foreach (var (metric, differ) in c.Mismatched) { text.AppendLine($"{metric,-26} measured differently, not compared: {string.Join(", ", differ)}"); }
        return text.ToString().TrimEnd();
    }
}

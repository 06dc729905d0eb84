// kinora evaluate study: people compare clips side by side.

using System.CommandLine;
using System.Globalization;
using System.Text;
using Kinora.Cli.Shell;
using Kinora.Evaluation.Clips;
using Kinora.Evaluation.Studies;

namespace Kinora.Cli.Evaluation;

/// <summary><c>kinora evaluate study</c>.</summary>
internal static class StudyCommand
{
    public static Command Create() =>
        new Verb("study", "Blind comparison by people: build a page, serve it, count the answers.",
            "kinora evaluate study build a/ b/ --prompts prompts.txt -o study",
            "kinora evaluate study serve study --port 8080",
            "kinora evaluate study aggregate study")
        {
            CreateBuild(), CreateServe(), CreateAggregate(),
        };

    private static Verb CreateBuild()
    {
        var systems = new Argument<string[]>("systems") { Description = "Folders of clips, one for each system; clips of one prompt have one name.", HelpName = "folders", Arity = ArgumentArity.OneOrMore };
        var output = new Option<string>("--output", "-o") { Description = "Folder of the study.", HelpName = "folder", Required = true };
        var prompts = new Option<string?>("--prompts") { Description = "Prompts: one line for each clip in the order of names, or 'name, tab, prompt'; by default those inside the clips.", HelpName = "file" };
        var title = new Option<string>("--title") { Description = "Heading of the page.", HelpName = "text", DefaultValueFactory = _ => "Which clip is better?" };
        var seed = new Option<ulong>("--seed") { Description = "Decides sides, order and traps.", HelpName = "n" };
        var traps = new Option<int>("--traps") { Description = "Pairs with a known answer that find inattentive raters.", HelpName = "n", DefaultValueFactory = _ => 3 };
        var command = new Verb("build", "Make a page on which raters compare clips without knowing whose they are.",
            "kinora evaluate study build a/ b/ --prompts prompts.txt -o study")
        {
            systems, output, prompts, title, seed, traps,
        };
        command.SetAction((result, cancellationToken) =>
        {
            string folder = result.GetRequiredValue(output);
            using var progress = new ConsoleProgress();
            StudyManifest manifest = StudyBuilder.Build(new StudyOptions { Systems = result.GetRequiredValue(systems), Prompts = result.GetValue(prompts), Title = result.GetValue(title)!, Seed = result.GetValue(seed), Traps = result.GetValue(traps) }, folder, (done, total) => progress.Report("copying clips", done, total), cancellationToken);
            CommandSession.Current.Result(Path.Combine(folder, StudyFiles.PageFile));
            CommandSession.Current.Remark($"{manifest.Items.Count} pairs. Keep {StudyFiles.KeyFile} away from raters; collect at least five of them.");
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static Verb CreateServe()
    {
        var folder = new Argument<string>("study") { Description = "Folder of the study.", HelpName = "folder" };
        var port = new Option<int>("--port") { Description = "Port.", HelpName = "n", DefaultValueFactory = _ => 8080 };
        var open = new Option<bool>("--open") { Description = "Accept raters from other machines, not only from this one." };
        var command = new Verb("serve", "Serve a study to raters; every answer is on disk before it is acknowledged.",
            "kinora evaluate study serve study --open --port 8080")
        {
            folder, port, open,
        };
        command.SetAction(async (result, cancellationToken) =>
        {
            if (result.GetValue(port) is < 1 or > 65535) { throw CommandException.Usage($"--port {result.GetValue(port)}: use 1 to 65535."); }
            var session = CommandSession.Current;
            using var server = new StudyServer(result.GetRequiredValue(folder), result.GetValue(open) ? "+" : "localhost", result.GetValue(port));
            session.Result(server.Url);
            session.Remark("Ctrl-C stops; answers are kept.");
            await server.RunAsync(rater => session.Remark($"answer from {rater}"), cancellationToken).ConfigureAwait(false);
            return ExitCodes.Success;
        });
        return command;
    }

    private static Verb CreateAggregate()
    {
        var folder = new Argument<string>("study") { Description = "Folder of the study.", HelpName = "folder" };
        var files = new Argument<string[]>("answers") { Description = "Raters' files; by default all in the study's folder answers.", HelpName = "files", Arity = ArgumentArity.ZeroOrMore };
        var reports = new Option<string[]>("--report") { Description = "Automated scores to correlate with: SYSTEM=report.json, once for each system.", HelpName = "system=file" };
        var output = new Option<string?>("--output", "-o") { Description = "Folder of the report: a page (index.html) and the numbers (result.json).", HelpName = "folder" };
        var json = new Option<bool>("--json") { Description = "Print the result as JSON." };
        var command = new Verb("aggregate", "Count the answers: win rates, agreement, strengths, reasons, bias.",
            "kinora evaluate study aggregate study -o results",
            "kinora evaluate study aggregate study answers-*.json --report a=a/report.json --report b=b/report.json")
        {
            folder, files, reports, output, json,
        };
        command.SetAction((result, _) =>
        {
            StudyResult counted = StudyAggregation.Run(result.GetRequiredValue(folder), result.GetValue(files) ?? [], Automated(result.GetValue(reports) ?? []));
            var session = CommandSession.Current;
            session.Result(result.GetValue(json) ? counted.ToJson() : Text(counted));
            if (result.GetValue(output) is { } report)
            {
                StudyResultPage.WriteFolder(report, counted);
                session.Remark($"look at {Path.Combine(report, StudyResultPage.PageFile)}");
            }
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static Dictionary<string, IReadOnlyDictionary<string, double>> Automated(string[] reports)
    {
        var metrics = new Dictionary<string, Dictionary<string, double>>(StringComparer.Ordinal);
        foreach (string report in reports)
        {
            if (report.Split('=', 2) is not [var system, var file]) { throw CommandException.Usage($"--report {report}: write SYSTEM=report.json."); }
            foreach (var score in EvaluationReport.Read(file).Sheet.Scores)
            {
                if (!metrics.TryGetValue(score.Metric, out var values)) { metrics[score.Metric] = values = new Dictionary<string, double>(StringComparer.Ordinal); }
                values[system] = score.Value;
            }
        }
        return metrics.ToDictionary(m => m.Key, m => (IReadOnlyDictionary<string, double>)m.Value, StringComparer.Ordinal);
    }

    private static string Text(StudyResult r)
    {
        var text = new StringBuilder();
        foreach (StudyRater p in r.Raters)
        {
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"rater {p.Rater}: {p.Used} answers, {p.TooFast} too fast, {p.TrapsRight} of {p.Traps} traps right{(p.Excluded is { } why ? $", left out: {why}" : "")}{(p.AgreementWithOthers is { } a ? $", agrees with the others in {100 * a:F0} %" : "")}"));
        }
        foreach (StudyQuestion q in r.Questions)
        {
            text.AppendLine().AppendLine(q.Question);
            foreach (StudyPairing p in q.Pairings)
            {
                text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"  {p.A} against {p.B}: {p.WinsA} to {p.WinsB}, {p.Ties} ties, win rate {100 * p.WinRateA:F1} %{(p.Decided is { } d ? $", decided {100 * d.Share:F1} % ({100 * d.Low:F1} to {100 * d.High:F1})" : "")}, sign test p = {p.P:G3}"));
            }
            foreach (StudyStrength s in q.Strengths) { text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"  strength {s.System,-24} {s.Strength,7:F3}  ({s.Low:F3} to {s.High:F3})")); }
            text.AppendLine("  majority sizes: " + string.Join(", ", q.AgreementHistogram.Select(h => $"{h.Key} on {h.Value}")));
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"  Fleiss kappa {q.FleissKappa?.ToString("F3") ?? "undefined"}, Krippendorff alpha {q.KrippendorffAlpha?.ToString("F3") ?? "undefined"}, left {(q.LeftShare is { } l ? $"{100 * l.Share:F1} %" : "never")} (p = {q.SideBiasP:G3})"));
            foreach (StudyReason reason in q.Reasons) { text.AppendLine($"  for {reason.Reason}: {string.Join(", ", reason.Votes.Select(v => $"{v.Key} {v.Value}"))}"); }
        }
        foreach (StudyCorrelation c in r.Correlations) { text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{c.Metric}: Spearman {c.Spearman:F3}, Kendall {c.Kendall:F3} with people")); }
        foreach (string warning in r.Warnings) { text.AppendLine(warning); }
        return text.ToString().TrimEnd();
    }
}

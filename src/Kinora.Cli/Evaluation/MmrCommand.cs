// kinora evaluate mmr: how easily misleading questions overturn what a model knows.

using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Robustness;
using Kinora.Models.Generation;

namespace Kinora.Cli.Evaluation;

/// <summary><c>kinora evaluate mmr</c>.</summary>
internal static class MmrCommand
{
    public static Command Create()
    {
        var answers = new Argument<string[]>("answers") { Description = "Files of answers, one JSON line {\"id\", \"question_type\", \"answer\"} for each question; several are compared.", HelpName = "files", Arity = ArgumentArity.ZeroOrMore };
        var benchmark = new Option<string>("--benchmark") { Description = "The questions: a JSON array in the format of MMR-benchmark.json.", HelpName = "file", Required = true };
        var published = new Option<bool>("--published-parsing") { Description = "Find letters as the published script does, for comparison with published numbers." };
        var keep = new Option<bool>("--keep-malformed") { Description = "Score malformed pairs too." };
        var output = new Option<string?>("--output", "-o") { Description = "Write the report as JSON here.", HelpName = "file" };
        var json = new Option<bool>("--json") { Description = "Print the report as JSON." };
        var command = new Verb("mmr", "Misleading rate and robustness accuracy of answers to paired questions, after an audit of the questions.",
            "kinora evaluate mmr answers.jsonl --benchmark MMR-benchmark.json",
            "kinora evaluate mmr ours.jsonl theirs.jsonl --benchmark world/world-mmr.json",
            "kinora evaluate mmr --benchmark MMR-benchmark.json            audit the file, show the floors")
        {
            answers, benchmark, published, keep, output, json, CreateWorld(), CreateProbes(),
        };
        command.SetAction((result, _) =>
        {
            MmrBenchmark questions = MmrBenchmark.Read(result.GetRequiredValue(benchmark));
            var report = MmrReport.Of(questions, [.. (result.GetValue(answers) ?? []).Select(MmrAnswers.Read)], result.GetValue(published) ? AnswerParsing.Published : AnswerParsing.Strict, result.GetValue(keep));
            if (result.GetValue(output) is { } file) { File.WriteAllText(file, report.ToJson() + "\n"); }
            CommandSession.Current.Result(result.GetValue(json) ? report.ToJson() : Text(report));
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static Verb CreateWorld()
    {
        var output = new Option<string>("--output", "-o") { Description = "Folder of the clips and the questions.", HelpName = "folder", Required = true };
        var count = new Option<int>("--count") { Description = "Clips; each gives three to five pairs of questions.", HelpName = "n", DefaultValueFactory = _ => 100 };
        var seed = new Option<ulong>("--seed") { Description = "Decides the scenes and the questions.", HelpName = "n" };
        var command = new Verb("world", "Write a robustness benchmark of clips of the procedural world, with exact truth.",
            "kinora evaluate mmr world -o world-mmr --count 200")
        {
            output, count, seed,
        };
        command.SetAction((result, cancellationToken) =>
        {
            if (result.GetValue(count) < 1) { throw CommandException.Usage("--count must be at least 1."); }
            using var progress = new ConsoleProgress();
            int clips = result.GetValue(count);
            MmrBenchmark written = WorldMmr.Write(result.GetRequiredValue(output), clips, result.GetValue(seed), size: 128, frames: 17, fps: 8, done => progress.Report("writing clips", done, clips), cancellationToken);
            CommandSession.Current.Result(written.Path);
            CommandSession.Current.Remark($"{written.Pairs.Count} pairs of questions about {clips} clips");
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static Verb CreateProbes()
    {
        var benchmark = new Option<string>("--benchmark") { Description = "The questions that `kinora evaluate mmr world` wrote.", HelpName = "file", Required = true };
        var output = new Option<string>("--output", "-o") { Description = "File of the answers.", HelpName = "file", Required = true };
        var probes = new Option<string?>("--probes") { Description = "The probes' folder; by default where it is found.", HelpName = "folder" };
        var command = new Verb("probes", "Let the world's probes answer such a benchmark: what a model that is never misled reaches.",
            "kinora evaluate mmr probes --benchmark world-mmr/world-mmr.json -o probes.jsonl")
        {
            benchmark, output, probes,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            MmrBenchmark questions = MmrBenchmark.Read(result.GetRequiredValue(benchmark));
            using var progress = new ConsoleProgress();
            int clips = questions.Rows.Select(r => r.Media).Distinct(StringComparer.Ordinal).Count();
            try
            {
                var letters = WorldMmrAnswers.Answer(questions, result.GetValue(probes) ?? ProbeFolder.Find(KinoraOptions.DefaultModel), Device.Cpu, progress: done => progress.Report("looking at clips", done, clips), cancellationToken: cancellationToken);
                string lines = string.Concat(questions.Rows.Select(r => $"{{\"id\":{JsonSerializer.Serialize(r.Id)},\"question_type\":\"{(r.Positive ? "POS" : "NEG")}\",\"answer\":\"{letters[r.Number]}\"}}\n"));
                AtomicFile.Write(result.GetRequiredValue(output), file => file.Write(Encoding.UTF8.GetBytes(lines)));
                CommandSession.Current.Result(result.GetRequiredValue(output));
                return ExitCodes.Success;
            }
            catch (ProbeGateException e)
            {
                throw CommandException.Integrity(e.Message, e);
            }
        }, cancellationToken));
        return command;
    }

    private static string Text(MmrReport report)
    {
        var text = new StringBuilder();
        foreach (MmrDefect d in report.Defects) { text.AppendLine($"malformed  question {d.Row} ({d.Id}), {d.Kind}: {d.What}"); }
        text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{report.Rows} questions, {report.Defects.Count} defects, {report.PairsScored} pairs scored, letters by the {report.Parsing} rule"));
        foreach (MmrAnswerer a in report.Answerers)
        {
            text.AppendLine().AppendLine(a.Name).AppendLine(string.Create(CultureInfo.InvariantCulture, $"  {"",-28} {"pairs",5}  {"robustness accuracy",-24}  misleading rate"));
            foreach (MmrLine line in (IEnumerable<MmrLine>)[a.All, .. a.Categories])
            {
                text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"  {line.Category,-28} {line.Pairs,5}  {Rate(line.RobustnessAccuracy),-24}  {(line.MisleadingRate is { } m ? Rate(m) : "no pair understood")}"));
            }
            text.AppendLine("  letters chosen (right): " + string.Join(", ", a.Letters.Where(l => l.Chosen + l.Correct > 0).Select(l => $"{(l.Letter == MmrAnswers.None ? "none" : l.Letter)} {l.Chosen} ({l.Correct})")));
        }
        foreach (MmrComparison c in report.Comparisons) { text.AppendLine().AppendLine(string.Create(CultureInfo.InvariantCulture, $"{c.A} against {c.B}: {c.OnlyA} pairs robust for the first alone, {c.OnlyB} for the second alone, McNemar p = {c.P:G3}")); }
        return text.ToString().TrimEnd();
    }

    private static string Rate(MmrRate r) => string.Create(CultureInfo.InvariantCulture, $"{100 * r.Share,5:F1} % ({100 * r.Low:F1} to {100 * r.High:F1})");
}

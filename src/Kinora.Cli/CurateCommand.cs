// kinora curate: from raw footage to clips that a model can be trained on.

using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Json;
using Kinora.Cli.Curation;
using Kinora.Cli.Shell;
using Kinora.Curation.Datasets;
using Kinora.Curation.Decisions;
using Kinora.Curation.Reports;
using Kinora.Curation.Scores;
using Kinora.Engine;

namespace Kinora.Cli;

/// <summary><c>kinora curate</c>.</summary>
public static class CurateCommand
{
    public static Command Create()
    {
        var input = new Argument<string?>("footage") { Description = "A folder with videos at any depth, or one video.", Arity = ArgumentArity.ZeroOrOne };
        var output = new Option<string?>("--output", "-o") { Description = "The dataset's folder. A run that was stopped continues; several processes may share it.", HelpName = "folder" };
        var recipe = new Option<string?>("--recipe") { Description = "What is kept, as JSON. Changing it measures nothing again.", HelpName = "file" };
        var printRecipe = new Option<bool>("--print-recipe") { Description = "Print the recipe in use and stop." };
        var shard = new Option<string?>("--shard") { Description = "Do only part i of n, 0-based, of the sources: for array jobs on one shared folder.", HelpName = "i/n" };
        var weights = new Option<string[]>("--weights") { Description = $"Weights of a network that scores clips ({WeightedScorers.Names}); may be given several times. Every process of a run needs the same.", HelpName = "name=file", AllowMultipleArgumentsPerToken = false };
        var captioner = new Option<string?>("--captioner") { Description = "A command that describes clips: lines of JSON in, lines of JSON out; docs/curation.md has the protocol. Without it captions say what was measured.", HelpName = "command" };
        var device = new Option<string>("--device") { Description = "Where those networks run: cpu, cuda, cuda:1.", HelpName = "device", DefaultValueFactory = _ => "cpu" };
        var json = new Option<bool>("--json") { Description = "Print the dataset's index as JSON." };
        var command = new Verb("curate", "Make a dataset of clean single-shot clips from raw videos; find the shots of one video.",
            "kinora curate /footage -o dataset                        clips, scores, shards, report",
            "kinora curate /footage -o dataset --recipe mine.json     other thresholds, nothing measured again",
            "kinora curate /footage -o dataset --weights raft=raft_large.pth     optical flow by RAFT as well",
            "kinora curate --print-recipe > mine.json                 a recipe to start from",
            "kinora curate verify dataset                             are the shards what the index says?",
            "kinora curate explain dataset 1f0c2a                     why was this clip kept or dropped?",
            "kinora curate export dataset -o folder                   files and metadata.jsonl instead of shards",
            "kinora curate cuts film.mp4 --detector adaptive --json   the cut list of one video")
        {
            input, output, recipe, printRecipe, shard, weights, captioner, device, json, CutsCommand.Create(), CreateVerify(), CreateExplain(), CreateExport(),
        };
        command.SetAction((result, cancellationToken) =>
        {
            Recipe chosen = result.GetValue(recipe) is { } file ? ReadRecipe(file) : Recipe.Default;
            if (result.GetValue(printRecipe))
            {
                CommandSession.Current.Result(chosen.ToJson().TrimEnd('\n'));
                return Task.FromResult(ExitCodes.Success);
            }
            string footage = result.GetValue(input) ?? throw CommandException.Usage("name a folder with videos, or a video. \"kinora curate --help\" shows examples.");
            string folder = result.GetValue(output) ?? throw CommandException.Usage("-o: name the dataset's folder.");
            var (part, parts) = ParsePart(result.GetValue(shard));
            var options = new CurationOptions { Output = folder, Recipe = chosen, Part = part, Parts = parts };
            var networks = WeightedScorers.Parse(result.GetValue(weights) ?? []);
            IReadOnlyList<IClipScorer> local = LocalScorers.Create(chosen.Measure);
            int Go(IReadOnlyList<IClipScorer> given)
            {
                using ICaptioner? speaker = result.GetValue(captioner) is { } command ? ExternalCaptioner.Start(command, cancellationToken) : null;
                return Run(footage, options with { Scorers = [.. local, .. given], Captioner = speaker }, result.GetValue(json), cancellationToken);
            }
            int GoAndFree(IReadOnlyList<IClipScorer> given)
            {
                try { return Go(given); }
                finally
                {
                    foreach (var scorer in local.Concat(given)) { scorer.Dispose(); }
                }
            }
            if (networks.Count == 0) { return Task.FromResult(GoAndFree([])); }
            var where = Device.Parse(result.GetValue(device)!);
            return EngineWork.Run(() => GoAndFree(WeightedScorers.Load(networks, where)), cancellationToken);
        });
        return command;
    }

    private static int Run(string footage, CurationOptions options, bool json, CancellationToken cancellationToken)
    {
        CurationResult result;
        using (var progress = new ConsoleProgress())
        {
            result = new CurationRun(options, p => progress.Report(p.Stage, p.Done, p.Total)).Run(footage, cancellationToken);
        }
        var session = CommandSession.Current;
        if (result.Index is not { } index)
        {
            session.Remark("this part is done; run it again when the other parts are, or once without --shard");
            return ExitCodes.Success;
        }
        foreach (var failure in index.Failures) { session.Remark($"skipped {failure.Name}: {failure.Reason}"); }
        foreach (var damaged in index.Damaged) { session.Remark($"used in part {damaged.Name}: {damaged.Reason}"); }
        foreach (var clip in index.ClipFailures) { session.Remark($"not cut {clip.Name}: {clip.Reason}"); }
        foreach (var clip in index.CaptionFailures) { session.Remark($"no caption from {clip.Name}: {clip.Reason}"); }
        foreach (var slot in ScorerSlot.Missing(options.Scorers)) { session.Remark(slot.Reason); }
        session.Remark(Summary(index, result));
        session.Remark($"look at {ReportPage.Save(options.Output, result, options.Recipe)}");
        session.Result(json ? index.ToJson().TrimEnd('\n') : options.Output);
        if (index.Failures.Count > 0 && result.Sources.All(s => s.Measures.Failure is not null)) { throw CommandException.Input($"{footage}: none of the files could be used; the reasons are above and in {Path.Combine(options.Output, Workspace.SourcesName)}."); }
        return ExitCodes.Success;
    }

    private static string Summary(DatasetIndex index, CurationResult result)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture,
            $"{index.Kept} of {index.Clips} clips kept, {Span(index.HoursKept)} of {Span(index.HoursIn)}; {index.Sources} file{(index.Sources == 1 ? "" : "s")}, {index.ExactDuplicates} of them copies, {index.Failures.Count} unusable, {index.Damaged.Count} damaged"));
        if (result.MeasuredSeconds > 0) { text.Append(CultureInfo.InvariantCulture, $"; measured at {result.MeasuredSeconds / result.MeasureTime.TotalSeconds:0.0} × real time"); }
        return text.ToString();
    }

    // Minutes where hours would begin with zeros.
    private static string Span(double hours) => string.Create(CultureInfo.InvariantCulture, $"{(hours >= 1 ? hours : 60 * hours):0.##} {(hours >= 1 ? "hours" : "minutes")}");

    private static Command CreateVerify()
    {
        var folder = new Argument<string>("dataset") { Description = "A folder that curate wrote." };
        var decode = new Option<bool>("--decode") { Description = "Also decode every clip and count its frames." };
        var command = new Verb("verify", "Compare a dataset's shards and clips with its index and manifest; exit code 4 when they differ.", "kinora curate verify dataset --decode") { folder, decode };
        command.SetAction((result, cancellationToken) =>
        {
            string path = result.GetRequiredValue(folder);
            var problems = DatasetVerifier.Verify(path, result.GetValue(decode), cancellationToken);
            foreach (string problem in problems) { CommandSession.Current.Result(problem); }
            if (problems.Count == 0) { CommandSession.Current.Result($"{path}: every shard and clip is what the index says"); }
            return Task.FromResult(problems.Count == 0 ? ExitCodes.Success : ExitCodes.Integrity);
        });
        return command;
    }

    private static Command CreateExplain()
    {
        var folder = new Argument<string>("dataset") { Description = "A folder that curate wrote." };
        var clip = new Argument<string>("clip") { Description = "The clip's id, or the beginning of it." };
        var command = new Verb("explain", "Say why a clip was kept or dropped, with every score.", "kinora curate explain dataset 1f0c2a") { folder, clip };
        command.SetAction((result, _) =>
        {
            try
            {
                CommandSession.Current.Result(ClipExplanation.Of(result.GetRequiredValue(folder), result.GetRequiredValue(clip)).ToText());
                return Task.FromResult(ExitCodes.Success);
            }
            catch (KeyNotFoundException e)
            {
                throw CommandException.Usage(e.Message);
            }
        });
        return command;
    }

    private static Command CreateExport()
    {
        var folder = new Argument<string>("dataset") { Description = "A folder that curate wrote." };
        var output = new Option<string>("--output", "-o") { Description = "The folder to make; it must not exist or be empty.", HelpName = "folder", Required = true };
        var command = new Verb("export", "Unpack a dataset's shards into a folder of clips with metadata.jsonl (videofolder).", "kinora curate export dataset -o folder") { folder, output };
        command.SetAction((result, cancellationToken) =>
        {
            string target = result.GetValue(output)!;
            int clips = VideoFolderExport.Write(result.GetRequiredValue(folder), target, cancellationToken);
            CommandSession.Current.Remark(string.Create(CultureInfo.InvariantCulture, $"{clips} clips"));
            CommandSession.Current.Result(target);
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static Recipe ReadRecipe(string path)
    {
        try
        {
            return Recipe.Parse(File.ReadAllText(path));
        }
        catch (JsonException e)
        {
            throw CommandException.Input($"{path}: {e.Message} \"kinora curate --print-recipe\" shows a whole one.", e);
        }
    }

    private static (int Part, int Parts) ParsePart(string? text)
    {
        if (text is null) { return (0, 1); }
        string[] numbers = text.Split('/');
        return numbers.Length == 2 && int.TryParse(numbers[0], NumberStyles.None, CultureInfo.InvariantCulture, out int part) && int.TryParse(numbers[1], NumberStyles.None, CultureInfo.InvariantCulture, out int parts) && part < parts
            ? (part, parts)
            : throw CommandException.Usage($"--shard: expected i/n with i from 0 to n-1, such as 0/8; got \"{text}\".");
    }
}

// kinora bench systems and kinora bench retrieval: rankings on the procedural world, and how well their text–clip model finds clips.

using System.CommandLine;
using System.Globalization;
using System.Text;
using Kinora.Cli.Shell;
using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Evaluation.Retrieval;
using Kinora.Evaluation.Statistics;
using Kinora.Evaluation.Systems;
using Kinora.Models;
using Kinora.Models.Generation;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Systems.KinoraWorldClip;
using Kinora.Training;
using Kinora.Training.Recipes;

namespace Kinora.Cli.Evaluation;

/// <summary><c>kinora bench systems</c>.</summary>
internal static class BenchSystemsCommand
{
    private const int DefaultTraining = 30_000, Pairs = 400;

    public static Command Create()
    {
        var models = new Option<string[]>("--model") { Description = "A model folder, or the name of one, to rank besides those in the models folder; may be given again.", HelpName = "model", AllowMultipleArgumentsPerToken = false };
        var only = new Option<bool>("--only-given") { Description = "Rank the models of --model alone." };
        var output = new Option<string>("--output", "-o") { Description = "Folder of the ranking; finished clips in it are not made again.", HelpName = "folder", DefaultValueFactory = _ => "systems" };
        var prompts = new Option<int>("--prompts") { Description = $"Held-out prompts, {QualityOptions.MinPrompts} to {HeldOutPrompts.Available}.", HelpName = "n", DefaultValueFactory = _ => 200 };
        var pairs = new Option<int>("--pairs") { Description = $"Held-out prompts about two things besides, {QualityOptions.MinPrompts} to {HeldOutPairs.Available}, or 0 for none.", HelpName = "n", DefaultValueFactory = _ => 100 };
        var recipe = new Option<string?>("--recipe") { Description = "The generator's recipe, whose training clips are searched for the nearest; without it, scenes of the training split.", HelpName = "file" };
        var training = new Option<int>("--training-clips") { Description = "Training clips to search.", HelpName = "n", DefaultValueFactory = _ => DefaultTraining };
        var seed = new Option<ulong>("--seed") { Description = "Seed of the first clip; clip i has seed + i.", HelpName = "n" };
        var device = new Option<string>("--device") { Description = "cpu, cuda, or cuda:1.", HelpName = "device", DefaultValueFactory = _ => "cpu" };
        var dtype = new Option<string>("--dtype") { Description = "bf16 or fp32: what matrix products run in.", HelpName = "type", DefaultValueFactory = _ => "bf16" };
        var json = new Option<bool>("--json") { Description = "Print the ranking as JSON." };
        var command = new Verb("systems", "Rank models, the retrieval baseline and the ceilings on the same held-out prompts.",
            "kinora bench systems -o systems",
            "kinora bench systems --model my-model/ --recipe recipes/kinora-world.yaml")
        {
            models, only, output, prompts, pairs, recipe, training, seed, device, dtype, json,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            if (result.GetValue(training) < 1) { throw CommandException.Usage("--training-clips must be at least 1."); }
            string[] given = result.GetValue(models) ?? [];
            if (result.GetValue(only) && given.Length == 0) { throw CommandException.Usage("--only-given needs --model."); }
            string[] ranked = result.GetValue(only) ? given : [.. Installed().Concat(given).DistinctBy(m => Path.TrimEndingDirectorySeparator(Path.GetFullPath(m)))];
            if (ranked.Length == 0) { throw CommandException.Usage("no model was found; give one with --model."); }
            string near = ranked[0], folder = result.GetValue(output)!;
            TrainingCorpus corpus = result.GetValue(recipe) is { } file ? OfRecipe(file, result.GetValue(training)) : TrainingCorpus.OfSplit(result.GetValue(training));
            var options = new SystemsOptions
            {
                Models = ranked, Probes = ProbeFolder.Find(near), TextClip = TextClipJudge.Find(near), Training = corpus, Prompts = result.GetValue(prompts), Pairs = result.GetValue(pairs), Seed = result.GetValue(seed), Work = Path.Combine(folder, SystemsFolder.WorkFolder),
            };
            try
            {
                options.Validate();
            }
            catch (ConfigException e)
            {
                throw CommandException.Usage(e.Message);
            }
            using var progress = new ConsoleProgress();
            try
            {
                SystemsResult measured = SystemsBench.Run(options, Device.Parse(result.GetValue(device)!), DTypeExtensions.Parse(result.GetValue(dtype)!), (stage, done, total) => progress.Report(stage, done, total), cancellationToken);
                SystemsFolder.Write(folder, measured, corpus);
                var session = CommandSession.Current;
                session.Result(result.GetValue(json) ? measured.Report.ToJson().TrimEnd('\n') : Table(measured.Report));
                foreach (LeftOutSystem s in measured.Report.LeftOut) { session.Remark($"left out {s.Name}: {s.Reason}"); }
                session.Remark($"look at {Path.Combine(folder, SystemsFolder.PageFile)}");
                return measured.Report.LeftOut.Count == 0 ? ExitCodes.Success : ExitCodes.Input;
            }
            catch (ProbeGateException e)
            {
                throw CommandException.Integrity(e.Message, e);
            }
        }, cancellationToken));
        return command;
    }

    /// <summary><c>kinora bench retrieval</c>.</summary>
    public static Command CreateRetrieval()
    {
        var model = new Option<string?>("--model") { Description = $"Folder of the text–clip model; by default {TextClipFolder.DefaultName} where it is found.", HelpName = "folder" };
        var clips = new Option<int>("--clips") { Description = $"Real clips, each of another held-out combination, {QualityOptions.MinPrompts} to {HeldOutPrompts.Available}.", HelpName = "n", DefaultValueFactory = _ => HeldOutPrompts.Available };
        var seed = new Option<ulong>("--seed") { Description = "Decides how the clips look.", HelpName = "n" };
        var device = new Option<string>("--device") { Description = "cpu, cuda, or cuda:1.", HelpName = "device", DefaultValueFactory = _ => "cpu" };
        var update = new Option<bool>("--update-card") { Description = "Write the table into the model's README.md." };
        var command = new Verb("retrieval", "How often the text–clip model finds the right one of real clips that training never saw.",
            "kinora bench retrieval",
            "kinora bench retrieval --clips 200 --update-card")
        {
            model, clips, seed, device, update,
        };
        command.SetAction((result, cancellationToken) => EngineWork.Run(() =>
        {
            int count = result.GetValue(clips);
            if (count < QualityOptions.MinPrompts || count > HeldOutPrompts.Available) { throw CommandException.Usage($"--clips must be within {QualityOptions.MinPrompts} and {HeldOutPrompts.Available}, got {count}."); }
            string folder = result.GetValue(model) ?? TextClipJudge.Find(KinoraOptions.DefaultModel) ?? throw CommandException.Input($"{TextClipFolder.DefaultName} was not found; give its folder with --model, or train one with: kinora train recipes/world-clip.yaml");
            using TextClipJudge judge = TextClipJudge.Load(folder, Device.Parse(result.GetValue(device)!));
            var (toClip, toCaption) = judge.Retrieve(count, result.GetValue(seed));
            string table = RetrievalTable(judge, count, toClip, toCaption, judge.Choose(Pairs, result.GetValue(seed)));
            if (result.GetValue(update))
            {
                string card = Path.Combine(folder, "README.md");
                byte[] text = Encoding.UTF8.GetBytes(ScoreCard.Update(File.Exists(card) ? File.ReadAllText(card) : $"# {TextClipFolder.DefaultName}\n", table));
                AtomicFile.Write(card, file => file.Write(text));
            }
            CommandSession.Current.Result(table.TrimEnd('\n'));
            return ExitCodes.Success;
        }, cancellationToken));
        return command;
    }

    private static string RetrievalTable(TextClipJudge judge, int count, RetrievalScores toClip, RetrievalScores toCaption, (WilsonInterval Relation, WilsonInterval Count) pairs)
    {
        static string Percent(WilsonInterval w) => string.Create(CultureInfo.InvariantCulture, $"{100 * w.Share:F1} % ({100 * w.Low:F1}–{100 * w.High:F1})");
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"`kinora bench retrieval`: {count} real clips, each of another combination that training never saw, and their captions in canonical wording; 95 % Wilson intervals. Guessing finds {100.0 / count:F1} % first.\n\n| search | R@1 | R@5 | median rank | mean rank |\n|---|---|---|---:|---:|\n");
        foreach (var (name, s) in new[] { ("clip by caption", toClip), ("caption by clip", toCaption) })
            text.Append(CultureInfo.InvariantCulture, $"| {name} | {Percent(s.RecallAt(1))} | {Percent(s.RecallAt(5))} | {s.MedianRank:0.#} | {s.MeanRank:0.00} |\n");
        text.Append(CultureInfo.InvariantCulture, $"\nOf {Pairs} real clips with two actors, {Percent(pairs.Relation)} are nearer to their caption than to that of exchanged places (of a chase: the other direction), {Percent(pairs.Count)} nearer than to a caption of the first actor alone; guessing gives 50 %. A judge of relation or count would need {100 * ProbeGate.Required:F0} %.\n");
        return text.Append(CultureInfo.InvariantCulture, $"\nModel `{judge.WeightsSha256[..12]}`, world `{WorldFingerprint.Sha256()[..12]}`. The model is refused as a judge when it finds fewer than {100 * TextClipJudge.Required:F0} % of {TextClipJudge.GateClips} first.\n").ToString();
    }

    private static TrainingCorpus OfRecipe(string file, int clips)
    {
        Recipe recipe = RecipeFile.Read(file);
        var scenes = TrainingScenes.Of(recipe, clips);
        return new TrainingCorpus(string.Create(CultureInfo.InvariantCulture, $"{scenes.Count} of {recipe.Latents.Clips} training clips of recipe {recipe.Name}, seed {recipe.Seed}"), scenes);
    }

    // Every folder of the world's own systems beside the default model.
    private static IEnumerable<string> Installed()
    {
        string root;
        try
        {
            root = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(Path.GetFullPath(ModelFolder.Find(KinoraOptions.DefaultModel).Path)))!;
        }
        catch (ConfigException)
        {
            return [];
        }
        return Directory.GetDirectories(root).Where(f => File.Exists(Path.Combine(f, ModelFolder.IndexFile))).Order(StringComparer.Ordinal);
    }

    private static string Table(SystemsReport report)
    {
        var text = new StringBuilder($"{"",3} {"system",-26} {"all four",-22} {"relation",-22} {"world CLIPSIM",14} {"Fréchet, probe",15} {"s/clip",8} {"peak MB",8} {"M params",9} {"training",9}\n");
        int rank = 0;
        foreach (SystemResult s in report.Systems)
        {
            string Value(string metric) => s.Sheet.Scores.FirstOrDefault(c => c.Metric == metric) is { } score ? string.Create(CultureInfo.InvariantCulture, $"{score.Value:G4}") : "";
            string place = s.Kind == SystemResult.Ceiling ? "" : string.Create(CultureInfo.InvariantCulture, $"{++rank}");
            text.Append(CultureInfo.InvariantCulture, $"{place,3} {s.Name,-26} {ScoreTable.Percent(s.Row[ScoreRow.All]),-22} {(s.Pairs is { } two ? ScoreTable.Percent(two["relation"]) : ""),-22} {Value(TextClipJudge.Similarity),14} {Value("world.frechet"),15} {s.SecondsPerClip,8:G3} {s.PeakBytes / 1e6,8:0} {s.Parameters / 1e6,9:F2} {(s.TrainingMinutes is { } t ? string.Create(CultureInfo.InvariantCulture, $"{t:0} min") : ""),9}\n");
        }
        return text.ToString().TrimEnd();
    }
}

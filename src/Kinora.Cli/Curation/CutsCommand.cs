// kinora curate cuts FILE: the cut list of one video.

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text;
using Kinora.Cli.Shell;
using Kinora.Curation.Shots;
using Kinora.Curation.Shots.Output;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Media;
using Kinora.Models.Systems.TransNetV2;

namespace Kinora.Cli.Curation;

/// <summary><c>kinora curate cuts</c>.</summary>
internal static class CutsCommand
{
    private const string Learned = "transnet";
    private static readonly string[] Filters = ["merge", "suppress"], Names = [.. Detectors.Names, Learned];

    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "A video." };
        var detector = new Option<string>("--detector") { Description = "What a cut is: a jump of color (content), one that stands out of its neighborhood (adaptive), of the brightness histogram, of a perceptual hash, a fade (threshold), all of these with gradual transitions (fused), or what TransNet V2 says (transnet, with --weights).", HelpName = string.Join('|', Names), DefaultValueFactory = _ => Names[0] };
        OneOf(detector, Names);
        var weights = new Option<string?>("--weights") { Description = "(transnet) Weights of TransNet V2 as its authors name them: .safetensors or .pth.", HelpName = "file" };
        var threshold = new Option<double?>("--threshold") { Description = "The detector's threshold. Default: content 27, adaptive 3, histogram 0.2, hash 0.35, threshold 12, fused 8, transnet 0.5.", HelpName = "x" };
        var minLength = new Option<string>("--min-length") { Description = "Shortest shot: frames (15) or seconds (0.6s).", HelpName = "length", DefaultValueFactory = _ => "15" };
        var maxLength = new Option<string?>("--max-length") { Description = "Divide longer shots into equal parts.", HelpName = "length" };
        var minTail = new Option<string?>("--min-tail") { Description = "A last shot shorter than this belongs to the one before.", HelpName = "length" };
        var flash = new Option<string>("--flash-filter") { Description = "(content) Quicker changes become one cut at the last of them (merge), or count only after a long enough shot (suppress).", HelpName = string.Join('|', Filters), DefaultValueFactory = _ => Filters[0] };
        OneOf(flash, Filters);
        var lumaOnly = new Option<bool>("--luma-only") { Description = "(content, adaptive) Compare brightness alone." };
        var trailing = new Option<bool>("--trailing-fade") { Description = "(threshold) Also cut where a fade-out is followed by nothing." };
        var stream = new Option<int>("--stream") { Description = "Index of the video stream in the container; -1 takes the best.", HelpName = "n", DefaultValueFactory = _ => -1 };
        var csv = FileOption("--csv", "Write the scenes as CSV, in the columns of PySceneDetect.");
        var stats = FileOption("--stats", "Write what was measured at each frame as CSV.");
        var edl = FileOption("--edl", "Write a CMX 3600 edit decision list.");
        var otio = FileOption("--otio", "Write an OpenTimelineIO timeline.");
        var html = FileOption("--html", "Write a page with a picture of each shot.");
        var json = new Option<bool>("--json") { Description = "Print the cuts and scenes as JSON." };
        var command = new Verb("cuts", "Print where the shots of a video begin; frames are numbered by presentation time, from 0.",
            "kinora curate cuts film.mp4",
            "kinora curate cuts film.mp4 --detector adaptive --json",
            "kinora curate cuts film.mp4 --csv scenes.csv --otio film.otio --html film.html",
            "kinora curate cuts film.mp4 --detector threshold --min-length 1s     fades",
            "kinora curate cuts film.mp4 --detector transnet --weights transnetv2.pth")
        {
            file, detector, weights, threshold, minLength, maxLength, minTail, flash, lumaOnly, trailing, stream, csv, stats, edl, otio, html, json,
        };
        command.SetAction((result, cancellationToken) =>
        {
            string path = result.GetRequiredValue(file);
            Rational rate = Rate(path, result.GetValue(stream));
            var settings = new DetectorSettings
            {
                Threshold = result.GetValue(threshold),
                MinLength = Length("--min-length", result.GetValue(minLength)!, rate),
                FlashFilter = result.GetValue(flash) == Filters[1] ? FlashFilterMode.Suppress : FlashFilterMode.Merge,
                LumaOnly = result.GetValue(lumaOnly),
                RecordEdges = result.GetValue(stats) is not null,
                CloseTrailingFade = result.GetValue(trailing),
            };
            var rules = new ShotRules
            {
                MaxLength = result.GetValue(maxLength) is { } longest ? Length("--max-length", longest, rate) : 0,
                MinTail = result.GetValue(minTail) is { } tail ? Length("--min-tail", tail, rate) : 0,
            };
            string name = result.GetValue(detector)!;
            var outputs = new Outputs(result.GetValue(csv), result.GetValue(stats), result.GetValue(edl), result.GetValue(otio), result.GetValue(html), result.GetValue(json));
            int Find(IShotDetector chosen) => Run(path, name, chosen, rules, result.GetValue(stream), outputs, cancellationToken);
            if (name != Learned) { return Task.FromResult(Find(Detectors.Create(name, settings))); }
            string checkpoint = result.GetValue(weights) ?? throw CommandException.Usage("--weights: transnet needs the weights of TransNet V2; none come with Kinora.");
            return EngineWork.Run(() =>
            {
                var network = Checkpoint.Load(checkpoint, root => new TransNetV2Network(root), isOmitted: parameter => parameter.EndsWith(BatchNorm.Counter, StringComparison.Ordinal));
                using var parameters = network.Path.Store;
                return Find(new TransNetDetector(frames => [.. network.Logits(frames).Ends.Select(logit => 1 / (1 + MathF.Exp(-logit)))], settings.Threshold ?? 0.5));
            }, cancellationToken);
        });
        return command;
    }

    private static int Run(string path, string name, IShotDetector detector, ShotRules rules, int stream, Outputs outputs, CancellationToken cancellationToken)
    {
        ShotList list;
        using (var progress = new ConsoleProgress())
        {
            list = ShotDetection.Run(path, detector, rules, streamIndex: stream, progress: (at, of) => progress.Report("finding shots", at, Math.Max(at, of)), cancellationToken: cancellationToken);
        }
        Save(outputs.Csv, () => SceneCsv.Write(list));
        Save(outputs.Stats, () => StatsCsv.Write(list));
        Save(outputs.Edl, () => EditDecisionList.Write(list));
        Save(outputs.Otio, () => OpenTimeline.Write(list));
        Save(outputs.Html, () => ShotPage.Write(list, name));
        var session = CommandSession.Current;
        if (list.Damage is { } damage) { session.Remark($"the clip is damaged; this is the list of its good part: {damage}"); }
        session.Result(outputs.Json ? CutsJson.Write(list, name) : Table(list));
        return list.Damage is null ? ExitCodes.Success : ExitCodes.Input;
    }

    private static string Table(ShotList list)
    {
        var text = new StringBuilder(string.Create(CultureInfo.InvariantCulture, $"{list.Cuts.Count} cut{(list.Cuts.Count == 1 ? "" : "s")} in {list.Frames} frames at {list.FrameRate.ToDouble():0.###} frames per second"));
        foreach (var shot in list.Shots) { text.Append(CultureInfo.InvariantCulture, $"\n{shot.Start,8} .. {shot.End - 1,-8} {(shot.StartTime - list.Shots[0].StartTime).ToDouble(),9:0.000} s  {shot.Seconds,8:0.000} s long"); }
        return text.ToString();
    }

    private static void Save(string? path, Func<string> content)
    {
        if (path is null) { return; }
        string temporary = $"{path}.{Path.GetRandomFileName()}.partial";
        try
        {
            File.WriteAllText(temporary, content());
            File.Move(temporary, path, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }
    }

    private static Rational Rate(string path, int stream)
    {
        using var reader = AnalysisReader.Open(path, threads: 1, streamIndex: stream);
        return ShotDetection.FrameRateOf(reader.Info);
    }

    private static long Length(string option, string text, Rational rate)
    {
        bool seconds = text.EndsWith('s');
        if (seconds && double.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.Float, CultureInfo.InvariantCulture, out double time) && time >= 0) { return (long)Math.Round(time * rate.ToDouble()); }
        return !seconds && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long frames)
            ? frames
            : throw CommandException.Usage($"{option}: expected frames, such as 15, or seconds, such as 0.6s; got \"{text}\".");
    }

    private static Option<string?> FileOption(string name, string description) => new(name) { Description = description, HelpName = "file" };

    private static void OneOf(Option<string> option, IReadOnlyList<string> words) => option.Validators.Add(result =>
    {
        if (result.Tokens is [Token token] && !words.Contains(token.Value, StringComparer.Ordinal)) { result.AddError($"{option.Name}: expected {string.Join(", ", words)}, got {token.Value}."); }
    });

    private sealed record Outputs(string? Csv, string? Stats, string? Edl, string? Otio, string? Html, bool Json);
}

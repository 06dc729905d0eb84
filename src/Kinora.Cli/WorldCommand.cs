// kinora world: clips of the procedural world with captions and ground truth; kinora world atlas: the glyphs from their font.

using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Kinora.Cli.Shell;
using Kinora.Media.Fonts;
using Kinora.World;
using Kinora.World.Datasets;
using Kinora.World.Glyphs;

namespace Kinora.Cli;

/// <summary><c>kinora world</c>.</summary>
public static class WorldCommand
{
    private static readonly string[] Splits = ["train", "heldout"], Formats = ["clips", "webdataset"];

    public static Command Create()
    {
        var defaults = new DatasetOptions();
        var output = new Option<string>("--output", "-o") { Description = "The folder to make; it must not exist or be empty.", HelpName = "folder", Required = true };
        var count = new Option<int>("--count") { Description = "Number of clips.", HelpName = "n", DefaultValueFactory = _ => defaults.Count };
        var seed = new Option<ulong>("--seed") { Description = "The same seed gives the same clips, whatever their count.", HelpName = "n", DefaultValueFactory = _ => defaults.Seed };
        var size = new Option<string>("--size") { Description = "Width x height in pixels, both even, 16 to 1024.", HelpName = "WxH", DefaultValueFactory = _ => Size(defaults) };
        var frames = new Option<int>("--frames") { Description = "Frames of a clip.", HelpName = "n", DefaultValueFactory = _ => defaults.Frames };
        var fps = new Option<double>("--fps") { Description = "Frames per second.", HelpName = "rate", DefaultValueFactory = _ => defaults.Fps };
        var split = OneOf("--split", "train: all but the held-out combinations. heldout: only those.", Splits);
        var format = OneOf("--format", "clips: files in one folder. webdataset: tar shards.", Formats);
        var shardSize = new Option<int>("--shard-size") { Description = "Clips in a shard.", HelpName = "n", DefaultValueFactory = _ => defaults.ShardSize };
        var twoActors = new Option<double>("--two-actors") { Description = "Probability of a second actor; held-out clips have one.", HelpName = "p", DefaultValueFactory = _ => defaults.World.TwoActors };
        var camera = new Option<double>("--camera") { Description = "Probability that the camera moves.", HelpName = "p", DefaultValueFactory = _ => defaults.World.Camera };
        var command = new Verb("world", "Write clips of the procedural world with captions and exact ground truth.",
            "kinora world -o clips --count 16                                   clips and contact-sheet.png to look at",
            "kinora world -o data --count 10000 --format webdataset --seed 1    training shards",
            "kinora world -o unseen --split heldout --size 256x256")
        {
            output, count, seed, size, frames, fps, split, format, shardSize, twoActors, camera, CreateAtlas(),
        };
        command.SetAction((result, cancellationToken) =>
        {
            var (width, height) = ParseSize(result.GetValue(size)!);
            Write(result.GetValue(output)!, new DatasetOptions
            {
                Count = result.GetValue(count),
                Seed = result.GetValue(seed),
                Width = width,
                Height = height,
                Frames = result.GetValue(frames),
                Fps = result.GetValue(fps),
                Split = result.GetValue(split) == Splits[1] ? WorldSplit.HeldOut : WorldSplit.Train,
                World = new WorldOptions(result.GetValue(twoActors), result.GetValue(camera)),
                Format = result.GetValue(format) == Formats[1] ? DatasetFormat.WebDataset : DatasetFormat.Clips,
                ShardSize = result.GetValue(shardSize),
            }, cancellationToken);
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static Command CreateAtlas()
    {
        var font = new Option<string>("--font") { Description = "A copy of NotoColorEmoji.ttf.", HelpName = "file", DefaultValueFactory = _ => ColorFont.DebianEmojiPath };
        var output = new Option<string?>("--output", "-o") { Description = "Write the atlas here; without it the font is compared with the built-in atlas.", HelpName = "file" };
        var command = new Verb("atlas", "Render the world's glyphs from their font: compare them with the built-in atlas, or write them.",
            "kinora world atlas                                        does this font give the built-in glyphs?",
            "kinora world atlas -o src/Kinora.World/Glyphs/glyphs.bin")
        {
            font, output,
        };
        command.SetAction((result, _) =>
        {
            MakeAtlas(result.GetValue(font)!, result.GetValue(output));
            return Task.FromResult(ExitCodes.Success);
        });
        return command;
    }

    private static void Write(string folder, DatasetOptions options, CancellationToken cancellationToken)
    {
        if (options.Problem() is { } problem) { throw CommandException.Usage(problem); }
        using var progress = new ConsoleProgress();
        progress.Report("rendering clips", 0, options.Count);
        DatasetWriter.Write(folder, options, new Counter(done => progress.Report("rendering clips", done, options.Count)), cancellationToken);
        var session = CommandSession.Current;
        session.Remark($"{options.Count} clips of {Size(options)}, {options.Frames} frames; look at {Path.Combine(folder, DatasetWriter.ContactSheetName)}");
        session.Result(folder);
    }

    private static void MakeAtlas(string fontPath, string? output)
    {
        using var font = ColorFont.Open(fontPath);
        byte[] atlas = GlyphBaker.Bake(font);
        bool same = GlyphAtlas.All.SequenceEqual(atlas);
        if (output is null)
        {
            if (!same) { throw CommandException.Integrity($"{fontPath}: this version of {font.Family} draws the glyphs differently from the built-in atlas; models were trained on the built-in one."); }
            CommandSession.Current.Result($"{fontPath}: the {GlyphAtlas.CodePoints.Count} glyphs equal the built-in atlas");
            return;
        }

        string temporary = $"{output}.{Path.GetRandomFileName()}.partial";
        try
        {
            using (var file = File.Create(temporary)) { GlyphBaker.Write(atlas, file); }
            File.Move(temporary, output, overwrite: true);
        }
        finally
        {
            File.Delete(temporary);
        }

        CommandSession.Current.Remark(same ? "the glyphs equal the built-in atlas" : "the glyphs differ from the built-in atlas: models must be trained again on them");
        CommandSession.Current.Result(output);
    }

    private static Option<string> OneOf(string name, string description, string[] words)
    {
        var option = new Option<string>(name) { Description = description, HelpName = string.Join('|', words), DefaultValueFactory = _ => words[0] };
        option.Validators.Add(result =>
        {
            if (result.Tokens is [Token token] && !words.Contains(token.Value, StringComparer.Ordinal)) { result.AddError($"{name}: expected {string.Join(" or ", words)}, got {token.Value}."); }
        });
        return option;
    }

    private static string Size(DatasetOptions options) => string.Create(CultureInfo.InvariantCulture, $"{options.Width}x{options.Height}");

    private static (int Width, int Height) ParseSize(string text)
    {
        string[] parts = text.Split('x', 'X', '×');
        return parts.Length == 2 && int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int width) && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int height)
            ? (width, height)
            : throw CommandException.Usage($"--size: expected width x height in pixels, such as 64x64, got \"{text}\".");
    }

    // Progress<T> would post to the thread pool, out of order.
    private sealed class Counter(Action<int> report) : IProgress<int>
    {
        public void Report(int value) => report(value);
    }
}

// The probes of the procedural world as an answerer of the benchmark about it. They look at the clip and never believe a question: what
// they get wrong they saw wrongly, so their rates are what a model that is not misled can reach on these clips.

using Kinora.Engine;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Quality;
using Kinora.Media;
using Kinora.World;

namespace Kinora.Evaluation.Robustness;

/// <summary>Answers <see cref="WorldMmr"/>'s questions by looking.</summary>
public static class WorldMmrAnswers
{
    // How far a thing rises and falls at least when it bounces, fraction of the height. The world's pairs bounce over 0.24.
    private const double Rise = 0.12;

    /// <summary>Answers every question of a benchmark that <see cref="WorldMmr"/> wrote.</summary>
    /// <param name="benchmark">The questions; clips stand where their rows say, relative to the file.</param>
    /// <param name="probeFolder">The probe and the finder.</param>
    /// <param name="device">Where they run.</param>
    /// <param name="gateClips">Real clips of each network's check.</param>
    /// <param name="progress">Clips seen.</param>
    /// <param name="cancellationToken">Stops between clips.</param>
    /// <returns>The option's letter by row number; empty where none of the options is what was seen.</returns>
    /// <exception cref="EvaluationException">A clip has a size that is no multiple of what the probes read, or another length.</exception>
    /// <exception cref="ProbeGateException">A network may not judge.</exception>
    public static IReadOnlyDictionary<int, string> Answer(MmrBenchmark benchmark, string probeFolder, Device device, int gateClips = ProbeGate.DefaultClips, Action<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(benchmark);
        using var jury = new WorldJury(probeFolder, null, device);
        if (jury.Finder is null)
            throw new ConfigException($"{probeFolder} has no finder. Train one with: kinora bench quality --retrain");
        jury.Check(gateClips, cancellationToken: cancellationToken);
        jury.CheckFinder(gateClips, cancellationToken: cancellationToken);
        var letters = new Dictionary<int, string>();
        int done = 0;
        foreach (var rows in benchmark.Rows.GroupBy(r => r.Media, StringComparer.Ordinal))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Seen seen = Look(jury, Path.Combine(Path.GetDirectoryName(Path.GetFullPath(benchmark.Path))!, rows.Key), device);
            foreach (MmrRow row in rows)
                letters[row.Number] = Letter(row, seen);
            progress?.Invoke(++done);
        }
        return letters;
    }

    /// <summary>What was seen in a clip.</summary>
    internal sealed record Seen(Motion Motion, Setting Setting, Sighting[][] Things);

    private static Seen Look(WorldJury jury, string path, Device device)
    {
        Clip clip = Clip.Read(path);
        WorldProbeConfig config = jury.Probe.Config;
        int size = config.Size, factor = clip.Width / size;
        if (clip.Width != clip.Height || factor == 0 || clip.Width % size != 0 || clip.Frames.Count != config.Frames)
            throw new EvaluationException($"{path}: {clip.Width}×{clip.Height}, {clip.Frames.Count} frames; the world's probes read squares of {size} pixels or a multiple, {config.Frames} frames.");
        byte[] rgb = [.. clip.Frames.SelectMany(f => Smaller(f.Rgb, clip.Width, factor))];
        int[] answers = ProbeReading.Read(jury.Probe, new LabeledClips(1, config.Frames, size, rgb, new int[ProbeAttribute.All.Count]), device);
        return new Seen((Motion)answers[2], (Setting)answers[3], ThingReading.Look(jury.Finder!, rgb, 1, device)[0]);
    }

    // Mean of factor × factor pixels.
    private static byte[] Smaller(ReadOnlySpan<byte> rgb, int side, int factor)
    {
        int small = side / factor;
        var result = new byte[small * small * 3];
        for (int i = 0; i < result.Length; i++)
        {
            int c = i % 3, x = i / 3 % small, y = i / 3 / small, sum = 0;
            for (int v = 0; v < factor; v++)
            {
                for (int u = 0; u < factor; u++)
                    sum += rgb[((y * factor + v) * side + x * factor + u) * 3 + c];
            }
            result[i] = (byte)((sum + factor * factor / 2) / (factor * factor));
        }
        return result;
    }

    /// <summary>The letter of the option that says what was seen, of a misleading question the one that says so against its premise.</summary>
    internal static string Letter(MmrRow row, Seen seen)
    {
        if (row.Options is not { } options || Fact(row, seen) is not { } fact)
            return "";
        // A premise that agrees with what was seen is believed: then no option denies it, and any that goes along with it is as good.
        bool Says(string option) => row.Positive ? option == fact : option.EndsWith(fact, StringComparison.Ordinal) && (option.Contains(" not ", StringComparison.Ordinal) || option.StartsWith("that is wrong", StringComparison.Ordinal));
        int at = options.ToList().FindIndex(Says);
        if (at >= 0)
            return MmrBenchmark.Letters[at];
        return row.Positive ? "" : MmrBenchmark.Letters[Math.Max(0, options.ToList().FindIndex(o => !o.Contains(" not ", StringComparison.Ordinal) && !o.StartsWith("that is wrong", StringComparison.Ordinal)))];
    }

    // The words that the right option ends with, by what was seen; null when the thing that is asked about was not found.
    private static string? Fact(MmrRow row, Seen seen)
    {
        string question = row.Question.Split('\n')[0];
        Noun[] nouns = [.. question.Split([' ', ',', '?'], StringSplitOptions.RemoveEmptyEntries).SelectMany(w => Vocabulary.Nouns.Where(n => CaptionGrammar.Word(n) == w)).Distinct()];
        int count = ThingReading.Count(seen.Things);
        switch (row.Category)
        {
            case "attribute/number":
                return WorldMmr.Number(count);
            case "context/setting":
                return CaptionGrammar.SettingPhrases(seen.Setting)[0];
            case "attribute/color" when nouns.Length == 1:
                return ThingReading.FindOne(seen.Things, nouns[0]) is { } thing ? CaptionGrammar.Word(thing.Color) : null;
            case "attribute/motion" when nouns.Length == 1:
                string move = CaptionGrammar.MotionPhrases(count > 1 ? MotionAmongTwo(seen.Things, nouns[0]) : seen.Motion)[0];
                return row.Positive ? "it " + move : move;
            case "context/relation" when nouns.Length == 2:
                FoundPair pair = ThingReading.Find(seen.Things, nouns[0], nouns[1]);
                Relation? standing = pair.First is null ? null : PairVerdicts.Place(pair);
                return standing is { } s ? $"{(row.Positive ? "" : "it is ")}{CaptionGrammar.Word(s)} it" : null;
            default:
                return null;
        }
    }

    // The probe's motion is of one thing; of two, the finder's positions tell those motions that move the center.
    private static Motion MotionAmongTwo(Sighting[][] clip, Noun noun)
    {
        Sighting[] track = [.. clip.Where(f => f.Length > 0).Select(f => f.MaxBy(s => ThingReading.Fit(s, noun))!)];
        if (track.Length == 0)
            return Motion.Still;
        double travel = track[^1].X - track[0].X;
        return Math.Abs(travel) >= ThingReading.Travel ? travel > 0 ? Motion.Right : Motion.Left
            : track.Max(s => s.Y) - track.Min(s => s.Y) >= Rise ? Motion.Bounce : Motion.Still;
    }
}

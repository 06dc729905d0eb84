// A caption that says only what was measured, so that every word of it can be checked against the scores.
using System.Globalization;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Datasets;

/// <summary>One statement of a caption: it holds because a score lies within bounds.</summary>
/// <param name="Words">As they stand in the caption.</param>
/// <param name="Score">The score, one of <see cref="ScoreNames.All"/>.</param>
/// <param name="Low">Smallest value for which it holds.</param>
/// <param name="High">Values from here on do not.</param>
public sealed record Fact(string Words, string Score, double Low, double High)
{
    /// <summary>Whether a clip's scores bear the statement out.</summary>
    public bool HoldsFor(ClipMeasures clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        return clip[Score] is { Value: { } value, Confidence: >= FactCaption.LeastConfidence } && value >= Low && value < High;
    }
}

/// <summary>Captions from scores: length, motion, brightness, color, sharpness, camera, text.</summary>
public static class FactCaption
{
    /// <summary>A score of less confidence makes no statement.</summary>
    public const double LeastConfidence = 0.1;

    private const double Tinted = 24, Infinite = double.PositiveInfinity;
    private const int MostText = 3;

    private static readonly Fact[] Adjectives =
    [
        new("almost still", ScoreNames.VmafMotion, 0, 0.5), new("calm", ScoreNames.VmafMotion, 0.5, 2.5), new("moving", ScoreNames.VmafMotion, 2.5, 8), new("fast moving", ScoreNames.VmafMotion, 8, Infinite),
        new("dark", ScoreNames.Exposure, 0, 60), new("bright", ScoreNames.Exposure, 170, Infinite),
        new("nearly colorless", ScoreNames.Colorfulness, 0, 12), new("muted", ScoreNames.Colorfulness, 12, 45), new("vivid", ScoreNames.Colorfulness, 45, Infinite),
        new("soft", ScoreNames.Sharpness, 0, 30),
    ];

    // The middles of the names' ranges are 30 degrees apart, where people part hues more finely than elsewhere.
    private static readonly Fact[] Tints =
    [
        new("red", ScoreNames.Hue, 0, 15), new("orange", ScoreNames.Hue, 15, 45), new("yellow", ScoreNames.Hue, 45, 75), new("green", ScoreNames.Hue, 75, 165), new("cyan", ScoreNames.Hue, 165, 195),
        new("blue", ScoreNames.Hue, 195, 255), new("violet", ScoreNames.Hue, 255, 285), new("magenta", ScoreNames.Hue, 285, 345), new("red", ScoreNames.Hue, 345, 360),
    ];

    private static readonly Fact[] Moves =
    [
        new("zooms in", ScoreNames.Zoom, 5, Infinite), new("zooms out", ScoreNames.Zoom, -Infinite, -5), new("pans right", ScoreNames.Pan, 5, Infinite), new("pans left", ScoreNames.Pan, -Infinite, -5),
        new("tilts up", ScoreNames.Tilt, 5, Infinite), new("tilts down", ScoreNames.Tilt, -Infinite, -5), new("rolls clockwise", ScoreNames.Roll, 4, Infinite), new("rolls counterclockwise", ScoreNames.Roll, -Infinite, -4),
    ];

    private static readonly Fact Chromatic = new("mostly", ScoreNames.Chroma, Tinted, Infinite), Steady = new("holds still", ScoreNames.CameraMotion, 0, 0.5),
        Overlaid = new("laid over it", ScoreNames.TextOverlay, 1e-6, Infinite), Lettered = new("reads", ScoreNames.TextWords, 1, Infinite);

    /// <summary>The statements that a clip's scores bear out, in the order of the caption.</summary>
    public static IReadOnlyList<Fact> Facts(ClipMeasures clip)
    {
        ArgumentNullException.ThrowIfNull(clip);
        var facts = new List<Fact>(Adjectives.Where(fact => fact.HoldsFor(clip)));
        if (clip[ScoreNames.Seconds]?.Value is { } seconds && new Fact(Length(seconds), ScoreNames.Seconds, seconds - 0.05, seconds + 0.05) is var length && length.HoldsFor(clip)) { facts.Add(length); }
        if (Chromatic.HoldsFor(clip) && Array.Find(Tints, fact => fact.HoldsFor(clip)) is { } tint) { facts.AddRange([Chromatic, tint]); }
        Fact[] moves = [.. Moves.Where(fact => fact.HoldsFor(clip))];
        facts.AddRange(moves.Length > 0 || !Steady.HoldsFor(clip) ? moves : [Steady]);
        if (clip.Text.Count > 0 && Lettered.HoldsFor(clip)) { facts.AddRange(Overlaid.HoldsFor(clip) ? [Lettered, Overlaid] : [Lettered]); }
        return facts;
    }

    /// <summary>One sentence; what is unavailable or uncertain is left out.</summary>
    public static string Describe(ClipMeasures clip)
    {
        var facts = Facts(clip);
        string Join(string between, IEnumerable<Fact> kinds) => string.Join(between, facts.Where(kinds.Contains).Select(fact => fact.Words));
        string adjectives = Join(", ", Adjectives), length = facts.FirstOrDefault(fact => fact.Score == ScoreNames.Seconds)?.Words ?? "", tint = Join("", Tints), camera = Join(" and ", [.. Moves, Steady]);
        string text = facts.Contains(Lettered) ? $"; text{(facts.Contains(Overlaid) ? " laid over it" : "")} reads {string.Join(", ", clip.Text.Take(MostText).Select(line => $"\"{line}\""))}" : "";
        string article = adjectives.Length > 0 && "aeiou".Contains(adjectives[0], StringComparison.Ordinal) ? "An" : "A";
        return $"{article} {(adjectives.Length > 0 ? adjectives + " " : "")}shot{(length.Length > 0 ? $" of {length}" : "")}{(tint.Length > 0 ? $", mostly {tint}" : "")}{(camera.Length > 0 ? $"; the camera {camera}" : "")}{text}.";
    }

    private static string Length(double seconds) => string.Create(CultureInfo.InvariantCulture, $"{seconds:0.0} seconds");
}

using System.Globalization;
using System.Text;
using Kinora.Evaluation.Judging;
using Kinora.Evaluation.Probes;
using Kinora.Evaluation.Scores;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Quality;

/// <summary>Scores as text for people.</summary>
public static class ScoreTable
{
    private static readonly IReadOnlyList<string> Columns = [.. ProbeAttribute.All.Select(a => a.Name), ScoreRow.All];

    /// <summary>What a row's clips are, in words.</summary>
    public static string Describe(string row) => row switch
    {
        QualityReport.GeneratedRow => "generated clips",
        QualityReport.CodecRow => "real clips through the codec",
        "real" => "real clips",
        _ => row,
    };

    /// <summary>The share of right answers of someone who guesses, as a number of <see cref="Columns"/>.</summary>
    public static double Chance(string attribute) => attribute == ScoreRow.All
        ? ProbeAttribute.All.Aggregate(1.0, (p, a) => p / a.Classes.Count)
        : 1.0 / ProbeAttribute.All.First(a => a.Name == attribute).Classes.Count;

    /// <summary>A Markdown table: percent with 95 % intervals.</summary>
    public static string Markdown(IEnumerable<ScoreRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var text = new StringBuilder("| clips | n |");
        foreach (string column in Columns)
            text.Append(CultureInfo.InvariantCulture, $" {(column == ScoreRow.All ? "all four" : column)} |");
        text.Append("\n|---|---|").Append(string.Concat(Columns.Select(_ => "---|"))).Append('\n');
        foreach (ScoreRow row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"| {Describe(row.Name)} | {row.Clips} |");
            foreach (string column in Columns)
                text.Append(CultureInfo.InvariantCulture, $" {Percent(row[column])} |");
            text.Append('\n');
        }
        text.Append("| guessing | |");
        foreach (string column in Columns)
            text.Append(CultureInfo.InvariantCulture, $" {100 * Chance(column):0.##} % |");
        return text.Append('\n').ToString();
    }

    /// <summary>World CLIPSIM and distances as a Markdown table.</summary>
    public static string Markdown(ScoreSheet world)
    {
        ArgumentNullException.ThrowIfNull(world);
        var text = new StringBuilder("| score | value | 95 % interval | beside it |\n|---|---:|---|---|\n");
        foreach (Score s in world.Scores)
            text.Append(CultureInfo.InvariantCulture, $"| {Name(s)} | {s.Value:G4} | {Range(s)} | {Details(s)} |\n");
        return text.ToString();
    }

    /// <summary>World CLIPSIM and distances for a terminal.</summary>
    public static string Plain(ScoreSheet world)
    {
        ArgumentNullException.ThrowIfNull(world);
        var text = new StringBuilder();
        foreach (Score s in world.Scores)
            text.Append(CultureInfo.InvariantCulture, $"{Name(s),-58} {s.Value,8:G4}  {Range(s),-18} {Details(s)}\n");
        foreach (RefusedScore r in world.Refused)
            text.Append(CultureInfo.InvariantCulture, $"{r.Metric}: refused: {r.Reason}\n");
        return text.ToString().TrimEnd();
    }

    /// <summary>A world score by the name that it must carry: never a bare FVD, IS or CLIPSIM.</summary>
    public static string Name(Score score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return score.Metric switch
        {
            TextClipJudge.Similarity => score.Passport.Features,
            TextClipJudge.Recall => "own prompt nearest of all (same model)",
            "world.frechet" => "Fréchet distance of probe outputs (no FVD)",
            "world.kernel" => "kernel distance of probe outputs (no KVD)",
            "world.inception-score" => "inception score of probe nouns (no IS)",
            var other => other,
        };
    }

    private static string Range(Score s) => s is { Low: { } low, High: { } high } ? string.Create(CultureInfo.InvariantCulture, $"{low:G4} – {high:G4}") : "";

    private static string Details(Score s) => s.Metric == TextClipJudge.Similarity ? string.Join(", ", s.Details.Select(d => string.Create(CultureInfo.InvariantCulture, $"{d.Key} {d.Value:G3}"))) : "";

    /// <summary>A table for a terminal.</summary>
    public static string Plain(IEnumerable<ScoreRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var text = new StringBuilder($"{"clips",-30}{"n",5}");
        foreach (string column in Columns)
            text.Append(CultureInfo.InvariantCulture, $"  {(column == ScoreRow.All ? "all four" : column),-20}");
        foreach (ScoreRow row in rows)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Describe(row.Name),-30}{row.Clips,5}");
            foreach (string column in Columns)
                text.Append(CultureInfo.InvariantCulture, $"  {Percent(row[column]),-20}");
        }
        return text.ToString();
    }

    /// <summary>"83.0 % (77.2–87.6)".</summary>
    public static string Percent(AttributeScore score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return string.Create(CultureInfo.InvariantCulture, $"{100 * score.Share:F1} % ({100 * score.Low:F1}–{100 * score.High:F1})");
    }

    internal static string Percent(WilsonInterval interval) =>
        string.Create(CultureInfo.InvariantCulture, $"{100 * interval.Share:F1} % ({100 * interval.Low:F1}–{100 * interval.High:F1})");
}

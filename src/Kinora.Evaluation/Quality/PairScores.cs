using System.Globalization;
using System.Text;
using Kinora.Evaluation.Probes;

namespace Kinora.Evaluation.Quality;

/// <summary>Scores of counts and relations.</summary>
/// <param name="Two">Clips of prompts about two things, a row for each kind of clip: count, nouns, colors, relation, all.</param>
/// <param name="One">Clips of prompts about one thing: the count.</param>
public sealed record PairScores(IReadOnlyList<ScoreRow> Two, IReadOnlyList<ScoreRow> One)
{
    /// <summary>A Markdown table: percent with 95 % intervals.</summary>
    public string Markdown()
    {
        var text = new StringBuilder($"| clips of two things | n | {string.Join(" | ", Titles(Two[0]))} | one thing counted |\n|---|---|{string.Concat(Titles(Two[0]).Select(_ => "---|"))}---|\n");
        foreach (ScoreRow row in Two)
            text.Append(CultureInfo.InvariantCulture, $"| {ScoreTable.Describe(row.Name)} | {row.Clips} | {string.Join(" | ", row.Scores.Select(ScoreTable.Percent))} | {OneOf(row.Name)} |\n");
        return text.ToString();
    }

    /// <summary>A table for a terminal.</summary>
    public string Plain()
    {
        var text = new StringBuilder($"{"clips of two things",-30}{"n",5}");
        foreach (string column in Titles(Two[0]).Append("one thing counted"))
            text.Append(CultureInfo.InvariantCulture, $"  {column,-20}");
        foreach (ScoreRow row in Two)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{ScoreTable.Describe(row.Name),-30}{row.Clips,5}");
            foreach (string cell in row.Scores.Select(ScoreTable.Percent).Append(OneOf(row.Name)))
                text.Append(CultureInfo.InvariantCulture, $"  {cell,-20}");
        }
        return text.ToString();
    }

    /// <summary>The score of counting one thing, for clips of this kind; empty where it was not measured.</summary>
    internal string OneOf(string row) => One.FirstOrDefault(r => r.Name == row) is { } one ? ScoreTable.Percent(one[PairVerdicts.Count]) : "";

    /// <summary>What the columns of <see cref="Two"/> are called.</summary>
    internal static IEnumerable<string> Titles(ScoreRow row) => row.Scores.Select(s => s.Attribute switch { PairVerdicts.Count => "two counted", PairVerdicts.Nouns => "both nouns", PairVerdicts.Colors => "both colors", ScoreRow.All => "all of it", var other => other });
}

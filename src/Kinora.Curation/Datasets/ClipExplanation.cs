// Why a clip is in a dataset, or is not, from the dataset's own files.
using System.Globalization;
using System.Text;
using System.Text.Json;
using Kinora.Curation.Decisions;
using Kinora.Curation.Scores;

namespace Kinora.Curation.Datasets;

/// <summary>Everything a dataset knows about one clip.</summary>
/// <param name="Clip">Its id.</param>
/// <param name="Source">Name of its source.</param>
/// <param name="Start">Seconds on the source's clock.</param>
/// <param name="End">Seconds on the source's clock.</param>
/// <param name="Keep">Whether it was kept.</param>
/// <param name="Reasons">Rules that it breaks.</param>
/// <param name="Scores">Every score.</param>
/// <param name="Rules">The recipe's rules.</param>
public sealed record ClipExplanation(Guid Clip, string Source, double Start, double End, bool Keep, IReadOnlyList<Reason> Reasons, IReadOnlyList<Score> Scores, IReadOnlyList<Rule> Rules)
{
    /// <summary>Finds a clip by its id, or by the beginning of it.</summary>
    /// <param name="folder">The dataset.</param>
    /// <param name="id">The id, or enough of its first digits.</param>
    /// <exception cref="FileNotFoundException">The folder is no complete dataset.</exception>
    /// <exception cref="KeyNotFoundException">No clip, or more than one, has such an id.</exception>
    public static ClipExplanation Of(string folder, string id)
    {
        string decisions = Path.Combine(folder, Workspace.DecisionsName);
        if (!File.Exists(decisions)) { throw new FileNotFoundException($"{folder}: there is no {Workspace.DecisionsName}; give the folder that curate wrote.", decisions); }
        DecisionRow[] found = [.. File.ReadLines(decisions).Select(line => JsonSerializer.Deserialize(line, RowJson.Default.DecisionRow)!).Where(row => row.Clip.ToString().StartsWith(id, StringComparison.OrdinalIgnoreCase))];
        if (found.Length != 1) { throw new KeyNotFoundException(found.Length == 0 ? $"no clip of {folder} has an id that begins with \"{id}\"." : $"{found.Length} clips have an id that begins with \"{id}\"; give more of it."); }
        var row = found[0];
        var scores = File.ReadLines(Path.Combine(folder, Workspace.ScoresName)).Where(line => line.Contains(row.Clip.ToString(), StringComparison.Ordinal))
            .Select(line => JsonSerializer.Deserialize(line, RowJson.Default.ScoreRow)!).Select(s => new Score(s.Score, s.Value, s.Confidence, s.Unavailable));
        var recipe = Recipe.Parse(File.ReadAllText(Path.Combine(folder, Workspace.RecipeName)));
        return new ClipExplanation(row.Clip, row.Source, row.Start, row.End, row.Keep, row.Reasons, [.. scores], recipe.Rules);
    }

    /// <summary>The explanation as text for people.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Clip}: {(Keep ? "kept" : "dropped")}\n{Source}, {Start:0.###} to {End:0.###} s\n");
        foreach (var reason in Reasons) { text.Append(CultureInfo.InvariantCulture, $"  because {reason.Rule}: {reason.Text}\n"); }
        text.Append('\n');
        foreach (var score in Scores)
        {
            string value = score.Value is { } v ? string.Create(CultureInfo.InvariantCulture, $"{v,14:0.######}  confidence {score.Confidence:0.##}") : $"{"unavailable",14}  {score.Unavailable}";
            string limits = string.Join("; ", Rules.Where(r => r.Score == score.Name).Select(Limits));
            text.Append(CultureInfo.InvariantCulture, $"{score.Name,-22}{value}{(limits.Length > 0 ? $"   rule: {limits}" : "")}\n");
        }
        return text.ToString().TrimEnd('\n');
    }

    private static string Limits(Rule rule)
    {
        var parts = new List<string>();
        if (rule.Min is { } min) { parts.Add(string.Create(CultureInfo.InvariantCulture, $"at least {min}")); }
        if (rule.Max is { } max) { parts.Add(string.Create(CultureInfo.InvariantCulture, $"at most {max}")); }
        if (rule.MinPercentile is { } low) { parts.Add(string.Create(CultureInfo.InvariantCulture, $"not below percentile {low}")); }
        if (rule.MaxPercentile is { } high) { parts.Add(string.Create(CultureInfo.InvariantCulture, $"not above percentile {high}")); }
        return string.Join(", ", parts);
    }
}

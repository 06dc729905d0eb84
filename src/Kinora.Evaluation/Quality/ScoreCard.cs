using System.Globalization;
using System.Text;
using Kinora.Engine.Checkpoints;

namespace Kinora.Evaluation.Quality;

/// <summary>Puts scores into a model's README.md, between two markers or in place of its section "Scores".</summary>
public static class ScoreCard
{
    /// <summary>Where the scores begin.</summary>
    public const string Begin = "<!-- kinora:scores -->";

    /// <summary>Where they end.</summary>
    public const string End = "<!-- /kinora:scores -->";

    private const string Heading = "## Scores";

    /// <summary>The scores of a report as Markdown.</summary>
    public static string Describe(QualityReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        QualityPassport p = report.Passport;
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Measured by `kinora bench quality`: {p.Prompts} prompts of combinations that training never saw, one clip each, judged by probes that were trained on real clips. Percent of clips with the right answer, 95 % Wilson intervals.\n\n");
        text.Append(ScoreTable.Markdown(report.Rows));
        if (report.Pairs is { } pairs)
            text.Append(CultureInfo.InvariantCulture, $"\n{p.PairPrompts} prompts about two things, of scenes that training never saw, and the count of the one thing that the others ask for:\n\n{pairs.Markdown()}");
        if (report.World.Scores.Count > 0)
            text.Append('\n').Append(ScoreTable.Markdown(report.World));
        text.Append(CultureInfo.InvariantCulture, $"\nSampler {p.Sampler}, {p.Steps} steps, guidance {p.Guidance:0.##}, seeds from {p.Seed}, {p.Precision} on {p.Device.Split(':')[0]}. Model `{p.ModelSha256[..12]}`, probe `{p.ProbeSha256[..12]}`,{(p.FinderSha256 is { } f ? $" finder `{f[..12]}`," : "")}{(p.TextClipSha256 is { } c ? $" text–clip model `{c[..12]}`," : "")} world `{p.WorldSha256[..12]}`, prompts `{p.PromptsSha256[..12]}`.\n");
        return text.ToString();
    }

    /// <summary>The card with new scores.</summary>
    public static string Update(string card, string scores)
    {
        ArgumentNullException.ThrowIfNull(card);
        string block = $"{Begin}\n{scores.TrimEnd('\n')}\n{End}";
        int begin = card.IndexOf(Begin, StringComparison.Ordinal), end = card.IndexOf(End, StringComparison.Ordinal);
        if (begin >= 0 && end > begin)
            return card[..begin] + block + card[(end + End.Length)..];
        int heading = card.StartsWith(Heading, StringComparison.Ordinal) ? 0 : card.IndexOf("\n" + Heading, StringComparison.Ordinal) + 1;
        if (heading == 0 && !card.StartsWith(Heading, StringComparison.Ordinal))
            return $"{card.TrimEnd('\n')}\n\n{Heading}\n\n{block}\n";
        int next = card.IndexOf("\n## ", heading + Heading.Length, StringComparison.Ordinal);
        string rest = next < 0 ? "" : card[next..];
        return $"{card[..heading]}{Heading}\n\n{block}\n{rest}";
    }

    /// <summary>Updates README.md of a model folder; it is made when there is none.</summary>
    public static void UpdateFile(string modelFolder, QualityReport report)
    {
        string path = Path.Combine(modelFolder, "README.md");
        string card = File.Exists(path) ? File.ReadAllText(path) : $"# {report.Passport.Model}\n";
        byte[] updated = Encoding.UTF8.GetBytes(Update(card, Describe(report)));
        AtomicFile.Write(path, file => file.Write(updated));
    }
}

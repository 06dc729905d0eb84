using System.Globalization;
using System.Text;
using Kinora.Evaluation.Scores;

namespace Kinora.Cli.Evaluation;

/// <summary>Scores as a table of text.</summary>
internal static class ScoreText
{
    /// <summary>One line for each score, with its interval and its warnings, then the refusals.</summary>
    public static string Table(ScoreSheet sheet)
    {
        var text = new StringBuilder();
        foreach (Score s in sheet.Scores)
        {
            string interval = s is { Low: { } low, High: { } high } ? string.Create(CultureInfo.InvariantCulture, $"{low:G6} to {high:G6} ({s.Interval})") : "";
            text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{s.Metric,-24} {s.Value,14:G10}  {interval}").TrimEnd());
            foreach (string warning in s.Warnings) { text.Append("  ! ").AppendLine(warning); }
        }
        foreach (RefusedScore r in sheet.Refused) { text.AppendLine(string.Create(CultureInfo.InvariantCulture, $"{r.Metric,-24} {"refused",14}  {r.Reason}")); }
        return text.ToString().TrimEnd();
    }
}

using System.Globalization;
using System.Text.RegularExpressions;

namespace Kinora.Evaluation.Systems;

/// <summary>What a model's card says of its training.</summary>
public static partial class TrainingCost
{
    /// <summary>The sum of the column "minutes" of the card's table of stages, as <c>kinora train</c> writes it; null where there is no such table.</summary>
    public static double? Minutes(string card)
    {
        if (!File.Exists(card))
            return null;
        string[] lines = File.ReadAllLines(card);
        int head = Array.FindIndex(lines, l => Cells(l).Contains("minutes", StringComparer.OrdinalIgnoreCase));
        if (head < 0)
            return null;
        int column = Array.FindIndex(Cells(lines[head]), c => c.Equals("minutes", StringComparison.OrdinalIgnoreCase));
        double sum = 0;
        bool any = false;
        foreach (string[] cells in lines.Skip(head + 1).TakeWhile(l => l.StartsWith('|')).Select(Cells))
        {
            if (column < cells.Length && double.TryParse(cells[column], NumberStyles.Float, CultureInfo.InvariantCulture, out double minutes))
                (sum, any) = (sum + minutes, true);
        }
        return any ? sum : null;
    }

    private static string[] Cells(string line) => line.StartsWith('|') ? [.. Cell().Matches(line).Select(m => m.Groups["text"].Value.Trim())] : [];

    [GeneratedRegex(@"\|(?<text>[^|]*)(?=\|)", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)] private static partial Regex Cell();
}

namespace Kinora.Models;

/// <summary>Finds what somebody meant who mistyped a word.</summary>
public static class NearestWord
{
    /// <summary>The known word that is nearest to a mistyped one; null when none is near enough to be meant: more than two, or a third of the letters, differ.</summary>
    public static string? Of(string word, IEnumerable<string> known)
    {
        ArgumentNullException.ThrowIfNull(word);
        ArgumentNullException.ThrowIfNull(known);
        string? nearest = known.MinBy(k => EditDistance(word, k));
        return nearest is not null && EditDistance(word, nearest) <= Math.Max(2, word.Length / 3) ? nearest : null;
    }

    /// <summary>Levenshtein distance between two short words.</summary>
    public static int EditDistance(string a, string b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = Math.Min(substitution, 1 + Math.Min(row[j], row[j - 1]));
            }
        }
        return row[b.Length];
    }
}

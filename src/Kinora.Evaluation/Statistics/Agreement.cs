// How far raters agree beyond chance.
// Fleiss, "Measuring nominal scale agreement among many raters", Psychological Bulletin 76 (1971); Krippendorff, "Content analysis" (2004), nominal data.

namespace Kinora.Evaluation.Statistics;

/// <summary>Agreement from votes by item and category.</summary>
public static class Agreement
{
    /// <summary>Fleiss' κ; every item needs the same number (≥ 2) of votes. NaN when all votes fall into one category.</summary>
    public static double FleissKappa(IReadOnlyList<int[]> votes)
    {
        ArgumentNullException.ThrowIfNull(votes);
        int raters = votes[0].Sum();
        if (raters < 2 || votes.Any(v => v.Sum() != raters))
            throw new ArgumentException("Fleiss' kappa needs the same number of votes, at least 2, for every item.", nameof(votes));
        double observed = votes.Average(v => (v.Sum(n => (double)n * n) - raters) / ((double)raters * (raters - 1)));
        double total = (double)raters * votes.Count;
        double expected = Enumerable.Range(0, votes[0].Length).Sum(c => Math.Pow(votes.Sum(v => v[c]) / total, 2));
        return (observed - expected) / (1 - expected);
    }

    /// <summary>Krippendorff's α for nominal data; items with a single vote say nothing and are left out. NaN when all votes fall into one category.</summary>
    public static double KrippendorffAlpha(IReadOnlyList<int[]> votes)
    {
        ArgumentNullException.ThrowIfNull(votes);
        int[][] paired = [.. votes.Where(v => v.Sum() >= 2)];
        if (paired.Length == 0)
            return double.NaN;
        double n = paired.Sum(v => v.Sum());
        double observed = paired.Sum(v => v.Sum(c => (double)c * (v.Sum() - c)) / (v.Sum() - 1)) / n;
        double expected = Enumerable.Range(0, paired[0].Length).Select(c => (double)paired.Sum(v => v[c])).Sum(c => c * (n - c)) / (n * (n - 1));
        return 1 - observed / expected;
    }
}

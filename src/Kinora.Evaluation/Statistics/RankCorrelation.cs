// Whether two lists of scores put things in the same order. Spearman (1904): correlation of mean ranks; Kendall (1945): τ-b, with ties.

namespace Kinora.Evaluation.Statistics;

/// <summary>Rank correlations, −1..1; NaN when one list is constant.</summary>
public static class RankCorrelation
{
    /// <summary>Spearman's ρ.</summary>
    public static double Spearman(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        double[] x = Ranks(a), y = Ranks(b);
        double mx = x.Average(), my = y.Average();
        return x.Zip(y, (u, v) => (u - mx) * (v - my)).Sum() / Math.Sqrt(x.Sum(u => (u - mx) * (u - mx)) * y.Sum(v => (v - my) * (v - my)));
    }

    /// <summary>Kendall's τ-b.</summary>
    public static double Kendall(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        long agree = 0, tiedA = 0, tiedB = 0, pairs = 0;
        for (int i = 0; i < a.Count; i++)
        {
            for (int j = i + 1; j < a.Count; j++)
            {
                int da = a[i].CompareTo(a[j]), db = b[i].CompareTo(b[j]);
                agree += Math.Sign(da) * Math.Sign(db);
                tiedA += da == 0 ? 1 : 0;
                tiedB += db == 0 ? 1 : 0;
                pairs++;
            }
        }
        return agree / Math.Sqrt((double)(pairs - tiedA) * (pairs - tiedB));
    }

    private static double[] Ranks(IReadOnlyList<double> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return [.. values.Select(v => values.Count(o => o < v) + (values.Count(o => o == v) + 1) / 2.0)];
    }
}

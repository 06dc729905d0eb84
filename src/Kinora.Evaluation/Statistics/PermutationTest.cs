// Permutation tests: how often chance alone gives a difference as large as the one observed.
// Good, "Permutation, parametric and bootstrap tests of hypotheses" (2005). p = (1 + count) / (1 + permutations), so it is never 0.

using Kinora.Engine.Random;

namespace Kinora.Evaluation.Statistics;

/// <summary>Two-sided permutation tests from a seeded generator.</summary>
public static class PermutationTest
{
    /// <summary>Sum of differences against random signs: two systems on the same items.</summary>
    public static double Paired(IReadOnlyList<double> differences, int permutations, Generator generator)
    {
        ArgumentNullException.ThrowIfNull(differences);
        ArgumentNullException.ThrowIfNull(generator);
        return Share(permutations, Math.Abs(differences.Sum()), () => Math.Abs(differences.Sum(d => generator.NextBool(0.5) ? d : -d)));
    }

    /// <summary>Difference of means against random divisions: two systems on different items.</summary>
    public static double TwoSample(IReadOnlyList<double> a, IReadOnlyList<double> b, int permutations, Generator generator)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(generator);
        double[] all = [.. a, .. b];
        double Difference() => Math.Abs(all.Take(a.Count).Average() - all.Skip(a.Count).Average());
        return Share(permutations, Difference(), () =>
        {
            generator.Shuffle<double>(all);
            return Difference();
        });
    }

    /// <summary>The share of permutations whose statistic reaches <paramref name="observed"/>.</summary>
    public static double Share(int permutations, double observed, Func<double> statistic)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(permutations);
        ArgumentNullException.ThrowIfNull(statistic);
        int reached = 0;
        double tolerance = 1e-12 * Math.Abs(observed);
        for (int i = 0; i < permutations; i++)
        {
            if (statistic() >= observed - tolerance)
                reached++;
        }
        return (1.0 + reached) / (1.0 + permutations);
    }
}

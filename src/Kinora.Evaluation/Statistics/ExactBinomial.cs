// Exact tests on counts: the sign test, and McNemar's test of two answerers on the same questions.
// McNemar, "Note on the sampling error of the difference between correlated proportions", Psychometrika 12 (1947); exact form by the
// binomial distribution of the discordant pairs.

namespace Kinora.Evaluation.Statistics;

/// <summary>Two-sided exact binomial probabilities at p = ½.</summary>
public static class ExactBinomial
{
    /// <summary>Probability of a split at least as uneven as <paramref name="successes"/> of <paramref name="trials"/> when both outcomes are equally likely; 1 without trials.</summary>
    public static double SignTest(int successes, int trials)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, trials);
        int few = Math.Min(successes, trials - successes);
        double tail = 0, logHalf = trials * Math.Log(0.5), logChoose = 0;
        for (int k = 0; k <= few; k++)
        {
            if (k > 0)
                logChoose += Math.Log(trials - k + 1) - Math.Log(k);
            tail += Math.Exp(logChoose + logHalf);
        }
        return Math.Min(1, 2 * tail);
    }
}

/// <summary>How two answerers differ on the same questions.</summary>
/// <param name="OnlyA">Right for the first alone.</param>
/// <param name="OnlyB">Right for the second alone.</param>
/// <param name="P">Probability of a split at least as uneven if both were equally good.</param>
public readonly record struct McNemarTest(int OnlyA, int OnlyB, double P)
{
    /// <summary>Compares right (true) and wrong answers to the same questions.</summary>
    public static McNemarTest Of(IReadOnlyList<bool> a, IReadOnlyList<bool> b)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        if (a.Count != b.Count)
            throw new ArgumentException($"{a.Count} answers on one side, {b.Count} on the other.", nameof(b));
        int onlyA = a.Zip(b).Count(p => p.First && !p.Second), onlyB = a.Zip(b).Count(p => !p.First && p.Second);
        return new McNemarTest(onlyA, onlyB, ExactBinomial.SignTest(onlyA, onlyA + onlyB));
    }
}

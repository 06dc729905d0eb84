// Confidence interval of a proportion.
// Paper: Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927).
//   (p + z²/2n ± z √(p(1 − p)/n + z²/4n²)) / (1 + z²/n)

namespace Kinora.Evaluation.Statistics;

/// <summary>A proportion with its 95 % Wilson interval.</summary>
/// <param name="Successes">Right answers.</param>
/// <param name="Trials">Answers.</param>
/// <param name="Low">Lower end.</param>
/// <param name="High">Upper end.</param>
public readonly record struct WilsonInterval(int Successes, int Trials, double Low, double High)
{
    /// <summary>The 97.5 % quantile of the normal distribution.</summary>
    public const double Z95 = 1.959963984540054;

    /// <summary>Successes over trials.</summary>
    public double Share => (double)Successes / Trials;

    /// <summary>The interval of <paramref name="successes"/> in <paramref name="trials"/>.</summary>
    public static WilsonInterval Of(int successes, int trials, double z = Z95)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(trials);
        ArgumentOutOfRangeException.ThrowIfNegative(successes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(successes, trials);
        double n = trials, p = successes / n, center = p + z * z / (2 * n), reach = z * Math.Sqrt(p * (1 - p) / n + z * z / (4 * n * n)), scale = 1 + z * z / n;
        return new WilsonInterval(successes, trials, successes == 0 ? 0 : (center - reach) / scale, successes == trials ? 1 : (center + reach) / scale);
    }
}

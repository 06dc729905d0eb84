// The quantile function of the beta distribution, by bisection of the regularized incomplete beta function.
// Source: NIST Digital Library of Mathematical Functions, 8.17.22 (continued fraction) and 8.17.4 (symmetry); ln Γ by Lanczos's series.

namespace Kinora.Models.Diffusion.Schedules;

internal static class BetaDistribution
{
    private const int Bisections = 200, FractionTerms = 300;
    private const double Converged = 1e-16, Tiny = 1e-300;
    private static readonly double[] Lanczos = [676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7];

    /// <summary>The x at which a share <paramref name="p"/> of Beta(<paramref name="a"/>, <paramref name="b"/>) lies below.</summary>
    public static double Quantile(double p, double a, double b)
    {
        if (p <= 0)
        {
            return 0;
        }
        if (p >= 1)
        {
            return 1;
        }
        double low = 0, high = 1;
        for (int i = 0; i < Bisections && high - low > 0; i++)
        {
            double middle = (low + high) / 2;
            if (middle == low || middle == high)
            {
                break;
            }
            (low, high) = Share(middle, a, b) < p ? (middle, high) : (low, middle);
        }
        return (low + high) / 2;
    }

    private static double Share(double x, double a, double b)
    {
        double front = Math.Exp(LogGamma(a + b) - LogGamma(a) - LogGamma(b) + a * Math.Log(x) + b * Math.Log(1 - x));
        return x < (a + 1) / (a + b + 2) ? front * Fraction(x, a, b) / a : 1 - front * Fraction(1 - x, b, a) / b;
    }

    // Lentz's evaluation of the continued fraction 1/(1 + d₁/(1 + d₂/(1 + …))).
    private static double Fraction(double x, double a, double b)
    {
        double c = 1, d = 1 / NotZero(1 - (a + b) * x / (a + 1)), value = d;
        for (int m = 1; m < FractionTerms; m++)
        {
            double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
            d = 1 / NotZero(1 + even * d);
            c = NotZero(1 + even / c);
            value *= d * c;
            double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
            d = 1 / NotZero(1 + odd * d);
            c = NotZero(1 + odd / c);
            value *= d * c;
            if (Math.Abs(d * c - 1) < Converged)
            {
                break;
            }
        }
        return value;
    }

    private static double NotZero(double x) => Math.Abs(x) < Tiny ? Tiny : x;

    private static double LogGamma(double z)
    {
        if (z < 0.5)
        {
            return Math.Log(Math.PI / Math.Sin(Math.PI * z)) - LogGamma(1 - z);
        }
        double sum = 0.99999999999980993, t = z + Lanczos.Length - 1.5;
        for (int i = 0; i < Lanczos.Length; i++)
        {
            sum += Lanczos[i] / (z + i);
        }
        return 0.5 * Math.Log(2 * Math.PI) + (z - 0.5) * Math.Log(t) - t + Math.Log(sum);
    }
}

// Noise levels between the largest and the smallest, and the training step that a level corresponds to.
// Papers: Karras et al., arXiv:2206.00364, equation 5 (ρ = 7); Lu et al., arXiv:2211.01095 (even in log-SNR); "Beta sampling is all you
//         need", arXiv:2407.12173 (quantiles of Beta(0.6, 0.6)).
//
// Numerics  Double; a sampler rounds its final levels to float32, in which they are published.

namespace Kinora.Models.Diffusion.Schedules;

/// <summary>Grids of noise levels, falling.</summary>
public static class SigmaGrid
{
    private const double KarrasRho = 7, BetaShape = 0.6, SmallestSigma = 1e-10;

    /// <summary>(σmax^{1/ρ} + i/(N − 1) (σmin^{1/ρ} − σmax^{1/ρ}))^ρ.</summary>
    public static double[] Karras(double max, double min, int steps, double rho = KarrasRho)
    {
        double first = Math.Pow(max, 1 / rho), last = Math.Pow(min, 1 / rho);
        return Between(steps, u => Math.Pow(first + u * (last - first), rho));
    }

    /// <summary>Even in ln σ.</summary>
    public static double[] Exponential(double max, double min, int steps)
    {
        double first = Math.Log(max), last = Math.Log(min);
        // The ends are the given levels themselves: e^{ln σ} may miss the last by a rounding, and its timestep with it.
        return Between(steps, u => u == 0 ? max : u == 1 ? min : Math.Exp(first + u * (last - first)));
    }

    /// <summary>Quantiles of a beta distribution, dense at both ends.</summary>
    public static double[] Beta(double max, double min, int steps) =>
        Between(steps, u => min + BetaDistribution.Quantile(1 - u, BetaShape, BetaShape) * (max - min));

    /// <summary>The level at a training step, between two by linear interpolation.</summary>
    /// <param name="training">Levels of all training steps, rising.</param>
    /// <param name="timestep">0 to T − 1.</param>
    public static double At(IReadOnlyList<double> training, double timestep)
    {
        double t = Math.Clamp(timestep, 0, training.Count - 1);
        int low = Math.Min((int)t, training.Count - 2);
        return training[low] + (training[low + 1] - training[low]) * (t - low);
    }

    /// <summary>The training step of a level, between two by linear interpolation of ln σ.</summary>
    /// <param name="training">Levels of all training steps, rising.</param>
    /// <param name="sigma">Levels outside the trained range give the first or last step.</param>
    public static double Timestep(IReadOnlyList<double> training, double sigma)
    {
        double level = Math.Log(Math.Max(sigma, SmallestSigma));
        int low = 0;
        while (low < training.Count - 2 && LogOf(low + 1) <= level)
        {
            low++;
        }
        double below = LogOf(low), above = LogOf(low + 1);
        return low + Math.Clamp((level - below) / (above - below), 0, 1);

        // Published timesteps come from float32 logarithms: at the ends of the range the last bit decides between two training steps.
        double LogOf(int t) => (float)Math.Log(training[t]);
    }

    private static double[] Between(int steps, Func<double, double> level)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        return [.. Enumerable.Range(0, steps).Select(i => level(steps == 1 ? 0 : (double)i / (steps - 1)))];
    }
}

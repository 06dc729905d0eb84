// How sure a Fréchet distance is: a bootstrap interval, and the value extrapolated to infinitely many clips.
// Papers: Efron and Tibshirani, "An introduction to the bootstrap" (1993); Chong and Forsyth, arXiv:1911.07023: FD(n) is close to a line in 1/n,
// whose value at 1/n = 0 is the extrapolated distance.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Distributions;

/// <summary>A line through distances over 1/n.</summary>
/// <param name="Limit">The value at infinitely many clips.</param>
/// <param name="Slope">Bias times n.</param>
/// <param name="StandardError">Of the limit, from the residuals of the line.</param>
public readonly record struct FrechetExtrapolation(double Limit, double Slope, double StandardError);

/// <summary>Uncertainty of Fréchet distances.</summary>
public static class FrechetUncertainty
{
    private const int Points = 15;

    /// <summary>
    /// 95 % interval of the distance by resampling both sides. Resampled sets have fewer distinct clips, so their distances lie higher;
    /// the interval is shifted so that their mean falls on the measured value.
    /// </summary>
    public static Interval Bootstrap(FeatureMatrix a, FeatureMatrix b, int resamples, ulong seed, int ddof = 1, Action<int>? progress = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        double value = FrechetDistance.Between(a, b, ddof).Distance;
        var generator = new Generator(seed);
        return BootstrapInterval.Shifted(value, resamples, i =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            double distance = FrechetDistance.Between(BootstrapInterval.Resample(a, generator), BootstrapInterval.Resample(b, generator), ddof).Distance;
            progress?.Invoke(i + 1);
            return distance;
        });
    }

    /// <summary>The distance of <paramref name="generated"/> to all of <paramref name="real"/> at infinitely many generated clips, from random subsets of half to all of them.</summary>
    public static FrechetExtrapolation Extrapolate(FeatureMatrix real, FeatureMatrix generated, ulong seed, int ddof = 1, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(real);
        ArgumentNullException.ThrowIfNull(generated);
        if (generated.Count < 2 * Points)
            throw new EvaluationException($"extrapolated Fréchet distance: needs at least {2 * Points} generated clips, {generated.Name} has {generated.Count}.");
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        using var reference = FeatureMoments.Of(real);
        Tensor covariance = reference.Covariance(ddof), root = FrechetDistance.SymmetricRoot(covariance);
        var generator = new Generator(seed);
        var x = new double[Points];
        var y = new double[Points];
        for (int p = 0; p < Points; p++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var point = TensorScope.Enter();
            int n = generated.Count / 2 + (int)((long)(generated.Count - generated.Count / 2) * p / (Points - 1));
            int[] rows = [.. Enumerable.Range(0, generated.Count)];
            generator.Shuffle<int>(rows);
            using var moments = FeatureMoments.Of(generated.Take(rows.AsSpan(0, n)));
            x[p] = 1.0 / n;
            y[p] = FrechetDistance.Between(reference.Mean, covariance, root, moments.Mean, moments.Covariance(ddof)).Distance;
        }
        double meanX = x.Average(), meanY = y.Average(), sxx = x.Sum(v => (v - meanX) * (v - meanX));
        double slope = x.Zip(y, (u, v) => (u - meanX) * (v - meanY)).Sum() / sxx, limit = meanY - slope * meanX;
        double residual = x.Zip(y, (u, v) => v - limit - slope * u).Sum(r => r * r) / (Points - 2);
        return new FrechetExtrapolation(limit, slope, Math.Sqrt(residual * (1.0 / Points + meanX * meanX / sxx)));
    }
}

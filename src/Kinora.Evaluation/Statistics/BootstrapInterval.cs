// Intervals by resampling. Efron and Tibshirani, "An introduction to the bootstrap" (1993).

using Kinora.Engine.Random;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Statistics;

/// <summary>Bootstrap intervals from a seeded generator.</summary>
public static class BootstrapInterval
{
    /// <summary>95 % percentiles of resampled statistics, shifted so that their mean falls on <paramref name="value"/>: for statistics that resampling biases.</summary>
    public static Interval Shifted(double value, int resamples, Func<int, double> statistic)
    {
        double[] sorted = Sorted(resamples, statistic);
        double shift = value - sorted.Average();
        return new Interval(value, Quantile(sorted, 0.025) + shift, Quantile(sorted, 0.975) + shift);
    }

    /// <summary>95 % percentiles of resampled statistics.</summary>
    public static Interval Percentile(double value, int resamples, Func<int, double> statistic)
    {
        double[] sorted = Sorted(resamples, statistic);
        return new Interval(value, Quantile(sorted, 0.025), Quantile(sorted, 0.975));
    }

    /// <summary>As many rows, drawn with replacement.</summary>
    public static FeatureMatrix Resample(FeatureMatrix features, Generator generator)
    {
        ArgumentNullException.ThrowIfNull(features);
        return features.Take(Draw(features.Count, generator));
    }

    /// <summary><paramref name="count"/> indexes below <paramref name="count"/>, with replacement.</summary>
    public static int[] Draw(int count, Generator generator)
    {
        ArgumentNullException.ThrowIfNull(generator);
        var rows = new int[count];
        for (int i = 0; i < count; i++)
            rows[i] = generator.NextInt(count);
        return rows;
    }

    /// <summary>The quantile of sorted values, linear between neighbors.</summary>
    public static double Quantile(IReadOnlyList<double> sorted, double q)
    {
        ArgumentNullException.ThrowIfNull(sorted);
        double place = q * (sorted.Count - 1);
        int below = (int)place;
        return below + 1 >= sorted.Count ? sorted[^1] : sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
    }

    private static double[] Sorted(int resamples, Func<int, double> statistic)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(resamples, 2);
        ArgumentNullException.ThrowIfNull(statistic);
        var values = new double[resamples];
        for (int i = 0; i < resamples; i++)
            values[i] = statistic(i);
        Array.Sort(values);
        return values;
    }
}

// Inception score: exp of the mean divergence of a clip's class distribution from the mean distribution.
// Paper: Salimans et al., "Improved techniques for training GANs", arXiv:1606.03498, section 4. Splits are consecutive, the deviation over
// splits is that of a population, as in the original. Rows are renormalized, as scipy.stats.entropy does.

using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Distributions;

/// <summary>A score over splits.</summary>
/// <param name="Mean">Mean over splits.</param>
/// <param name="Deviation">Population standard deviation over splits.</param>
public readonly record struct InceptionScoreValue(double Mean, double Deviation);

/// <summary>Inception score of class probabilities.</summary>
public static class InceptionScore
{
    /// <summary>Splits of the published protocol.</summary>
    public const int PublishedSplits = 10;

    /// <summary>The score of probabilities [n, classes].</summary>
    /// <exception cref="EvaluationException">A row holds a negative number or sums to zero, or there are fewer rows than splits.</exception>
    public static InceptionScoreValue Of(FeatureMatrix probabilities, int splits = 1)
    {
        ArgumentNullException.ThrowIfNull(probabilities);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(splits);
        if (probabilities.Count < splits)
            throw new EvaluationException($"inception score: {splits} splits need at least {splits} clips, {probabilities.Name} has {probabilities.Count}.");
        double[][] rows = Normalized(probabilities);
        var scores = new double[splits];
        for (int s = 0; s < splits; s++)
            scores[s] = Score(rows.AsSpan(s * rows.Length / splits, (s + 1) * rows.Length / splits - s * rows.Length / splits));
        double mean = scores.Average();
        return new InceptionScoreValue(mean, Math.Sqrt(scores.Average(v => (v - mean) * (v - mean))));
    }

    /// <summary>Rows divided by their sums.</summary>
    internal static double[][] Normalized(FeatureMatrix probabilities)
    {
        var rows = new double[probabilities.Count][];
        for (int i = 0; i < rows.Length; i++)
        {
            double[] row = probabilities.Row(i).ToArray();
            double sum = row.Sum();
            if (sum <= 0 || row.Any(p => p < 0))
                throw new EvaluationException($"{probabilities.Name}: row {i} is no distribution over classes (sum {sum:G6}, smallest {row.Min():G6}). The inception score needs probabilities: apply a softmax to logits.");
            rows[i] = [.. row.Select(p => p / sum)];
        }
        return rows;
    }

    /// <summary>exp(mean KL(p(y|x) ‖ p(y))) of normalized rows.</summary>
    internal static double Score(ReadOnlySpan<double[]> rows)
    {
        var marginal = new double[rows[0].Length];
        foreach (double[] row in rows)
        {
            for (int c = 0; c < marginal.Length; c++)
                marginal[c] += row[c] / rows.Length;
        }
        double divergence = 0;
        foreach (double[] row in rows)
        {
            for (int c = 0; c < marginal.Length; c++)
            {
                if (row[c] > 0)
                    divergence += row[c] * Math.Log(row[c] / marginal[c]);
            }
        }
        return Math.Exp(divergence / rows.Length);
    }
}

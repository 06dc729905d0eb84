// Strengths of contestants from pairwise wins: P(i beats j) = s_i / (s_i + s_j).
// Bradley and Terry, Biometrika 39 (1952); the iteration of Hunter, "MM algorithms for generalized Bradley-Terry models", Annals of Statistics 32 (2004):
//   s_i ← w_i / Σ_j n_ij / (s_i + s_j). A tie is half a win for both.

namespace Kinora.Evaluation.Statistics;

/// <summary>Maximum-likelihood strengths.</summary>
public static class BradleyTerry
{
    private const int Iterations = 2000;
    private const double Converged = 1e-12, Prior = 0.1;

    /// <summary>Natural logarithms of the strengths with mean 0.</summary>
    /// <param name="wins">wins[i, j]: how often i beat j. A tenth of a tie is added to every pair that met, so that an unbeaten contestant stays finite.</param>
    public static double[] LogStrengths(double[,] wins)
    {
        ArgumentNullException.ThrowIfNull(wins);
        int k = wins.GetLength(0);
        var w = new double[k, k];
        for (int i = 0; i < k; i++)
        {
            for (int j = 0; j < k; j++)
                w[i, j] = wins[i, j] + (i != j && wins[i, j] + wins[j, i] > 0 ? Prior / 2 : 0);
        }
        double[] strength = [.. Enumerable.Repeat(1.0, k)];
        for (int step = 0; step < Iterations; step++)
        {
            var next = new double[k];
            for (int i = 0; i < k; i++)
            {
                double won = 0, weight = 0;
                for (int j = 0; j < k; j++)
                {
                    won += w[i, j];
                    if (i != j)
                        weight += (w[i, j] + w[j, i]) / (strength[i] + strength[j]);
                }
                next[i] = weight > 0 ? won / weight : strength[i];
            }
            double scale = Math.Exp(next.Average(s => Math.Log(s)));
            double change = 0;
            for (int i = 0; i < k; i++)
            {
                next[i] /= scale;
                change = Math.Max(change, Math.Abs(next[i] - strength[i]));
            }
            strength = next;
            if (change < Converged)
                break;
        }
        return [.. strength.Select(s => Math.Log(s))];
    }
}

// Precision, recall, density and coverage of generated against real features, by balls around each sample to its k-th neighbor.
// Papers: Kynkäänniemi et al., arXiv:1904.06991 (precision, recall); Naeem et al., arXiv:2002.09797 (density, coverage).
// Numerics  squared distances in float64, in blocks of rows.

using Kinora.Engine;
using Kinora.Evaluation.Features;
using Kinora.Evaluation.Statistics;

namespace Kinora.Evaluation.Distributions;

/// <summary>How generated samples lie among real ones.</summary>
/// <param name="Precision">Generated samples inside some real ball.</param>
/// <param name="Recall">Real samples inside some generated ball.</param>
/// <param name="Density">Mean number of real balls around a generated sample, over k.</param>
/// <param name="DensityError">Standard error of the density.</param>
/// <param name="Coverage">Real samples whose ball holds a generated sample.</param>
public readonly record struct NeighborhoodScores(WilsonInterval Precision, WilsonInterval Recall, double Density, double DensityError, WilsonInterval Coverage)
{
    /// <summary>Neighbors of the density and coverage paper.</summary>
    public const int DefaultNeighbors = 5;

    private const int BlockRows = 1024;

    /// <summary>Scores of <paramref name="generated"/> against <paramref name="real"/>, each with more than <paramref name="neighbors"/> rows.</summary>
    public static NeighborhoodScores Of(FeatureMatrix real, FeatureMatrix generated, int neighbors = DefaultNeighbors)
    {
        ArgumentNullException.ThrowIfNull(real);
        ArgumentNullException.ThrowIfNull(generated);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(neighbors);
        if (real.Dimension != generated.Dimension)
            throw new EvaluationException($"precision and recall: {real.Dimension} features in {real.Name}, {generated.Dimension} in {generated.Name}; both must come from the same network.");
        if (real.Count <= neighbors || generated.Count <= neighbors)
            throw new EvaluationException($"precision and recall: {neighbors} neighbors need more than {neighbors} clips on each side, got {real.Count} and {generated.Count}.");
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor x = real.ToTensor(), y = generated.ToTensor();
        double[] realRadius = Radii(x, neighbors), generatedRadius = Radii(y, neighbors);
        var ballsAround = new int[generated.Count];
        var recalled = new bool[real.Count];
        var covered = new bool[real.Count];
        ForBlocks(x, y, (start, rows, distances) =>
        {
            for (int r = 0; r < rows; r++)
            {
                int i = start + r;
                for (int j = 0; j < ballsAround.Length; j++)
                {
                    double d = distances[r * ballsAround.Length + j];
                    if (d < realRadius[i])
                    {
                        ballsAround[j]++;
                        covered[i] = true;
                    }
                    recalled[i] |= d < generatedRadius[j];
                }
            }
        });
        double[] density = [.. ballsAround.Select(b => (double)b / neighbors)];
        double mean = density.Average(), variance = density.Sum(d => (d - mean) * (d - mean)) / (density.Length - 1);
        return new NeighborhoodScores(
            WilsonInterval.Of(ballsAround.Count(b => b > 0), generated.Count), WilsonInterval.Of(recalled.Count(r => r), real.Count),
            mean, Math.Sqrt(variance / density.Length), WilsonInterval.Of(covered.Count(c => c), real.Count));
    }

    // Squared distance to the k-th neighbor other than the sample itself.
    private static double[] Radii(Tensor x, int neighbors)
    {
        var radii = new double[x.Size(0)];
        ForBlocks(x, x, (start, rows, distances) =>
        {
            var row = new double[radii.Length];
            for (int r = 0; r < rows; r++)
            {
                distances.Slice(r * radii.Length, radii.Length).CopyTo(row);
                row[start + r] = -1;
                Array.Sort(row);
                radii[start + r] = row[neighbors];
            }
        });
        return radii;
    }

    private delegate void Visit(int start, int rows, ReadOnlySpan<double> distances);

    private static void ForBlocks(Tensor x, Tensor y, Visit visit)
    {
        using var scope = TensorScope.Enter();
        Tensor normsY = y.Square().Sum([1]);
        for (int start = 0; start < x.Size(0); start += BlockRows)
        {
            using var block = TensorScope.Enter();
            long rows = Math.Min(BlockRows, x.Size(0) - start);
            Tensor part = x.Narrow(0, start, rows);
            Tensor distances = (part.Square().Sum([1], keepDim: true) + normsY - 2 * part.Matmul(y.Transpose(0, 1))).Clamp(min: 0);
            visit(start, (int)rows, distances.AsSpan<double>());
        }
    }
}

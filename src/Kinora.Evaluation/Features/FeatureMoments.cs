// Mean and covariance of feature vectors that arrive in batches; memory does not grow with their number.
// Formula: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances" (1979):
//   delta = mean_b − mean_a;  M2 = M2_a + M2_b + delta·deltaᵀ · n_a·n_b / (n_a + n_b)
// Numerics  float64 throughout; centered sums, so that large means do not cancel.

using Kinora.Engine;

namespace Kinora.Evaluation.Features;

/// <summary>Running mean and covariance in float64. Dispose frees its tensors.</summary>
public sealed class FeatureMoments : IDisposable
{
    private const int ChunkRows = 4096;
    private Tensor _mean, _scatter;

    /// <summary>No vectors yet.</summary>
    /// <param name="dimension">Numbers in a vector.</param>
    public FeatureMoments(int dimension)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        Dimension = dimension;
        _mean = Tensor.Zeros([dimension], DType.Float64).Own();
        _scatter = Tensor.Zeros([dimension, dimension], DType.Float64).Own();
    }

    /// <summary>Numbers in a vector.</summary>
    public int Dimension { get; }

    /// <summary>Vectors so far.</summary>
    public long Count { get; private set; }

    /// <summary>The moments of a whole matrix.</summary>
    public static FeatureMoments Of(FeatureMatrix features)
    {
        ArgumentNullException.ThrowIfNull(features);
        var moments = new FeatureMoments(features.Dimension);
        for (int start = 0; start < features.Count; start += ChunkRows)
        {
            using var scope = TensorScope.Enter();
            int n = Math.Min(ChunkRows, features.Count - start);
            moments.Add(Tensor.FromArray(features.Values.AsSpan(start * features.Dimension, n * features.Dimension), n, features.Dimension));
        }
        return moments;
    }

    /// <summary>Takes in vectors [n, d] of any floating type.</summary>
    public void Add(Tensor batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        using var scope = TensorScope.Enter();
        var x = batch.To(Device.Cpu).To(DType.Float64);
        if (x.Dim != 2 || x.Size(1) != Dimension)
            throw new ShapeException($"FeatureMoments: expected vectors [n, {Dimension}], got [{string.Join(", ", batch.Shape)}].");
        long n = x.Size(0), total = Count + n;
        var mean = x.Mean([0]);                                                  // [d]
        var centered = x - mean;                                                 // [n, d]
        var delta = (mean - _mean).Unsqueeze(1);                                 // [d, 1]
        _scatter.AddInPlace(centered.Transpose(0, 1).Matmul(centered)).AddInPlace(delta.Matmul(delta.Transpose(0, 1)), (double)Count * n / total);
        _mean.AddInPlace(delta.Squeeze(1), (double)n / total);
        Count = total;
    }

    /// <summary>Mean, float64 [d]; it belongs to these moments.</summary>
    public Tensor Mean => _mean;

    /// <summary>Covariance, float64 [d, d]: sums of squares over n − <paramref name="ddof"/>.</summary>
    /// <exception cref="EvaluationException">There are not more than <paramref name="ddof"/> vectors.</exception>
    public Tensor Covariance(int ddof = 1) =>
        Count > ddof ? _scatter * (1.0 / (Count - ddof)) : throw new EvaluationException($"a covariance with ddof {ddof} needs more than {ddof} vectors, got {Count}.");

    /// <summary>Frees the sums.</summary>
    public void Dispose()
    {
        _mean.Dispose();
        _scatter.Dispose();
    }
}

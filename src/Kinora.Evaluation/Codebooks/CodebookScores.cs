// How well a codebook serves the vectors that it quantizes.
// Paper: Fang et al., "Vector quantization by distribution matching", arXiv:2506.15078.
//   quantization error   mean over vectors of |z − nearest code|²
//   utilization          codes used / codes
//   perplexity           exp(−Σ p log(p + 1e-10)), p the share of vectors at each code
//   Wasserstein          √(|Δμ|² + tr(Σz + Σc − 2√(ΣzΣc))), covariances over n
// The published script takes the eigenvalues of the non-symmetric product ΣzΣc as if it were symmetric (of its lower triangle) and adds 1e-8 under every root;
// that value is given beside the exact one for comparison with published numbers.
// Numerics  float64.

using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Codebooks;

/// <summary>Scores of a codebook.</summary>
/// <param name="QuantizationError">Mean squared distance to the nearest code.</param>
/// <param name="Utilization">Share of codes that are nearest to some vector, 0..1.</param>
/// <param name="Perplexity">Effective number of codes in use.</param>
/// <param name="Wasserstein">Quadratic Wasserstein distance of the Gaussians of vectors and codes.</param>
/// <param name="PublishedWasserstein">The value of the published script.</param>
public readonly record struct CodebookScores(double QuantizationError, double Utilization, double Perplexity, double Wasserstein, double PublishedWasserstein)
{
    private const int BlockRows = 2048;
    private const double LogFloor = 1e-10, RootFloor = 1e-8;

    /// <summary>Scores <paramref name="codes"/> on <paramref name="vectors"/>.</summary>
    /// <exception cref="EvaluationException">The widths differ.</exception>
    public static CodebookScores Of(FeatureMatrix vectors, FeatureMatrix codes)
    {
        ArgumentNullException.ThrowIfNull(vectors);
        ArgumentNullException.ThrowIfNull(codes);
        if (vectors.Dimension != codes.Dimension)
            throw new EvaluationException($"{vectors.Name} has vectors of {vectors.Dimension}, {codes.Name} has codes of {codes.Dimension} numbers.");
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor c = codes.ToTensor(), z = vectors.ToTensor(), norms = c.Square().Sum([1]);
        var used = new long[codes.Count];
        double error = 0;
        for (int start = 0; start < vectors.Count; start += BlockRows)
        {
            using var block = TensorScope.Enter();
            var part = z.Narrow(0, start, Math.Min(BlockRows, vectors.Count - start));
            var nearest = (norms - 2.0 * part.Matmul(c.Transpose(0, 1))).Argmin(1);              // [n]
            error += (part - c.IndexSelect(0, nearest)).Square().Sum().Item();
            foreach (long code in nearest.ToArray<long>())
                used[code]++;
        }
        double entropy = -used.Select(u => (double)u / vectors.Count).Sum(p => p * Math.Log(p + LogFloor));
        var (exact, published) = Distance(vectors, codes);
        return new CodebookScores(error / vectors.Count, (double)used.Count(u => u > 0) / codes.Count, Math.Exp(entropy), exact, published);
    }

    private static (double Exact, double Published) Distance(FeatureMatrix vectors, FeatureMatrix codes)
    {
        using var a = FeatureMoments.Of(vectors);
        using var b = FeatureMoments.Of(codes);
        using var scope = TensorScope.Enter();
        FrechetParts parts = FrechetDistance.Between(a, b, ddof: 0);
        double asSymmetric = a.Covariance(0).Matmul(b.Covariance(0)).LinalgEigvalsh().Clamp(min: 0).Add(RootFloor).Sqrt().Sum().Item();
        double spread = Math.Max(0, parts.TraceA + parts.TraceB - 2 * asSymmetric);
        return (Math.Sqrt(parts.Distance), Math.Sqrt(parts.MeanPart + spread + RootFloor));
    }
}

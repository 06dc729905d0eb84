// Squared maximum mean discrepancy with a polynomial kernel: KID on Inception features, KVD on I3D features, JEDi-type on video encoders.
// Papers: Gretton et al., JMLR 13 (2012); Bińkowski et al., "Demystifying MMD GANs", arXiv:1801.01401; Luo et al. (JEDi), arXiv:2410.05203.
//   k(x, y) = (γ xᵀy + c)^p
// Numerics  float64, in blocks of rows; nothing of size n² is kept.

using Kinora.Engine;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Distributions;

/// <summary>(γ xᵀy + c)^p.</summary>
/// <param name="Degree">p.</param>
/// <param name="Gamma">γ; 1/d where null.</param>
/// <param name="Offset">c.</param>
public sealed record PolynomialKernel(int Degree, double? Gamma, double Offset)
{
    /// <summary>KID and KVD: (xᵀy/d + 1)³.</summary>
    public static PolynomialKernel Cubic { get; } = new(3, null, 1);

    /// <summary>JEDi: (xᵀy/d)².</summary>
    public static PolynomialKernel Quadratic { get; } = new(2, null, 0);
}

/// <summary>A squared discrepancy.</summary>
/// <param name="Unbiased">Without the diagonals; may be slightly negative for equal distributions.</param>
/// <param name="Biased">With the diagonals.</param>
/// <param name="StandardError">Of the unbiased value, from the first-order projections of the U-statistic.</param>
public readonly record struct KernelDiscrepancy(double Unbiased, double Biased, double StandardError);

/// <summary>Squared maximum mean discrepancy between feature sets.</summary>
public static class KernelDistance
{
    private const int BlockRows = 1024;

    /// <summary>The discrepancy between two matrices; the numbers of rows may differ, each needs at least two.</summary>
    public static KernelDiscrepancy Between(FeatureMatrix a, FeatureMatrix b, PolynomialKernel kernel)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        ArgumentNullException.ThrowIfNull(kernel);
        if (a.Dimension != b.Dimension)
            throw new EvaluationException($"kernel distance: {a.Dimension} features in {a.Name}, {b.Dimension} in {b.Name}; both must come from the same network.");
        if (a.Count < 2 || b.Count < 2)
            throw new EvaluationException($"kernel distance: {a.Count} and {b.Count} clips; each side needs at least 2.");
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor x = a.ToTensor(), y = b.ToTensor();
        double n = a.Count, m = b.Count, gamma = kernel.Gamma ?? 1.0 / a.Dimension;
        double[] xx = RowSums(x, x, kernel, gamma), yy = RowSums(y, y, kernel, gamma), xy = RowSums(x, y, kernel, gamma), yx = RowSums(y, x, kernel, gamma);
        double[] xDiagonal = Diagonal(x, kernel, gamma), yDiagonal = Diagonal(y, kernel, gamma);
        double cross = xy.Sum() / (n * m);
        double unbiased = (xx.Sum() - xDiagonal.Sum()) / (n * (n - 1)) + (yy.Sum() - yDiagonal.Sum()) / (m * (m - 1)) - 2 * cross;
        double biased = xx.Sum() / (n * n) + yy.Sum() / (m * m) - 2 * cross;
        double varianceX = Variance([.. Enumerable.Range(0, a.Count).Select(i => (xx[i] - xDiagonal[i]) / (n - 1) - xy[i] / m)]);
        double varianceY = Variance([.. Enumerable.Range(0, b.Count).Select(i => (yy[i] - yDiagonal[i]) / (m - 1) - yx[i] / n)]);
        return new KernelDiscrepancy(unbiased, biased, 2 * Math.Sqrt(varianceX / n + varianceY / m));
    }

    private static double[] RowSums(Tensor x, Tensor y, PolynomialKernel kernel, double gamma)
    {
        var sums = new double[x.Size(0)];
        for (int start = 0; start < sums.Length; start += BlockRows)
        {
            using var scope = TensorScope.Enter();
            long rows = Math.Min(BlockRows, sums.Length - start);
            Apply(x.Narrow(0, start, rows).Matmul(y.Transpose(0, 1)), kernel, gamma).Sum([1]).CopyTo<double>(sums.AsSpan(start, (int)rows));
        }
        return sums;
    }

    private static double[] Diagonal(Tensor x, PolynomialKernel kernel, double gamma)
    {
        using var scope = TensorScope.Enter();
        return Apply(x.Square().Sum([1]), kernel, gamma).ToArray<double>();
    }

    private static Tensor Apply(Tensor products, PolynomialKernel kernel, double gamma) => (products * gamma + kernel.Offset).Pow(kernel.Degree);

    private static double Variance(double[] values)
    {
        double mean = values.Average();
        return values.Sum(v => (v - mean) * (v - mean)) / (values.Length - 1);
    }
}

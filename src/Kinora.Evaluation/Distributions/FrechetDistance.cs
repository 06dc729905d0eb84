// Fréchet distance of two Gaussians: FID on Inception features, FVD on I3D features.
// Papers: Dowson and Landau, "The Fréchet distance between multivariate normal distributions" (1982); Heusel et al., arXiv:1706.08500;
//   Unterthiner et al., arXiv:1812.01717; Chong and Forsyth, "Effectively unbiased FID and Inception Score", arXiv:1911.07023 (extrapolation).
//   |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr √(√Σ₁ Σ₂ √Σ₁)
// Numerics  float64; the root of the symmetric product by eigendecomposition with eigenvalues below rounding set to 0. The root of the
//   non-symmetric product Σ₁Σ₂ that others take fails when there are fewer clips than features.

using Kinora.Engine;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Distributions;

/// <summary>The parts of a Fréchet distance.</summary>
/// <param name="MeanPart">Squared distance of the means.</param>
/// <param name="TraceA">Trace of the first covariance.</param>
/// <param name="TraceB">Trace of the second covariance.</param>
/// <param name="RootTrace">Trace of the root of the product.</param>
public readonly record struct FrechetParts(double MeanPart, double TraceA, double TraceB, double RootTrace)
{
    /// <summary>The distance; rounding below zero is cut off.</summary>
    public double Distance => Math.Max(0, MeanPart + TraceA + TraceB - 2 * RootTrace);
}

/// <summary>Fréchet distance between feature sets.</summary>
public static class FrechetDistance
{
    private const double MachineEpsilon = 2.220446049250313e-16;

    /// <summary>The distance between two matrices; the numbers of rows may differ.</summary>
    public static FrechetParts Between(FeatureMatrix a, FeatureMatrix b, int ddof = 1)
    {
        using var momentsA = FeatureMoments.Of(a);
        using var momentsB = FeatureMoments.Of(b);
        return Between(momentsA, momentsB, ddof);
    }

    /// <summary>The distance between running moments.</summary>
    public static FrechetParts Between(FeatureMoments a, FeatureMoments b, int ddof = 1)
    {
        ArgumentNullException.ThrowIfNull(a);
        ArgumentNullException.ThrowIfNull(b);
        using var scope = TensorScope.Enter();
        return Between(a.Mean, a.Covariance(ddof), b.Mean, b.Covariance(ddof));
    }

    /// <summary>The distance between Gaussians: means [d], covariances [d, d], float64.</summary>
    public static FrechetParts Between(Tensor meanA, Tensor covarianceA, Tensor meanB, Tensor covarianceB)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        return Between(meanA, covarianceA, SymmetricRoot(covarianceA), meanB, covarianceB);
    }

    /// <summary>As above with the root of the first covariance given, for many distances to one reference.</summary>
    public static FrechetParts Between(Tensor meanA, Tensor covarianceA, Tensor rootA, Tensor meanB, Tensor covarianceB)
    {
        ArgumentNullException.ThrowIfNull(meanA);
        ArgumentNullException.ThrowIfNull(meanB);
        if (meanA.Size(0) != meanB.Size(0))
            throw new EvaluationException($"Fréchet distance: {meanA.Size(0)} features on one side, {meanB.Size(0)} on the other; both must come from the same network.");
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        var product = rootA.Matmul(covarianceB).Matmul(rootA);
        product = (product + product.Transpose(0, 1)) * 0.5;
        double root = RootsOf(product.LinalgEigvalsh()).Sum().Item();
        return new FrechetParts((meanA - meanB).Square().Sum().Item(), Trace(covarianceA), Trace(covarianceB), root);
    }

    /// <summary>√Σ of a symmetric positive semidefinite matrix [d, d].</summary>
    public static Tensor SymmetricRoot(Tensor covariance)
    {
        ArgumentNullException.ThrowIfNull(covariance);
        using var scope = TensorScope.Enter();
        var (values, vectors) = covariance.LinalgEigh();
        return scope.Keep((vectors * RootsOf(values)).Matmul(vectors.Transpose(0, 1)));
    }

    // Eigenvalues that are rounding noise count as 0: the root would make 3e-9 of 1e-17.
    private static Tensor RootsOf(Tensor eigenvalues)
    {
        using var scope = TensorScope.Enter();
        double noise = eigenvalues.Size(0) * MachineEpsilon * eigenvalues.Max().Item();
        return scope.Keep(eigenvalues.MaskedFill(eigenvalues.Le(noise), 0).Clamp(min: 0).Sqrt());
    }

    private static double Trace(Tensor matrix) => matrix.Mul(Tensor.Eye(matrix.Size(0), DType.Float64)).Sum().Item();
}

// Oracle: scipy 1.10.1 and numpy on A = LCG(1) 64×8, B = 1.3·LCG(2) + 0.25 48×8, softmax of 6·LCG(3) 100×10; closed forms where named.

using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Tests.Distributions;

public sealed class DistributionMetricsTests
{
    private const double Tight = 1e-9;
    private static readonly FeatureMatrix A = Lcg.Matrix(1, 64, 8), B = Lcg.Matrix(2, 48, 8, 1.3, 0.25);

    [Fact]
    public void Frechet_ReferenceValues_AgreeToNineDigits()
    {
        FrechetParts parts = FrechetDistance.Between(A, B);
        parts.Distance.ShouldBe(1.53512532436, Tight);
        parts.MeanPart.ShouldBe(1.39285730172, Tight);
        parts.TraceA.ShouldBe(0.64887965174, Tight);
        parts.TraceB.ShouldBe(1.10515965984, Tight);
        FrechetDistance.Between(A, B, ddof: 0).Distance.ShouldBe(1.53134923442, Tight);
    }

    // Oracle: the root's trace as the nuclear norm of the cross-product matrix, by one-sided Jacobi rotations. Roots of products in
    // float64 give 2.26318010 (scipy) and 2.2631800993 (symmetric): rounding noise of singular covariances.
    [Fact]
    public void Frechet_FewerRowsThanColumns_IsTheExactValue() =>
        FrechetDistance.Between(A.Take([0, 1, 2, 3, 4, 5]), B.Take([0, 1, 2, 3, 4, 5])).Distance.ShouldBe(2.2631801033172225, Tight);

    [Fact]
    public void Frechet_ClosedForms_AreExact()
    {
        using var scope = TensorScope.Enter();
        Tensor V(params double[] v) => Tensor.FromArray(v, v.Length);
        Tensor M(params double[] v) => Tensor.FromArray(v, 2, 2);
        FrechetDistance.Between(V(0, 0), M(4, 0, 0, 1), V(3, 0), M(1, 0, 0, 9)).Distance.ShouldBe(14, 1e-12);
        FrechetDistance.Between(V(1, 2), M(2, 1, 1, 2), V(0, 0), M(3, -1, -1, 1)).Distance.ShouldBe(6.3972795, 1e-7);
    }

    [Fact]
    public void Moments_BatchesOfAnySize_GiveTheSameAsOneBatch()
    {
        using var scope = TensorScope.Enter();
        using var whole = FeatureMoments.Of(A);
        using var parts = new FeatureMoments(8);
        foreach (var (start, count) in new[] { (0, 1), (1, 30), (31, 33) })
            parts.Add(A.ToTensor().Narrow(0, start, count));
        parts.Count.ShouldBe(64);
        (parts.Covariance() - whole.Covariance()).Abs().Max().Item().ShouldBeLessThan(1e-14);
    }

    [Fact]
    public void Kernel_ReferenceValues_AgreeToNineDigits()
    {
        KernelDiscrepancy kid = KernelDistance.Between(A, B, PolynomialKernel.Cubic);
        kid.Unbiased.ShouldBe(2.14111109540, Tight);
        kid.Biased.ShouldBe(2.18529271328, Tight);
        var x = new FeatureMatrix("x", 3, 2, [1, 0, 0, 1, 1, 1]);
        var y = new FeatureMatrix("y", 3, 2, [0, 0, 1, 2, 2, 1]);
        KernelDistance.Between(x, y, PolynomialKernel.Cubic).Unbiased.ShouldBe(-0.416667, 1e-6);
    }

    [Fact]
    public void Kernel_Quadratic_AgreesWithTheReference()
    {
        KernelDiscrepancy k = KernelDistance.Between(A, B, PolynomialKernel.Quadratic);
        new[] { k.Unbiased, k.Biased }.Min(v => Math.Abs(v - 0.38037248490)).ShouldBeLessThan(Tight);
    }

    [Fact]
    public void Neighborhoods_ReferenceValues_AreExact()
    {
        NeighborhoodScores n = NeighborhoodScores.Of(A, B, 3);
        n.Precision.Share.ShouldBe(0.0625);
        n.Recall.Share.ShouldBe(0.71875);
        n.Density.ShouldBe(0.11111111, 1e-8);
        n.Coverage.Share.ShouldBe(0.234375);
    }

    [Fact]
    public void Wasserstein_ReferenceValues_AgreeToNineDigits()
    {
        double[] w = MarginalWasserstein.Between(A, B);
        w.Average().ShouldBe(0.41059897158, Tight);
        w[0].ShouldBe(0.33765287029, Tight);
    }

    [Fact]
    public void Inception_ReferenceValues_AgreeToNineDigits()
    {
        FeatureMatrix logits = Lcg.Matrix(3, 100, 10, 6);
        var p = new FeatureMatrix("p", 100, 10, [.. Enumerable.Range(0, 100).SelectMany(i => Softmax(logits.Row(i)))]);
        InceptionScore.Of(p).Mean.ShouldBe(2.05904690745, Tight);
        InceptionScoreValue ten = InceptionScore.Of(p, 10);
        ten.Mean.ShouldBe(1.90695457222, Tight);
        ten.Deviation.ShouldBe(0.15218299446, Tight);
        InceptionScore.Of(new FeatureMatrix("rows", 4, 3, [.7, .2, .1, .1, .8, .1, .2, .2, .6, .3, .4, .3])).Mean.ShouldBe(1.24211, 1e-5);
    }

    [Fact]
    public void Inception_Logits_AreRefusedWithTheRow() =>
        Should.Throw<EvaluationException>(() => InceptionScore.Of(new FeatureMatrix("logits.npy", 2, 2, [1, 1, -3, 4]))).Message.ShouldContain("row 1");

    [Fact]
    public void Extrapolation_OfSamplesOfOneDistribution_LiesBelowTheMeasuredValue()
    {
        FeatureMatrix real = Lcg.Matrix(7, 2000, 8), generated = Lcg.Matrix(9, 400, 8);
        double measured = FrechetDistance.Between(real, generated).Distance;
        FrechetExtrapolation e = FrechetUncertainty.Extrapolate(real, generated, seed: 1);
        e.Slope.ShouldBeGreaterThan(0);
        Math.Abs(e.Limit).ShouldBeLessThan(measured);
        e.StandardError.ShouldBeGreaterThan(0);
    }

    private static double[] Softmax(ReadOnlySpan<double> logits)
    {
        double[] e = [.. logits.ToArray().Select(Math.Exp)];
        double sum = e.Sum();
        return [.. e.Select(v => v / sum)];
    }
}

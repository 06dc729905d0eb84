using Kinora.Engine;
using Kinora.Evaluation.Distributions;
using Kinora.Evaluation.Features;

namespace Kinora.Evaluation.Parity.Runners;

/// <summary>Fréchet and kernel distances of feature matrices: one symmetric float64 formulation against three published ones.</summary>
internal sealed class FrechetRunner : IFixtureRunner
{
    private const double MomentTolerance = 1e-6;

    public IReadOnlyList<string> Classes { get; } = ["Frechet distance (pytorch-fid / StyleGAN-V / VideoGPT formulations), KID", "Frechet distance, N < D"];

    public void Run(Fixture fixture, FixtureOutputs outputs)
    {
        FeatureMatrix a = Matrix(fixture, "a"), b = Matrix(fixture, "b");
        using FeatureMoments moments = FeatureMoments.Of(a);
        outputs.Add("out.mu_a", moments.Mean, new Tolerance(MomentTolerance));
        outputs.Add("out.sigma_a", moments.Covariance(), new Tolerance(MomentTolerance));
        var advice = fixture.Meta.GetProperty("tolerance_advice");
        var tolerance = new Tolerance(0, advice.GetProperty("fid_rel").GetDouble());
        double distance = FrechetDistance.Between(a, b).Distance;
        foreach (string name in new[] { "out.fid_pytorch_fid", "out.fvd_styleganv", "out.fvd_videogpt_svd" })
            outputs.Add(name, Tensor.FromArray([distance], 1), tolerance);
        // Where the fixture states no tolerance for the kernel distance, that of its sibling holds: 1e-9.
        double kernel = advice.TryGetProperty("kid_rel", out var stated) ? stated.GetDouble() : 1e-9;
        outputs.Add("out.kid_unbiased_full", Tensor.FromArray([KernelDistance.Between(a, b, PolynomialKernel.Cubic).Unbiased], 1), new Tolerance(0, kernel));
    }

    internal static FeatureMatrix Matrix(Fixture fixture, string name)
    {
        Tensor t = fixture.Input(name);
        return new FeatureMatrix($"{fixture.Name}: in.{name}", (int)t.Size(0), (int)t.Size(1), t.To(DType.Float64).ToArray<double>());
    }
}

// DPM-Solver++ with the preconditioning of EDM: the signal is not scaled, α = 1 and λ = −ln σ.
// Papers: Karras et al., arXiv:2206.00364, table 1; Lu et al., arXiv:2211.01095, algorithm 2.

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class EdmDpmMultistepSampler(EdmPreconditioning edm, CleanLimit limit, DpmAlgorithm algorithm, bool midpoint, MultistepOrder orders, double sigmaMax, double[] sigmas)
    : DpmMultistepSampler(null, PredictionType.Sample, limit, isFlow: false, algorithm, midpoint, orders, [.. Rounded(sigmas.SkipLast(1).Select(EdmPreconditioning.NoiseCondition))], sigmas)
{
    public override double InitialNoiseScale => Math.Sqrt(sigmaMax * sigmaMax + 1);

    public override Tensor ScaleInput(Tensor x, int call) => x * edm.InputScale(Sigmas[call]);

    protected override double Alpha(int index) => 1;

    protected override double Sigma(int index) => Sigmas[index];

    protected override Tensor Unlimited(Tensor output, Tensor x, int call) => edm.Clean(output, x, Sigmas[call]);
}

/// <summary>c_in = 1/√(σ² + σd²), c_skip = σd²/(σ² + σd²), c_out = σ σd/√(σ² + σd²) (− for v), c_noise = ¼ ln σ.</summary>
/// <param name="SigmaData">σd.</param>
/// <param name="PredictsVelocity">Whether c_out is negative.</param>
internal readonly record struct EdmPreconditioning(double SigmaData, bool PredictsVelocity)
{
    public static double NoiseCondition(double sigma) => Math.Log(sigma) / 4;

    public double InputScale(double sigma) => 1 / Math.Sqrt(Square(sigma));

    /// <summary>x₀ = c_skip x + c_out F.</summary>
    public Tensor Clean(Tensor output, Tensor x, double sigma)
    {
        double outScale = sigma * SigmaData / Math.Sqrt(Square(sigma));
        return LinearCombination.Of((SigmaData * SigmaData / Square(sigma), x), (PredictsVelocity ? -outScale : outScale, output));
    }

    private double Square(double sigma) => sigma * sigma + SigmaData * SigmaData;
}

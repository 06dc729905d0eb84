// Euler's method with the preconditioning of EDM.
// Paper: Karras et al., arXiv:2206.00364, table 1 and algorithm 2.

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class EdmEulerSampler(EdmPreconditioning edm, double sigmaMax, double[] sigmas, SamplingOptions options)
    : StepwiseSampler(Rounded(sigmas.SkipLast(1).Select(EdmPreconditioning.NoiseCondition)), sigmas)
{
    public override double InitialNoiseScale => Math.Sqrt(sigmaMax * sigmaMax + 1);

    public override Tensor ScaleInput(Tensor x, int call) => x * edm.InputScale(Sigmas[call]);

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => LinearCombination.Of((1, x), (Sigmas[CallOf(timestep)], noise));

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        (x, double sigma) = Churn.Apply(x, Sigmas[call], Sigmas.Count - 1, options, noise);
        Tensor clean = edm.Clean(output, x, sigma);
        return new StepwiseResult(LinearCombination.Of((1 + (Sigmas[call + 1] - sigma) / sigma, x), (-(Sigmas[call + 1] - sigma) / sigma, clean)), clean);
    }
}

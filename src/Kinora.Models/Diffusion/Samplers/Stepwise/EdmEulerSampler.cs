// Euler's method with the preconditioning of EDM.
// Paper: Karras et al., arXiv:2206.00364, table 1 and algorithm 2.
//     c_in = 1/√(σ² + σd²), c_skip = σd²/(σ² + σd²), c_out = σ σd/√(σ² + σd²) (− for v), c_noise = ¼ ln σ;  x₀ = c_skip x + c_out F(c_in x, c_noise)

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class EdmEulerSampler(PredictionType prediction, double sigmaData, double sigmaMax, double[] sigmas, SamplingOptions options)
    : StepwiseSampler(Rounded(sigmas.SkipLast(1).Select(s => Math.Log(s) / 4)), sigmas)
{
    public override double InitialNoiseScale => Math.Sqrt(sigmaMax * sigmaMax + 1);

    public override Tensor ScaleInput(Tensor x, int call) => x * (1 / Math.Sqrt(Sigmas[call] * Sigmas[call] + sigmaData * sigmaData));

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => LinearCombination.Of((1, x), (Sigmas[CallOf(timestep)], noise));

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        (x, double sigma) = Churn.Apply(x, Sigmas[call], Sigmas.Count - 1, options, noise);
        double square = sigma * sigma + sigmaData * sigmaData, outScale = sigma * sigmaData / Math.Sqrt(square);
        Tensor clean = LinearCombination.Of((sigmaData * sigmaData / square, x), (prediction == PredictionType.Velocity ? -outScale : outScale, output));
        return new StepwiseResult(LinearCombination.Of((1 + (Sigmas[call + 1] - sigma) / sigma, x), (-(Sigmas[call + 1] - sigma) / sigma, clean)), clean);
    }
}

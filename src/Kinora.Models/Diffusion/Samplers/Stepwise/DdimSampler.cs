// Paper: Song et al., arXiv:2010.02502, equations 12 and 16.
//     std = η √((1 − ᾱ_s)/(1 − ᾱ_t)) √(1 − ᾱ_t/ᾱ_s);  z_s = √ᾱ_s x₀ + √(1 − ᾱ_s − std²) ε + std · n
// s = t − ⌊T/N⌋ whatever the spacing, as published.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class DdimSampler(NoiseSchedule training, PredictionType prediction, CleanLimit limit, double finalAlpha, double eta, bool useClipped, double[] timesteps, int stride) : StepwiseSampler(timesteps)
{
    public override NoiseSchedule Training => training;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        int t = (int)Timesteps[call];
        double a = training.AlphasCumprod[t], s = t >= stride ? training.AlphasCumprod[t - stride] : finalAlpha;
        double alpha = Math.Sqrt(a), sigma = Math.Sqrt(1 - a);
        Tensor clean = limit.Apply(Prediction.Clean(prediction, output, x, alpha, sigma));
        Tensor epsilon = useClipped ? LinearCombination.Of((1 / sigma, x), (-alpha / sigma, clean)) : Prediction.Noise(prediction, output, x, alpha, sigma);
        double std = eta * Math.Sqrt((1 - s) / (1 - a) * (1 - a / s));
        Tensor next = LinearCombination.Of((Math.Sqrt(s), clean), (Math.Sqrt(1 - s - std * std), epsilon));
        if (eta > 0)
        {
            next.AddInPlace(noise(), std);
        }
        return new StepwiseResult(next, clean);
    }
}

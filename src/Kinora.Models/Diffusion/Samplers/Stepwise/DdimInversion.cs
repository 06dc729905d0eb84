// DDIM run backwards: from clean latents to the noise that deterministic DDIM would turn into them.
// Papers: Song et al., arXiv:2010.02502, section 4.3; Mokady et al., arXiv:2211.09794, section 3.1.
//     z_t = √ᾱ_t x₀ + √(1 − ᾱ_t) ε, with x₀ and ε as the network sees them at s = t − ⌊T/N⌋

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class DdimInversion(NoiseSchedule training, PredictionType prediction, double? clipRange, double initialAlpha, double[] timesteps, int stride) : StepwiseSampler(timesteps)
{
    public override NoiseSchedule Training => training;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        int to = (int)Timesteps[call], from = Math.Min(to - stride, training.Count - 1);
        double a = from >= 0 ? training.AlphasCumprod[from] : initialAlpha, s = training.AlphasCumprod[to];
        double alpha = Math.Sqrt(a), sigma = Math.Sqrt(1 - a);
        Tensor clean = Prediction.Clean(prediction, output, x, alpha, sigma);
        Tensor epsilon = Prediction.Noise(prediction, output, x, alpha, sigma);
        if (clipRange is { } range)
        {
            clean = clean.Clamp(-range, range);
        }
        return new StepwiseResult(LinearCombination.Of((Math.Sqrt(s), clean), (Math.Sqrt(1 - s), epsilon)), clean);
    }
}

// Ancestral sampling from the posterior q(z_s | z_t, x₀).
// Papers: Ho et al., arXiv:2006.11239, equations 6 and 7; Nichol & Dhariwal, arXiv:2102.09672, equation 15 (learned variance).
//     α = ᾱ_t/ᾱ_s, β = 1 − α;  z_s = √ᾱ_s β/(1 − ᾱ_t) x₀ + √α (1 − ᾱ_s)/(1 − ᾱ_t) z_t + std · n
//     std² = β̃ = (1 − ᾱ_s)/(1 − ᾱ_t) β (fixed_small), β (fixed_large), or exp(f ln β + (1 − f) ln β̃) with f = (v + 1)/2 (learned_range)
// s is the next timestep of the list itself; at t = 0 there is no noise.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>The variance of a DDPM step.</summary>
internal enum PosteriorVariance
{
    Small,
    Large,
    LearnedRange,
}

internal sealed class DdpmSampler(NoiseSchedule training, PredictionType prediction, CleanLimit limit, PosteriorVariance variance, double[] timesteps) : StepwiseSampler(timesteps)
{
    private const double SmallestVariance = 1e-20;

    public override NoiseSchedule Training => training;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        int t = (int)Timesteps[call];
        double a = training.AlphasCumprod[t], s = call + 1 < Timesteps.Count ? training.AlphasCumprod[(int)Timesteps[call + 1]] : 1;
        double alpha = a / s, beta = 1 - alpha;
        Tensor? spread = null;
        if (variance == PosteriorVariance.LearnedRange)
        {
            Tensor[] halves = output.Chunk(2, 1);                                                // 2 x [B, C, …]
            (output, spread) = (halves[0], halves[1]);
        }
        Tensor clean = limit.Apply(Prediction.Clean(prediction, output, x, Math.Sqrt(a), Math.Sqrt(1 - a)));
        Tensor next = LinearCombination.Of((Math.Sqrt(s) * beta / (1 - a), clean), (Math.Sqrt(alpha) * (1 - s) / (1 - a), x));
        if (t > 0)
        {
            double small = Math.Max((1 - s) / (1 - a) * beta, SmallestVariance);
            Tensor n = noise();
            next = variance switch
            {
                PosteriorVariance.Small => next.AddInPlace(n, Math.Sqrt(small)),
                PosteriorVariance.Large => next.AddInPlace(n, Math.Sqrt(beta)),
                _ => next + (spread! * (0.25 * (Math.Log(beta) - Math.Log(small))) + 0.25 * (Math.Log(beta) + Math.Log(small))).Exp() * n,
            };
        }
        return new StepwiseResult(next, clean);
    }
}

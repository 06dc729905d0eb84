// Few-step sampling of consistency models.
// Papers: Luo et al., "Latent consistency models", arXiv:2310.04378, algorithm 3; Zheng et al., "Trajectory consistency distillation",
//         arXiv:2402.19159, algorithm 2.
//     LCM: f = c_skip z + c_out x₀, c_skip = σd²/(τ² + σd²), c_out = τ/√(τ² + σd²), τ = scaling · t;  z_s = √ᾱ_s f + √(1 − ᾱ_s) n
//     TCD: r = ⌊(1 − γ) s⌋;  z_r = √ᾱ_r x₀ + √(1 − ᾱ_r) ε;  z_s = √(ᾱ_s/ᾱ_r) z_r + √(1 − ᾱ_s/ᾱ_r) n
// The timesteps are N of the steps that the teacher was distilled with.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal static class ConsistencyTimesteps
{
    /// <summary>N timesteps out of the teacher's, evenly by index from the noisiest.</summary>
    public static double[] Of(int steps, int teacherSteps, int trainingSteps)
    {
        if (steps > teacherSteps)
        {
            throw new ConfigException($"{steps} steps: the model was distilled from {teacherSteps} steps, so at most {teacherSteps} are possible.");
        }
        int stride = trainingSteps / teacherSteps;
        return [.. Enumerable.Range(0, steps).Select(i => (double)((teacherSteps - (int)Math.Floor((double)teacherSteps * i / steps)) * stride - 1))];
    }
}

internal sealed class LcmSampler(NoiseSchedule training, PredictionType prediction, CleanLimit limit, double finalAlpha, double timestepScaling, double[] timesteps) : StepwiseSampler(timesteps)
{
    private const double SigmaData = 0.5;

    public override NoiseSchedule Training => training;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        bool last = call == Timesteps.Count - 1;
        int t = (int)Timesteps[call], next = last ? t : (int)Timesteps[call + 1];
        double a = training.AlphasCumprod[t], s = next >= 0 ? training.AlphasCumprod[next] : finalAlpha;
        double tau = timestepScaling * t, square = tau * tau + SigmaData * SigmaData;
        Tensor clean = limit.Apply(Prediction.Clean(prediction, output, x, Math.Sqrt(a), Math.Sqrt(1 - a)));
        Tensor f = LinearCombination.Of((tau / Math.Sqrt(square), clean), (SigmaData * SigmaData / square, x));
        return last ? new StepwiseResult(f, f) : new StepwiseResult(LinearCombination.Of((Math.Sqrt(s), f), (Math.Sqrt(1 - s), noise())), f);
    }
}

internal sealed class TcdSampler(NoiseSchedule training, PredictionType prediction, CleanLimit limit, double finalAlpha, double gamma, double[] timesteps) : StepwiseSampler(timesteps)
{
    public override NoiseSchedule Training => training;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        bool last = call == Timesteps.Count - 1;
        int t = (int)Timesteps[call], next = last ? 0 : (int)Timesteps[call + 1], r = (int)Math.Floor((1 - gamma) * next);
        double a = training.AlphasCumprod[t], s = next >= 0 ? training.AlphasCumprod[next] : finalAlpha, ar = training.AlphasCumprod[r];
        double alpha = Math.Sqrt(a), sigma = Math.Sqrt(1 - a);
        Tensor clean = limit.Apply(Prediction.Clean(prediction, output, x, alpha, sigma));
        Tensor z = LinearCombination.Of((Math.Sqrt(ar), clean), (Math.Sqrt(1 - ar), Prediction.Noise(prediction, output, x, alpha, sigma)));
        if (gamma > 0 && !last)
        {
            z = LinearCombination.Of((Math.Sqrt(s / ar), z), (Math.Sqrt(1 - s / ar), noise()));
        }
        return new StepwiseResult(z, clean);
    }
}

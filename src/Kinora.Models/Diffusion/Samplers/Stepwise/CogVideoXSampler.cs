// The two samplers of CogVideoX, in ᾱ.
// Paper: Yang et al., arXiv:2408.06072; the second is DPM-Solver++ 2M SDE (Lu et al., arXiv:2211.01095, section 5) written in ᾱ.
//     DDIM: a = √((1 − ᾱ_s)/(1 − ᾱ_t));  z_s = a z_t + (√ᾱ_s − a √ᾱ_t) x₀
//     DPM:  λ = ½ ln(ᾱ/(1 − ᾱ)), h = λ_s − λ_t, r = (λ_t − λ_back)/h, D = (1 + 1/2r) x₀ − (1/2r) x₀_back (the first and last step: D = x₀)
//           z_s = √((1 − ᾱ_s)/(1 − ᾱ_t)) e^{−h} z_t − (e^{−2h} − 1) √ᾱ_s D + √(1 − ᾱ_s) √(1 − e^{−2h}) n
// At zero signal λ = −∞: then 1/r = 0 and e^{−h} = 0, so the formulas need no special case.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class CogVideoXDdimSampler(NoiseSchedule training, PredictionType prediction, double finalAlpha, double[] timesteps, int stride) : StepwiseSampler(timesteps)
{
    public override NoiseSchedule Training => training;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        int t = (int)Timesteps[call];
        double a = training.AlphasCumprod[t], s = t >= stride ? training.AlphasCumprod[t - stride] : finalAlpha;
        Tensor clean = Prediction.Clean(prediction, output, x, Math.Sqrt(a), Math.Sqrt(1 - a));
        double keep = Math.Sqrt((1 - s) / (1 - a));
        return new StepwiseResult(LinearCombination.Of((keep, x), (Math.Sqrt(s) - Math.Sqrt(a) * keep, clean)), clean);
    }
}

internal sealed class CogVideoXDpmSampler(NoiseSchedule training, PredictionType prediction, double finalAlpha, double[] timesteps, int stride) : StepwiseSampler(timesteps)
{
    private readonly TensorHistory _clean = new(1);
    private int _back;

    public override NoiseSchedule Training => training;

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => training.AddNoise(x, noise, (int)timestep);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        int t = (int)Timesteps[call];
        bool last = t < stride;
        double a = training.AlphasCumprod[t], s = last ? finalAlpha : training.AlphasCumprod[t - stride];
        double h = Lambda(s) - Lambda(a);
        Tensor clean = Prediction.Clean(prediction, output, x, Math.Sqrt(a), Math.Sqrt(1 - a));
        Tensor n = noise();
        Tensor d = clean;
        if (_clean.Count > 0 && !last)
        {
            double r = (Lambda(a) - Lambda(training.AlphasCumprod[_back])) / h;
            d = LinearCombination.Of((1 + 1 / (2 * r), clean), (-1 / (2 * r), _clean[0]));
            n = noise(); // the published sampler draws for the first-order step as well and leaves that draw unused
        }
        _clean.Push(clean);
        _back = t;
        double decay = Math.Exp(-2 * h) - 1;
        double spread = Math.Sqrt(1 - s) * Math.Sqrt(-decay);
        return new StepwiseResult(LinearCombination.Of((Math.Sqrt((1 - s) / (1 - a)) * Math.Exp(-h), x), (-decay * Math.Sqrt(s), d), (spread, n)), clean);
    }

    protected override void Dispose(bool disposing)
    {
        _clean.Dispose();
        base.Dispose(disposing);
    }

    private static double Lambda(double alphaCumprod) => 0.5 * (Math.Log(alphaCumprod) - Math.Log(1 - alphaCumprod));
}

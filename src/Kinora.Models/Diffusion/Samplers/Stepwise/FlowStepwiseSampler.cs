// Rectified flows: z = (1 − σ) x₀ + σ ε, dz/dσ = v, network time 1000 σ.
// Papers: Esser et al., arXiv:2403.03206, section 5.3.2 (shift); Karras et al., arXiv:2206.00364, algorithm 1 (Heun).
//     Euler:  z ← z + (σ_next − σ) v;  stochastic: x₀ = z − σ v, z ← (1 − σ_next) x₀ + σ_next n

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class FlowEulerStepwiseSampler(double[] timesteps, double[] sigmas, bool stochastic) : StepwiseSampler(timesteps, sigmas)
{
    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep)
    {
        double sigma = Sigmas[CallOf(timestep)];
        return LinearCombination.Of((1 - sigma, x), (sigma, noise));
    }

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        double sigma = Sigmas[call], to = Sigmas[call + 1];
        Tensor clean = LinearCombination.Of((1, x), (-sigma, output));
        return new StepwiseResult(stochastic ? LinearCombination.Of((1 - to, clean), (to, noise())) : LinearCombination.Of((1, x), (to - sigma, output)), clean);
    }
}

internal sealed class FlowHeunStepwiseSampler(double[] timesteps, double[] sigmas) : StepwiseSampler(timesteps, sigmas)
{
    private readonly TensorHistory _begin = new(1), _slope = new(1);

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep)
    {
        double sigma = Sigmas[CallOf(timestep)];
        return LinearCombination.Of((1 - sigma, x), (sigma, noise));
    }

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        Tensor clean = LinearCombination.Of((1, x), (-Sigmas[call], output));
        if (_begin.Count > 0)
        {
            double half = (Sigmas[call] - Sigmas[call - 1]) / 2;
            Tensor next = LinearCombination.Of((1, _begin[0]), (half, _slope[0]), (half, output));
            _begin.Clear();
            return new StepwiseResult(next, clean);
        }
        _begin.Push(x);
        _slope.Push(output);
        return new StepwiseResult(LinearCombination.Of((1, x), (Sigmas[call + 1] - Sigmas[call], output)), clean);
    }

    protected override void Dispose(bool disposing)
    {
        _begin.Dispose();
        _slope.Dispose();
        base.Dispose(disposing);
    }
}

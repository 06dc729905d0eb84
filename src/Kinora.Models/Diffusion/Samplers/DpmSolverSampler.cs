// DPM-Solver++ (2M) on the flow schedule α = 1 − σ, in data prediction.
// Paper: Lu et al., arXiv:2211.01095, algorithm 2.
//     λ = ln(α/σ),  D = x − σ v,  h = λ_next − λ,  r = (λ − λ_previous) / h
//     D̂ = D + (D − D_previous) / (2r),  x ← (σ_next/σ) x − α_next (e^{−h} − 1) D̂;  the first step and a step to σ = 0 use D̂ = D
// At σ = 1, λ = −∞: then r = ∞ and the second step is first order too, without a special case.

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers;

/// <summary>Second order, one network call per step.</summary>
public static class DpmSolverSampler
{
    /// <inheritdoc cref="EulerSampler.Sample"/>
    public static Tensor Sample(Func<Tensor, double, Tensor> velocity, Tensor x, IReadOnlyList<double> sigmas, Action<SamplerStep>? onStep = null)
    {
        ArgumentNullException.ThrowIfNull(velocity);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(sigmas);
        using var scope = TensorScope.Enter();
        Tensor current = x.Alias();
        Tensor previous = x.Alias(); // D of the step before; not read in the first one
        for (int i = 0; i + 1 < sigmas.Count; i++)
        {
            using var step = TensorScope.Enter();
            var (sigma, next) = (sigmas[i], sigmas[i + 1]);
            Tensor d = current - velocity(current, sigma) * sigma;
            onStep?.Invoke(new SamplerStep(i + 1, sigmas.Count - 1, sigma, d));
            double h = Lambda(next) - Lambda(sigma);
            Tensor dHat = d;
            if (i > 0 && next > 0)
            {
                double r = (Lambda(sigma) - Lambda(sigmas[i - 1])) / h;
                dHat = d + (d - previous) * (1 / (2 * r));
            }
            Tensor stepped = current * (next / sigma) - dHat * ((1 - next) * Math.Exp(-h) - (1 - next));
            TensorScope.Replace(ref previous, step.Keep(d));
            TensorScope.Replace(ref current, step.Keep(stepped));
        }
        return scope.Keep(current);
    }

    /// <summary>Half the logarithm of the signal-to-noise ratio, ln((1 − σ)/σ): −∞ at pure noise, +∞ at data.</summary>
    internal static double Lambda(double sigma) => Math.Log(1 - sigma) - Math.Log(sigma);
}

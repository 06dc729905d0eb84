// Euler's method for the flow ODE dx/dσ = v(x, σ).
//     x ← x + (σ_next − σ) v

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers;

/// <summary>First order, one network call per step.</summary>
public static class EulerSampler
{
    /// <summary>Integrates from the first noise level to the last.</summary>
    /// <param name="velocity">(x, σ) → v of x's shape.</param>
    /// <param name="x">Noise at the first level.</param>
    /// <param name="sigmas">Falling noise levels.</param>
    /// <param name="onStep">Called after every step.</param>
    public static Tensor Sample(Func<Tensor, double, Tensor> velocity, Tensor x, IReadOnlyList<double> sigmas, Action<SamplerStep>? onStep = null)
    {
        ArgumentNullException.ThrowIfNull(velocity);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(sigmas);
        using var scope = TensorScope.Enter();
        Tensor current = x.Alias();
        for (int i = 0; i + 1 < sigmas.Count; i++)
        {
            using var step = TensorScope.Enter();
            Tensor v = velocity(current, sigmas[i]);
            onStep?.Invoke(new SamplerStep(i + 1, sigmas.Count - 1, sigmas[i], current - v * sigmas[i]));
            TensorScope.Replace(ref current, step.Keep(current + v * (sigmas[i + 1] - sigmas[i])));
        }
        return scope.Keep(current);
    }
}

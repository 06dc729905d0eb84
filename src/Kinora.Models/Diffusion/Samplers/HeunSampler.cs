// Heun's method for the flow ODE: the average of the slopes at both ends of an Euler step.
// Paper: Karras et al., arXiv:2206.00364, algorithm 1 (there in the variance-exploding form).
//     x' = x + Δ v(x, σ),  x ← x + Δ (v(x, σ) + v(x', σ_next)) / 2,  Δ = σ_next − σ;  a step that ends at σ = 0 stays Euler's

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers;

/// <summary>Second order, two network calls per step except the last.</summary>
public static class HeunSampler
{
    /// <inheritdoc cref="EulerSampler.Sample"/>
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
            double delta = sigmas[i + 1] - sigmas[i];
            Tensor v = velocity(current, sigmas[i]);
            onStep?.Invoke(new SamplerStep(i + 1, sigmas.Count - 1, sigmas[i], current - v * sigmas[i]));
            Tensor next = current + v * delta;
            if (sigmas[i + 1] > 0)
            {
                next = current + (v + velocity(next, sigmas[i + 1])) * (delta / 2);
            }
            TensorScope.Replace(ref current, step.Keep(next));
        }
        return scope.Keep(current);
    }
}

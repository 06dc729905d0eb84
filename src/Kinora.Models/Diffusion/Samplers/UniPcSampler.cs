// UniPC of order 2 (B₂, data prediction) on the flow schedule α = 1 − σ: each step's prediction is corrected once the network has seen it.
// Paper: Zhao et al., arXiv:2302.04867, algorithms 1 and 2 and appendix D. The default sampler of Wan 2.1 (wan/utils/fm_solvers_unipc.py).
//     λ = ln(α/σ),  h = λ_next − λ,  φ₁ = B = e^{−h} − 1,  base = (σ_next/σ) x − α_next φ₁ D
//     predict  x_next = base − α_next B ½ (D_previous − D)/r,  r = (λ_previous − λ)/h
//     correct  x_next = base − α_next B (ρ₁ (D_previous − D)/r + ρ₂ (D_next − D)),  with ρ from ρ₁ + ρ₂ = b₁ and r ρ₁ + ρ₂ = b₂,
//              b₁ = (φ₁/(−h) − 1)/B,  b₂ = 2 ((φ₁/(−h) − 1)/(−h) − ½)/B;  at order 1, ρ₂ = ½ alone
// The first step and the last are first order. At σ = 1, λ = −∞ and 1/r = 0, so the formulas need no special case.

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers;

/// <summary>Second order with a small error constant (the steps between the first and the last are third order), one network call per step.</summary>
public static class UniPcSampler
{
    /// <inheritdoc cref="EulerSampler.Sample"/>
    public static Tensor Sample(Func<Tensor, double, Tensor> velocity, Tensor x, IReadOnlyList<double> sigmas, Action<SamplerStep>? onStep = null)
    {
        ArgumentNullException.ThrowIfNull(velocity);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentNullException.ThrowIfNull(sigmas);
        using var scope = TensorScope.Enter();
        int steps = sigmas.Count - 1;
        Tensor predicted = x.Alias();
        Tensor from = x.Alias();     // the corrected x that the last prediction started from
        Tensor older = x.Alias();    // D two steps back; not read before there is one
        Tensor previous = x.Alias(); // D of the step before
        for (int i = 0; i < steps; i++)
        {
            using var step = TensorScope.Enter();
            Tensor d = predicted - velocity(predicted, sigmas[i]) * sigmas[i];
            onStep?.Invoke(new SamplerStep(i + 1, steps, sigmas[i], d));
            Tensor current = i == 0 ? predicted.Alias() : Correct(from, older, previous, d, sigmas, i, secondOrder: i >= 2);
            Tensor next = Predict(current, previous, d, sigmas, i, secondOrder: i > 0 && i < steps - 1);
            TensorScope.Replace(ref older, step.Keep(previous.Alias()));
            TensorScope.Replace(ref previous, step.Keep(d));
            TensorScope.Replace(ref from, step.Keep(current));
            TensorScope.Replace(ref predicted, step.Keep(next));
        }
        return scope.Keep(predicted);
    }

    private static Tensor Predict(Tensor x, Tensor previous, Tensor d, IReadOnlyList<double> sigmas, int i, bool secondOrder)
    {
        var (h, phi) = Interval(sigmas, i);
        Tensor next = Base(x, d, sigmas[i], sigmas[i + 1], phi);
        if (!secondOrder)
        {
            return next;
        }
        double inverseR = h / (DpmSolverSampler.Lambda(sigmas[i - 1]) - DpmSolverSampler.Lambda(sigmas[i]));
        return next - (previous - d) * ((1 - sigmas[i + 1]) * phi * 0.5 * inverseR);
    }

    // Corrects the state at level i, which was predicted from level i − 1.
    private static Tensor Correct(Tensor from, Tensor older, Tensor previous, Tensor d, IReadOnlyList<double> sigmas, int i, bool secondOrder)
    {
        var (h, phi) = Interval(sigmas, i - 1);
        double scale = (1 - sigmas[i]) * phi;
        Tensor corrected = Base(from, previous, sigmas[i - 1], sigmas[i], phi);
        if (!secondOrder)
        {
            return corrected - (d - previous) * (scale * 0.5);
        }
        double r = (DpmSolverSampler.Lambda(sigmas[i - 2]) - DpmSolverSampler.Lambda(sigmas[i - 1])) / h;
        double k = phi / -h - 1;
        double b1 = k / phi;
        double b2 = 2 * (k / -h - 0.5) / phi;
        double rho1 = (b2 - b1) / (r - 1);
        double rho2 = b1 - rho1;
        return corrected - (older - previous) * (scale * rho1 / r) - (d - previous) * (scale * rho2);
    }

    private static Tensor Base(Tensor x, Tensor d, double sigma, double next, double phi) => x * (next / sigma) - d * ((1 - next) * phi);

    private static (double H, double Phi) Interval(IReadOnlyList<double> sigmas, int i)
    {
        double h = DpmSolverSampler.Lambda(sigmas[i + 1]) - DpmSolverSampler.Lambda(sigmas[i]);
        return (h, Math.Exp(-h) - 1);
    }
}

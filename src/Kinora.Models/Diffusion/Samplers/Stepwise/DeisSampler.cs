// DEIS in log ρ: the Lagrange polynomial of ε through the last predictions, in ln ρ with ρ = σ/α, integrated over ρ in closed form.
// Paper: Zhang & Chen, "Fast sampling of diffusion models with exponential integrator", arXiv:2204.13902, section 3.3 (ρAB-DEIS).
//     x_t = α_t (x/α_s + Σ_k ε_k ∫_{ρ_s}^{ρ_t} L_k(ln ρ) dρ)

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class DeisSampler(NoiseSchedule? training, PredictionType prediction, CleanLimit limit, bool isFlow, MultistepOrder orders, double[] timesteps, double[] sigmas)
    : LogSnrSampler(training, prediction, limit, isFlow, timesteps, sigmas)
{
    private readonly TensorHistory _epsilons = new(3);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        Tensor clean = Clean(output, x, call);
        _epsilons.Push(EpsilonOf(clean, x, call));
        int order = orders.Of(call, Timesteps.Count, _epsilons.Count);
        Tensor next = x * (Alpha(call + 1) / Alpha(call));
        for (int k = 0; k < order; k++)
        {
            next.AddInPlace(_epsilons[k], Alpha(call + 1) * Weight(call, k, order));
        }
        return new StepwiseResult(next, clean);
    }

    protected override void Dispose(bool disposing)
    {
        _epsilons.Dispose();
        base.Dispose(disposing);
    }

    // ∫ 1 dρ = ρ, ∫ ln ρ dρ = ρ (ln ρ − 1), ∫ ln² ρ dρ = ρ (ln² ρ − 2 ln ρ + 2).
    private double Weight(int call, int k, int order)
    {
        double[] others = [.. Enumerable.Range(0, order).Where(j => j != k).Select(j => LogRho(call - j))];
        double scale = others.Aggregate(1.0, (product, other) => product * (LogRho(call - k) - other));
        double[] c = others.Length switch { 0 => [1, 0, 0], 1 => [-others[0], 1, 0], _ => [others[0] * others[1], -(others[0] + others[1]), 1] };
        return (Antiderivative(Sigma(call + 1) / Alpha(call + 1)) - Antiderivative(Sigma(call) / Alpha(call))) / scale;

        double Antiderivative(double rho)
        {
            double l = Math.Log(rho);
            return rho * (c[0] + c[1] * (l - 1) + c[2] * (l * l - 2 * l + 2));
        }
    }

    private double LogRho(int index) => Math.Log(Sigma(index) / Alpha(index));
}

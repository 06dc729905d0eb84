// DPM-Solver multistep: derivatives of the prediction from the calls before.
// Paper: Lu et al., arXiv:2211.01095, algorithm 2 and appendix (order 3).
//     r₀ = (λ_s − λ_{s−1})/h, r₁ = (λ_{s−1} − λ_{s−2})/h;  D₁⁰ = (m₀ − m₁)/r₀, D₁¹ = (m₁ − m₂)/r₁
//     order 2: D₁ = D₁⁰;  order 3: D₁ = D₁⁰ + r₀/(r₀ + r₁) (D₁⁰ − D₁¹), D₂ = (D₁⁰ − D₁¹)/(r₀ + r₁)

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>How the orders of the last steps are lowered.</summary>
/// <param name="Order">1 to 3.</param>
/// <param name="LowerFinal">Lower the order of the last steps when there are fewer than 15.</param>
/// <param name="EulerAtFinal">The last step is first order.</param>
/// <param name="EndsAtZero">The last level is 0, so the last step is first order in any case.</param>
internal sealed record MultistepOrder(int Order, bool LowerFinal, bool EulerAtFinal, bool EndsAtZero)
{
    private const int FewSteps = 15;

    /// <summary>The order of a call, given how many predictions are remembered (the newest included).</summary>
    public int Of(int call, int calls, int remembered)
    {
        bool few = LowerFinal && calls < FewSteps;
        int order = Math.Min(Order, remembered);
        return call == calls - 1 && (few || EulerAtFinal || EndsAtZero) ? 1 : call == calls - 2 && few ? Math.Min(order, 2) : order;
    }
}

internal class DpmMultistepSampler(NoiseSchedule? training, PredictionType prediction, CleanLimit limit, bool isFlow, DpmAlgorithm algorithm, bool midpoint, MultistepOrder orders, double[] timesteps, double[] sigmas)
    : LogSnrSampler(training, prediction, limit, isFlow, timesteps, sigmas)
{
    private readonly TensorHistory _predictions = new(3);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        bool onNoise = algorithm is DpmAlgorithm.Noise or DpmAlgorithm.NoiseSde;
        _predictions.Push(onNoise ? Epsilon(output, x, call) : Clean(output, x, call));
        TensorHistory m = _predictions;
        Tensor? n = algorithm is DpmAlgorithm.CleanSde or DpmAlgorithm.NoiseSde ? noise() : null;
        double h = Lambda(call + 1) - Lambda(call);
        DpmSolverUpdate update = DpmSolverUpdate.Of(algorithm, h, Alpha(call), Sigma(call), Alpha(call + 1), Sigma(call + 1));
        int order = orders.Of(call, Timesteps.Count, m.Count);
        Tensor? clean = onNoise ? null : m[0];
        if (h == 0)
        {
            return new StepwiseResult(x, clean); // grids that end with the same level twice
        }
        if (order == 1)
        {
            return new StepwiseResult(update.Apply(x, m[0], n), clean);
        }
        double r0 = (Lambda(call) - Lambda(call - 1)) / h;
        Tensor d10 = LinearCombination.Of((1 / r0, m[0]), (-1 / r0, m[1]));
        if (order == 2)
        {
            return new StepwiseResult(update.Apply(x, m[0], d10, midpoint, n), clean);
        }
        double r1 = (Lambda(call - 1) - Lambda(call - 2)) / h;
        Tensor difference = d10 - LinearCombination.Of((1 / r1, m[1]), (-1 / r1, m[2]));
        Tensor d1 = LinearCombination.Of((1, d10), (r0 / (r0 + r1), difference));
        return new StepwiseResult(update.Apply(x, m[0], d1, difference * (1 / (r0 + r1)), n), clean);
    }

    protected override void Dispose(bool disposing)
    {
        _predictions.Dispose();
        base.Dispose(disposing);
    }
}

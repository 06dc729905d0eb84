// DPM-Solver singlestep: blocks of up to three calls, each block integrated anew from its beginning.
// Paper: Lu et al., arXiv:2206.00927, algorithms 1 and 2; arXiv:2211.01095, algorithm 1. The order of a call is its place in its block.
//     h = λ_t − λ_b with b the block's beginning;  order 2: D₁ = (m₀ − m_b)/r₀;  order 3: the parabola through three predictions

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

internal sealed class DpmSinglestepSampler(NoiseSchedule? training, PredictionType prediction, CleanLimit limit, bool isFlow, DpmAlgorithm algorithm, bool midpoint, int[] orders, double[] timesteps, double[] sigmas)
    : LogSnrSampler(training, prediction, limit, isFlow, timesteps, sigmas)
{
    private readonly TensorHistory _predictions = new(3), _begin = new(1);

    /// <summary>The place of each call in its block. Blocks end early where <paramref name="lowerFinal"/> lowers the last orders.</summary>
    public static int[] Orders(int order, int calls, bool lowerFinal)
    {
        int[] block = [.. Enumerable.Range(1, order)];
        int[] tail = (lowerFinal, order, calls % order) switch
        {
            (false, _, 0) or (_, 1, _) => block,
            (_, 2, 0) => [1, 1],
            (_, 2, _) => [1],
            (_, _, 0) => [1, 2, 1],
            (_, _, 1) => [1],
            _ => [1, 2],
        };
        return [.. Enumerable.Repeat(block, (calls - tail.Length) / order).SelectMany(b => b), .. tail];
    }

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        bool onNoise = algorithm is DpmAlgorithm.Noise or DpmAlgorithm.NoiseSde;
        _predictions.Push(onNoise ? Epsilon(output, x, call) : Clean(output, x, call));
        TensorHistory m = _predictions;
        int order = Math.Min(orders[call], m.Count);
        if (order == 1)
        {
            _begin.Push(x);
        }
        Tensor? n = algorithm is DpmAlgorithm.CleanSde or DpmAlgorithm.NoiseSde ? noise() : null;
        int begin = call - order + 1;
        double h = Lambda(call + 1) - Lambda(begin);
        DpmSolverUpdate update = DpmSolverUpdate.Of(algorithm, h, Alpha(begin), Sigma(begin), Alpha(call + 1), Sigma(call + 1));
        return new StepwiseResult(Update(update, order, call, h, n), onNoise ? null : m[0]);
    }

    protected override void Dispose(bool disposing)
    {
        _predictions.Dispose();
        _begin.Dispose();
        base.Dispose(disposing);
    }

    private Tensor Update(DpmSolverUpdate update, int order, int call, double h, Tensor? n)
    {
        TensorHistory m = _predictions;
        if (order == 1)
        {
            return update.Apply(_begin[0], m[0], n);
        }
        if (order == 2)
        {
            double r = (Lambda(call) - Lambda(call - 1)) / h;
            return update.Apply(_begin[0], m[1], LinearCombination.Of((1 / r, m[0]), (-1 / r, m[1])), midpoint, n);
        }
        double r0 = (Lambda(call) - Lambda(call - 2)) / h, r1 = (Lambda(call - 1) - Lambda(call - 2)) / h;
        Tensor near = LinearCombination.Of((1 / r1, m[1]), (-1 / r1, m[2]));
        Tensor far = LinearCombination.Of((1 / r0, m[0]), (-1 / r0, m[2]));
        return midpoint
            ? update.Apply(_begin[0], m[2], far, midpoint: false, n)
            : update.Apply(_begin[0], m[2], LinearCombination.Of((r0 / (r0 - r1), near), (-r1 / (r0 - r1), far)), LinearCombination.Of((2 / (r0 - r1), far), (-2 / (r0 - r1), near)), n);
    }
}

// Improved pseudo numerical methods: Adams-Bashforth up to order 4 on ε, in an angle of its own.
// Paper: Liu et al., arXiv:2202.09778, equations 9 and 12 and algorithm 2; levels and the v that the network gives follow crowsonkb/v-diffusion-pytorch.
//     β = sin²(π t/2), α = √(1 − β²);  ε = β x + α v;  x₀ = (x − β ε')/α;  x ← α_next x₀ + β_next ε'

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>Timesteps run from 1 to 0: the angle of (α, β), a right angle being 1.</summary>
internal sealed class IpndmSampler(double[] betas) : StepwiseSampler(Rounded(betas.SkipLast(1).Select(b => Math.Atan2(b, AlphaOf(b)) / Math.PI * 2)))
{
    private const double LeastAlpha = 1e-8;
    private static readonly double[][] Weights = [[1], [3 / 2.0, -1 / 2.0], [23 / 12.0, -16 / 12.0, 5 / 12.0], [55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0]];
    private readonly TensorHistory _noise = new(4);

    /// <summary>β of every step and of the end.</summary>
    /// <param name="steps">Number of steps.</param>
    public static double[] Betas(int steps) => [.. Enumerable.Range(0, steps + 1).Select(i => Math.Pow(Math.Sin((1 - (double)i / steps) * Math.PI / 2), 2))];

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep)
    {
        double beta = betas[CallOf(timestep)];
        return LinearCombination.Of((AlphaOf(beta), x), (beta, noise));
    }

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        double beta = betas[call], alpha = AlphaOf(beta), next = betas[call + 1];
        _noise.Push(LinearCombination.Of((beta, x), (alpha, output)));
        double[] weights = Weights[_noise.Count - 1];
        Tensor epsilon = LinearCombination.Of([.. weights.Select((w, i) => (w, _noise[i]))]);
        Tensor clean = LinearCombination.Of((1 / Math.Max(alpha, LeastAlpha), x), (-beta / Math.Max(alpha, LeastAlpha), epsilon));
        return new StepwiseResult(LinearCombination.Of((AlphaOf(next), clean), (next, epsilon)), clean);
    }

    protected override void Dispose(bool disposing)
    {
        _noise.Dispose();
        base.Dispose(disposing);
    }

    private static double AlphaOf(double beta) => Math.Sqrt(1 - beta * beta);
}

// Samplers in the variance-exploding form x = x₀ + σ ε: the network sees x/√(σ² + 1), and dx/dσ = (x − x₀)/σ.
// Paper: Karras et al., arXiv:2206.00364, section 3 and algorithm 2 (churn); the form is that of k-diffusion.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>What Euler, its ancestral kind, Heun, DPM2 and LMS have in common: levels, input scaling, initial noise.</summary>
internal abstract class ExplodingSampler(NoiseSchedule training, PredictionType prediction, double[] timesteps, double[] sigmas, bool startsAtLargest) : StepwiseSampler(timesteps, sigmas)
{
    public override NoiseSchedule Training => training;

    /// <summary>The largest level; √(σ² + 1) when the first timestep is not the noisiest one.</summary>
    public override double InitialNoiseScale => startsAtLargest ? Sigmas.Max() : Math.Sqrt(Math.Pow(Sigmas.Max(), 2) + 1);

    public override Tensor ScaleInput(Tensor x, int call) => x * (1 / Math.Sqrt(Math.Pow(LevelOf(call), 2) + 1));

    public override Tensor AddNoise(Tensor x, Tensor noise, double timestep) => LinearCombination.Of((1, x), (Sigmas[CallOf(timestep)], noise));

    /// <summary>The noise level of the network's input at a call.</summary>
    protected virtual double LevelOf(int call) => Sigmas[call];

    /// <summary>Whether the output is ε.</summary>
    protected bool PredictsNoise => prediction == PredictionType.Epsilon;

    protected Tensor Clean(Tensor output, Tensor x, double sigma) => Prediction.CleanExploding(prediction, output, x, sigma);

    /// <summary>(x − x₀)/σ.</summary>
    protected static Tensor Slope(Tensor x, Tensor clean, double sigma) => LinearCombination.Of((1 / sigma, x), (-1 / sigma, clean));
}

/// <summary>x ← x + (σ_next − σ) (x − x₀)/σ, optionally after raising σ by churn.</summary>
internal sealed class EulerDiscreteSampler(NoiseSchedule training, PredictionType prediction, double[] timesteps, double[] sigmas, bool startsAtLargest, SamplingOptions options)
    : ExplodingSampler(training, prediction, timesteps, sigmas, startsAtLargest)
{
    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        double sigma = Sigmas[call];
        (x, double raised) = Churn.Apply(x, sigma, Sigmas.Count - 1, options, noise);
        // ε belongs to the raised level; v is converted with the level that the network saw.
        Tensor clean = Clean(output, x, PredictsNoise ? raised : sigma);
        return new StepwiseResult(LinearCombination.Of((1, x), (Sigmas[call + 1] - raised, Slope(x, clean, raised))), clean);
    }
}

/// <summary>Noise added before a step.</summary>
internal static class Churn
{
    /// <summary>γ = min(churn/N, √2 − 1) within the range, σ̂ = σ (1 + γ), x + √(σ̂² − σ²) n.</summary>
    public static (Tensor X, double Sigma) Apply(Tensor x, double sigma, int steps, SamplingOptions options, Func<Tensor> noise)
    {
        double gamma = sigma >= options.ChurnFrom && sigma <= options.ChurnTo ? Math.Min(options.Churn / steps, Math.Sqrt(2) - 1) : 0;
        if (gamma <= 0)
        {
            return (x, sigma);
        }
        double raised = sigma * (1 + gamma);
        return (LinearCombination.Of((1, x), (options.ChurnNoise * Math.Sqrt(raised * raised - sigma * sigma), noise())), raised);
    }
}

/// <summary>A step to σ_down, then noise back up: σ_up² = σ_next² (σ² − σ_next²)/σ², σ_down² = σ_next² − σ_up².</summary>
internal sealed class EulerAncestralSampler(NoiseSchedule training, PredictionType prediction, double[] timesteps, double[] sigmas, bool startsAtLargest)
    : ExplodingSampler(training, prediction, timesteps, sigmas, startsAtLargest)
{
    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        double sigma = Sigmas[call], to = Sigmas[call + 1];
        var (_, _, down, up) = AncestralStep.Of(sigma, to);
        Tensor clean = Clean(output, x, sigma);
        return new StepwiseResult(LinearCombination.Of((1, x), (down - sigma, Slope(x, clean, sigma)), (up, noise())), clean);
    }
}

/// <summary>Adams-Bashforth of order up to 4 with uneven steps: Σ slopeₖ ∫ Lagrange basisₖ dσ.</summary>
internal sealed class LmsSampler(NoiseSchedule training, PredictionType prediction, double[] timesteps, double[] sigmas, bool startsAtLargest)
    : ExplodingSampler(training, prediction, timesteps, sigmas, startsAtLargest)
{
    private const int Order = 4;
    private readonly TensorHistory _slopes = new(Order);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        Tensor clean = Clean(output, x, Sigmas[call]);
        _slopes.Push(Slope(x, clean, Sigmas[call]));
        Tensor next = x.Clone();
        for (int k = 0; k < _slopes.Count; k++)
        {
            next.AddInPlace(_slopes[k], Weight(call, k, _slopes.Count));
        }
        return new StepwiseResult(next, clean);
    }

    protected override void Dispose(bool disposing)
    {
        _slopes.Dispose();
        base.Dispose(disposing);
    }

    // Simpson's rule, exact for the cubics that four points give.
    private double Weight(int call, int k, int order)
    {
        double from = Sigmas[call], to = Sigmas[call + 1];
        return (to - from) / 6 * (Basis(from) + 4 * Basis((from + to) / 2) + Basis(to));

        double Basis(double sigma)
        {
            double product = 1;
            for (int j = 0; j < order; j++)
            {
                if (j != k)
                {
                    product *= (sigma - Sigmas[call - j]) / (Sigmas[call - k] - Sigmas[call - j]);
                }
            }
            return product;
        }
    }
}

/// <summary>Heun: Euler's step, then the average of the slopes at both its ends. Two calls per step, one for the last.</summary>
internal sealed class HeunDiscreteSampler(NoiseSchedule training, PredictionType prediction, CleanLimit limit, double[] timesteps, double[] sigmas, bool startsAtLargest)
    : ExplodingSampler(training, prediction, timesteps, sigmas, startsAtLargest)
{
    private readonly TensorHistory _begin = new(1), _slope = new(1);

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        bool second = _begin.Count > 0;
        double from = second ? Sigmas[call - 1] : Sigmas[call], to = second ? Sigmas[call] : Sigmas[call + 1], here = Sigmas[call];
        Tensor clean = limit.Apply(Clean(output, x, here));
        Tensor slope = Slope(x, clean, here);
        if (second)
        {
            Tensor next = LinearCombination.Of((1, _begin[0]), ((to - from) / 2, _slope[0]), ((to - from) / 2, slope));
            _begin.Clear();
            return new StepwiseResult(next, clean);
        }
        _begin.Push(x);
        _slope.Push(slope);
        return new StepwiseResult(LinearCombination.Of((1, x), (to - from, slope)), clean);
    }

    protected override void Dispose(bool disposing)
    {
        _begin.Dispose();
        _slope.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>DPM-Solver-2 of k-diffusion: a half step to the geometric middle of two levels, then the whole step with the slope found there.</summary>
/// <remarks>Sigmas holds every level but the first twice (and the final 0 three times); <paramref name="middles"/> the middles in the same order.</remarks>
internal sealed class Kdpm2Sampler(NoiseSchedule training, PredictionType prediction, double[] timesteps, double[] sigmas, double[] middles, bool startsAtLargest)
    : ExplodingSampler(training, prediction, timesteps, sigmas, startsAtLargest)
{
    private readonly TensorHistory _begin = new(1);

    protected override double LevelOf(int call) => _begin.Count > 0 ? middles[call] : Sigmas[call];

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        bool second = _begin.Count > 0;
        double from = second ? Sigmas[call - 1] : Sigmas[call], to = second ? Sigmas[call] : middles[call + 1], here = second ? middles[call] : from;
        Tensor clean = Clean(output, x, here);
        Tensor next = LinearCombination.Of((1, second ? _begin[0] : x), (to - from, Slope(x, clean, here)));
        if (second)
        {
            _begin.Clear();
        }
        else
        {
            _begin.Push(x);
        }
        return new StepwiseResult(next, clean);
    }

    protected override void Dispose(bool disposing)
    {
        _begin.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>DPM2 with noise: a half step to the geometric middle of σ and σ_down, the whole step to σ_down with the slope found there, then noise of σ_up.</summary>
/// <remarks>
/// A step without its second call ends the trajectory. <paramref name="steps"/> are the levels of the steps, and as published a draw of noise
/// belongs to every call, though the first of a step leaves it unused.
/// </remarks>
internal sealed class Kdpm2AncestralSampler(NoiseSchedule training, PredictionType prediction, double[] timesteps, double[] sigmas, IReadOnlyList<AncestralStep> steps, bool startsAtLargest)
    : ExplodingSampler(training, prediction, timesteps, sigmas, startsAtLargest)
{
    private readonly TensorHistory _begin = new(1);

    protected override double LevelOf(int call) => call % 2 == 0 ? steps[call / 2].Sigma : steps[call / 2].Middle;

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        AncestralStep step = steps[call / 2];
        double here = LevelOf(call);
        Tensor drawn = noise(), clean = Clean(output, x, here), slope = Slope(x, clean, here);
        if (call % 2 == 0)
        {
            _begin.Push(x);
            return new StepwiseResult(LinearCombination.Of((1, x), (step.Middle - step.Sigma, slope)), clean);
        }
        return new StepwiseResult(LinearCombination.Of((1, _begin[0]), (step.Down - step.Sigma, slope), (step.Up, drawn)), clean);
    }

    protected override void Dispose(bool disposing)
    {
        _begin.Dispose();
        base.Dispose(disposing);
    }
}

/// <summary>
/// DPM-Solver++ (2S) of the SDE, as in k-diffusion: a step with noise to the geometric middle of two levels, then the whole step with the x₀ found there,
/// both along one Brownian path whose time is σ. The last step is Euler's.
/// </summary>
/// <remarks>
/// To a level σ′ with σ_up and σ_down of <see cref="AncestralStep"/>: x′ = σ_down/σ x + (1 − σ_down/σ) x₀ + σ_up (W_σ − W_σ′)/√(σ − σ′). The increments from σ to
/// the middle and from there to the end are drawn one after the other, so that the path needs no tree; it is not that of torchsde, which depends on the order of its queries.
/// Lu et al., arXiv:2211.01095, appendix B.6; huggingface/diffusers 013e60c1, schedulers/scheduling_dpmsolver_sde.py.
/// </remarks>
internal sealed class DpmSdeSampler(NoiseSchedule training, PredictionType prediction, double[] timesteps, double[] sigmas, bool startsAtLargest)
    : ExplodingSampler(training, prediction, timesteps, sigmas, startsAtLargest)
{
    private readonly TensorHistory _begin = new(1), _path = new(1);

    protected override double LevelOf(int call) => _begin.Count > 0 ? Middle(call - 1) : Sigmas[call];

    protected override StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        bool second = _begin.Count > 0;
        Tensor clean = Clean(output, x, LevelOf(call));
        if (call == Timesteps.Count - 1)
        {
            return new StepwiseResult(clean, clean);
        }
        if (!second)
        {
            double sigma = Sigmas[call], middle = Middle(call);
            Tensor toMiddle = noise() * Math.Sqrt(sigma - middle);
            _begin.Push(x);
            _path.Push(toMiddle);
            return new StepwiseResult(Step(x, clean, sigma, middle, toMiddle), clean);
        }
        else
        {
            double sigma = Sigmas[call - 1], middle = Middle(call - 1), to = Sigmas[call];
            Tensor increment = LinearCombination.Of((1, _path[0]), (Math.Sqrt(middle - to), noise()));
            Tensor next = Step(_begin[0], clean, sigma, to, increment);
            _begin.Clear();
            return new StepwiseResult(next, clean);
        }
    }

    protected override void Dispose(bool disposing)
    {
        _begin.Dispose();
        _path.Dispose();
        base.Dispose(disposing);
    }

    private double Middle(int call) => Math.Sqrt(Sigmas[call] * Sigmas[call + 1]);

    private static Tensor Step(Tensor x, Tensor clean, double sigma, double to, Tensor increment)
    {
        var (_, _, down, up) = AncestralStep.Of(sigma, to);
        return LinearCombination.Of((down / sigma, x), (1 - down / sigma, clean), (up / Math.Sqrt(sigma - to), increment));
    }
}

/// <summary>Levels of one step of a sampler that adds noise.</summary>
/// <param name="Sigma">Where it begins.</param>
/// <param name="Middle">√(σ σ_down); 0 in the last step.</param>
/// <param name="Down">Where it goes without noise.</param>
/// <param name="Up">The noise added there.</param>
internal readonly record struct AncestralStep(double Sigma, double Middle, double Down, double Up)
{
    public static AncestralStep Of(double sigma, double next)
    {
        double up = Math.Sqrt(next * next * (sigma * sigma - next * next) / (sigma * sigma)), down = Math.Sqrt(next * next - up * up);
        return new AncestralStep(sigma, next == 0 ? 0 : Math.Sqrt(sigma * down), down, up);
    }
}

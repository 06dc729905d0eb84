// A published sampler, one network call at a time. What the network is told at each call, how its input is scaled, and what happens to
// the latents afterwards stand in one object per trajectory; a pipeline writes the loop and may look in between.
//
//     x = sampler.InitialNoiseScale · ε
//     for i in 0 … Timesteps − 1:  output = network(sampler.ScaleInput(x, i), sampler.Timesteps[i]);  x = sampler.Step(output, i, x, noise).Next
//
// Numerics  Coefficients are double on the host; latents and history keep the dtype of x, float32 in every pipeline.

using Kinora.Engine;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>What a step made: the next latents and, where the method has one, its estimate of the clean ones.</summary>
public readonly record struct StepwiseResult(Tensor Next, Tensor? Denoised);

/// <summary>One trajectory from noise to data. It keeps what its method remembers, so a new trajectory needs a new sampler.</summary>
public abstract class StepwiseSampler : IDisposable
{
    protected StepwiseSampler(IReadOnlyList<double> timesteps, IReadOnlyList<double>? sigmas = null)
    {
        Timesteps = timesteps;
        Sigmas = sigmas ?? [];
    }

    /// <summary>What the network is told, one per call.</summary>
    public IReadOnlyList<double> Timesteps { get; }

    /// <summary>The method's noise levels in its own order, rounded to float32; empty where it works in ᾱ.</summary>
    public IReadOnlyList<double> Sigmas { get; }

    /// <summary>The schedule that the network was trained with; null for rectified flows and EDM.</summary>
    public virtual NoiseSchedule? Training => null;

    /// <summary>What standard normal noise is multiplied with to begin.</summary>
    public virtual double InitialNoiseScale => 1;

    /// <summary>The network's input for the latents at a call; a tensor of the current scope, or x itself.</summary>
    public virtual Tensor ScaleInput(Tensor x, int call) => x;

    /// <summary>Advances the latents by one network call.</summary>
    /// <param name="output">What the network answered, [B, C, …]; converted to the dtype of x.</param>
    /// <param name="call">Index into <see cref="Timesteps"/>; calls follow one another without a gap.</param>
    /// <param name="x">The latents that the call began with.</param>
    /// <param name="noise">Draws standard normal noise of the shape of x; deterministic methods never call it.</param>
    /// <exception cref="NumericException">The step left the numbers.</exception>
    public StepwiseResult Step(Tensor output, int call, Tensor x, Func<Tensor> noise)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(x);
        ArgumentOutOfRangeException.ThrowIfNegative(call);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(call, Timesteps.Count);
        using var scope = TensorScope.Enter();
        StepwiseResult result = Advance(output.To(x.DType), call, x, noise);
        Tensor next = scope.Keep(Owned(result.Next, x));
        FiniteValues.AfterStep(next, call + 1, Timesteps.Count);
        return new StepwiseResult(next, result.Denoised is null ? null : scope.Keep(ReferenceEquals(result.Denoised, result.Next) ? next.Alias() : Owned(result.Denoised, x)));
    }

    /// <summary>The latents x with noise of the level of one of <see cref="Timesteps"/>: where image-to-image begins.</summary>
    public abstract Tensor AddNoise(Tensor x, Tensor noise, double timestep);

    /// <summary>Runs the whole loop.</summary>
    /// <param name="network">(scaled latents, timestep) → prediction.</param>
    /// <param name="x">The latents at call <paramref name="begin"/>.</param>
    /// <param name="noise">Draws standard normal noise of the shape of x.</param>
    /// <param name="begin">The first call; above 0 for image-to-image.</param>
    /// <param name="onStep">Called after every step.</param>
    public Tensor Sample(Func<Tensor, double, Tensor> network, Tensor x, Func<Tensor> noise, int begin = 0, Action<int, StepwiseResult>? onStep = null)
    {
        ArgumentNullException.ThrowIfNull(network);
        ArgumentNullException.ThrowIfNull(x);
        using var scope = TensorScope.Enter();
        Tensor current = x.Alias();
        for (int call = begin; call < Timesteps.Count; call++)
        {
            using var step = TensorScope.Enter();
            StepwiseResult result = Step(network(ScaleInput(current, call), Timesteps[call]), call, current, noise);
            onStep?.Invoke(call, result);
            TensorScope.Replace(ref current, step.Keep(result.Next));
        }
        return scope.Keep(current);
    }

    /// <summary>Frees what the method remembers.</summary>
    public void Dispose()
    {
        Dispose(disposing: true);
        GC.SuppressFinalize(this);
    }

    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>The method itself; runs in a scope of its own.</summary>
    protected abstract StepwiseResult Advance(Tensor output, int call, Tensor x, Func<Tensor> noise);

    /// <summary>Rounds levels to float32, in which the reference holds them.</summary>
    protected static double[] Rounded(IEnumerable<double> values) => [.. values.Select(v => (double)(float)v)];

    /// <summary>Index of the call that has this timestep.</summary>
    protected int CallOf(double timestep)
    {
        int call = 0;
        while (call < Timesteps.Count && Math.Abs(Timesteps[call] - timestep) > 1e-6 * Math.Max(1, Math.Abs(timestep)))
        {
            call++;
        }
        return call < Timesteps.Count ? call : throw new ArgumentOutOfRangeException(nameof(timestep), timestep, $"the sampler never visits it; its timesteps are {string.Join(", ", Timesteps)}.");
    }

    // A result that is the caller's own tensor, or the sampler's memory, becomes a second handle.
    private static Tensor Owned(Tensor result, Tensor x) => ReferenceEquals(result, x) ? x.Alias() : result;
}

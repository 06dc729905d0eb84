// Flow matching: the network learns the velocity from data to noise along straight lines.
// Papers: Lipman et al., arXiv:2210.02747; Esser et al., arXiv:2403.03206, section 3.1 (logit-normal times);
//         Chen et al., "Diffusion Forcing", arXiv:2407.01392 (a noise level for each frame).
//
//     u ~ N(m, s²), σ = shift(sigmoid(u)),  z = (1 − σ) x + σ ε,  target v = ε − x,  loss = mean ‖v̂ − v‖²
//
// Shapes    B batch  C latent channels  f,h,w latent frames, height, width
// Numerics  Times are double on the host; z, target and loss are float32.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Schedules;

namespace Kinora.Models.Diffusion.Objectives;

/// <summary>The training objective of a rectified flow.</summary>
/// <param name="LogitMean">m: above 0 favors high noise.</param>
/// <param name="LogitStd">s: how far times spread.</param>
/// <param name="Shift">The schedule's shift, applied to drawn times as to sampled ones.</param>
public sealed record FlowMatchingObjective(double LogitMean = 0, double LogitStd = 1, double Shift = 1)
{
    /// <summary>Draws one noise level in (0, 1).</summary>
    public double SampleSigma(Generator generator)
    {
        ArgumentNullException.ThrowIfNull(generator);
        double u = LogitMean + LogitStd * generator.NextNormal();
        return FlowSchedule.Apply(1 / (1 + Math.Exp(-u)), Shift);
    }

    /// <summary>
    /// Noise level and loss weight of each frame when the first <paramref name="knownFrames"/> are given: those have σ = 0 and weight 0;
    /// the others share <paramref name="sigma"/> and the weight that keeps the sum at the number of frames.
    /// </summary>
    public static void FillFrames(double sigma, int knownFrames, Span<float> sigmas, Span<float> weights)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(knownFrames);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(knownFrames, sigmas.Length);
        for (int f = 0; f < sigmas.Length; f++)
        {
            sigmas[f] = f < knownFrames ? 0f : (float)sigma;
            weights[f] = f < knownFrames ? 0f : (float)sigmas.Length / (sigmas.Length - knownFrames);
        }
    }

    /// <summary>(1 − σ) x + σ ε, written as x + (ε − x) σ so that σ = 0 returns x exactly.</summary>
    /// <param name="x">Clean latents [B, C, f, h, w].</param>
    /// <param name="noise">Standard normal noise of the same shape.</param>
    /// <param name="sigma">Noise levels [B, f].</param>
    public static Tensor AddNoise(Tensor x, Tensor noise, Tensor sigma)
    {
        using var scope = TensorScope.Enter();
        var (b, _, f, _, _) = x.Dims5();
        return scope.Keep(x + (noise - x) * sigma.Reshape(b, 1, f, 1, 1));                       // [B, C, f, h, w]
    }

    /// <summary>ε − x: what the network should predict.</summary>
    public static Tensor Target(Tensor x, Tensor noise) => noise - x;

    /// <summary>The weighted squared error of each sample, [B].</summary>
    /// <param name="velocity">The network's output [B, C, f, h, w].</param>
    /// <param name="target">From <see cref="Target"/>.</param>
    /// <param name="weights">Weight of each frame [B, f].</param>
    public static Tensor LossPerSample(Tensor velocity, Tensor target, Tensor weights)
    {
        using var scope = TensorScope.Enter();
        var error = (velocity.To(DType.Float32) - target).Square().Mean([1, 3, 4]);              // [B, f]
        return scope.Keep((error * weights).Mean([1]));                                          // [B]
    }
}

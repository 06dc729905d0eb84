// Noise levels of a rectified flow: z_σ = (1 − σ) x + σ ε, σ from 1 (noise) to 0 (data).
// Papers: Liu et al., "Rectified Flow", arXiv:2209.03003; Esser et al., arXiv:2403.03206, section 5.3.2 (the shift).
//
// Numerics  Everything is double on the host.

namespace Kinora.Models.Diffusion.Schedules;

/// <summary>How the unshifted noise levels of a schedule are spaced. The published systems differ in where they begin and end.</summary>
public enum FlowSpacing
{
    /// <summary>linspace(1, 0, N + 1): every step has the same length before the shift.</summary>
    Uniform,

    /// <summary>
    /// linspace(1, shift(1/1000), N), shifted once more, then 0: FlowMatchEulerDiscreteScheduler of huggingface/diffusers d035dcd7,
    /// whose last level is shifted twice.
    /// </summary>
    DiffusersEuler,

    /// <summary>linspace(0.999, 0, N + 1): the UniPC schedule of Wan-Video/Wan2.1 (wan/utils/fm_solvers_unipc.py), whose zero is exact.</summary>
    Wan,
}

/// <summary>Maps sampling steps to noise levels.</summary>
/// <param name="Shift">s of σ′ = s σ / (1 + (s − 1) σ); above 1 more steps are spent at high noise.</param>
/// <param name="Spacing">Where the unshifted levels lie.</param>
public sealed record FlowSchedule(double Shift = 1, FlowSpacing Spacing = FlowSpacing.Uniform)
{
    private const double TrainingSteps = 1000; // the discrete grid that the published spacings come from

    /// <summary>The N + 1 noise levels of <paramref name="steps"/> steps, falling, the last one 0.</summary>
    public double[] Sigmas(int steps)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        var sigmas = new double[steps + 1];
        for (int k = 0; k < steps; k++)
        {
            sigmas[k] = Apply(Unshifted(k, steps), Shift);
        }
        return sigmas;
    }

    /// <summary>σ′ = s σ / (1 + (s − 1) σ).</summary>
    public static double Apply(double sigma, double shift) => shift * sigma / (1 + (shift - 1) * sigma);

    private double Unshifted(int k, int steps)
    {
        (double first, double last, int intervals) = Spacing switch
        {
            FlowSpacing.DiffusersEuler => (1.0, Apply(1 / TrainingSteps, Shift), Math.Max(1, steps - 1)),
            FlowSpacing.Wan => (1 - 1 / TrainingSteps, 0.0, steps),
            _ => (1.0, 0.0, steps),
        };
        return first + (last - first) * k / intervals;
    }
}

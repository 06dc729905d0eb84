// Which of the T training steps a sampler of N steps visits.
// Paper: Lin et al., arXiv:2305.08891, table 2. Names and rounding (half to even) as in huggingface/diffusers d035dcd7.

using Kinora.Engine;

namespace Kinora.Models.Diffusion.Schedules;

/// <summary>Where the timesteps of a sampler lie.</summary>
public enum TimestepSpacing
{
    /// <summary>From the last training step to the first, both included.</summary>
    Linspace,

    /// <summary>Multiples of ⌊T/N⌋ from 0, plus an offset: the last training step is never visited.</summary>
    Leading,

    /// <summary>Multiples of T/N down from T, minus 1: begins at the last training step.</summary>
    Trailing,
}

/// <summary>Timesteps, falling.</summary>
public static class TimestepSpacings
{
    /// <summary>The spacing of a scheduler_config.json's name.</summary>
    public static TimestepSpacing Parse(string name) => name switch
    {
        "linspace" => TimestepSpacing.Linspace,
        "leading" => TimestepSpacing.Leading,
        "trailing" => TimestepSpacing.Trailing,
        _ => throw new ConfigException($"timestep_spacing '{name}' is unknown; expected linspace, leading or trailing."),
    };

    /// <summary>N whole timesteps: DDPM, DDIM and the other samplers that index ᾱ.</summary>
    public static double[] Whole(TimestepSpacing spacing, int steps, int trainingSteps, int offset) =>
        [.. Fractional(spacing, steps, trainingSteps, offset, shift: 0).Select((t, i) => spacing == TimestepSpacing.Trailing ? Math.Round(t) - 1 : Math.Round(t))];

    /// <summary>N timesteps as they fall, between training steps too: the samplers that interpolate σ.</summary>
    public static double[] Interpolated(TimestepSpacing spacing, int steps, int trainingSteps, int offset) =>
        [.. Fractional(spacing, steps, trainingSteps, offset, shift: 0).Select(t => spacing == TimestepSpacing.Trailing ? Math.Round(t) - 1 : (double)(float)t)];

    /// <summary>
    /// N whole timesteps of the multistep solvers in log-SNR: linspace and leading divide the range into N + 1 points and leave the
    /// last one, 0, to the final step.
    /// </summary>
    public static double[] Multistep(TimestepSpacing spacing, int steps, int trainingSteps, int offset) =>
        [.. Fractional(spacing, steps, trainingSteps, offset, shift: 1).Select(t => spacing == TimestepSpacing.Trailing ? Math.Round(t) - 1 : Math.Round(t))];

    /// <summary>N whole timesteps, rising, of the multistep solvers run backwards: of the N + 1 points the last one, the noisiest, is left to the final step.</summary>
    public static double[] MultistepRising(TimestepSpacing spacing, int steps, int trainingSteps, int offset)
    {
        IEnumerable<double> rising = Multistep(spacing, steps, trainingSteps, offset).Reverse();
        return spacing == TimestepSpacing.Trailing ? [.. rising] : [spacing == TimestepSpacing.Leading ? offset : 0, .. rising.SkipLast(1)];
    }

    private static IEnumerable<double> Fractional(TimestepSpacing spacing, int steps, int trainingSteps, int offset, int shift)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        if (steps + shift > trainingSteps)
        {
            throw new ConfigException($"{steps} steps: the network was trained with {trainingSteps} noise levels, so at most {trainingSteps - shift} are possible.");
        }
        int points = steps + shift;
        return spacing switch
        {
            TimestepSpacing.Linspace => Enumerable.Range(0, steps).Select(i => points == 1 ? 0.0 : (double)(trainingSteps - 1) / (points - 1) * (points - 1 - i)),
            TimestepSpacing.Leading => Enumerable.Range(0, steps).Select(i => (double)((points - 1 - i) * (trainingSteps / points) + offset)),
            _ => Enumerable.Range(0, steps).Select(i => trainingSteps - i * ((double)trainingSteps / steps)),
        };
    }
}

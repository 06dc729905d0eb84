// Learning rate as a function of the step, in double on the host.
// The warm-up, linear and cosine forms are those of huggingface/diffusers (optimization.py);
// warm-up, stable, decay: Hu et al., "MiniCPM", arXiv:2404.06395, section 4.

using System.Globalization;

namespace Kinora.Engine.Optimization;

/// <summary>The shape of the curve after the warm-up.</summary>
public enum LearningRateShape
{
    /// <summary>Flat.</summary>
    Constant,

    /// <summary>Straight down to the final fraction at the last step.</summary>
    Linear,

    /// <summary>Half a cosine down to the final fraction at the last step.</summary>
    Cosine,

    /// <summary>Flat, then a decay over the last <see cref="LearningRateSchedule.DecaySteps"/> steps (WSD).</summary>
    WarmupStableDecay,
}

/// <summary>
/// A learning-rate curve: linear warm-up from zero over <see cref="WarmupSteps"/>, then <see cref="Shape"/>.
/// It depends on the step alone, never on the clock, so that a resumed run follows the same curve.
/// </summary>
public sealed record LearningRateSchedule
{
    /// <summary>The curve's shape after the warm-up.</summary>
    public LearningRateShape Shape { get; init; } = LearningRateShape.Constant;

    /// <summary>The largest learning rate.</summary>
    public required double Peak { get; init; }

    /// <summary>Steps of linear rise from 0; step 0 has rate 0 when this is positive.</summary>
    public long WarmupSteps { get; init; }

    /// <summary>The step at which the curve ends.</summary>
    public required long TotalSteps { get; init; }

    /// <summary>Steps of decay at the end (WSD only).</summary>
    public long DecaySteps { get; init; }

    /// <summary>The rate at the end as a fraction of <see cref="Peak"/>.</summary>
    public double FinalFraction { get; init; }

    /// <summary>The rate for the optimizer step <paramref name="step"/>, counted from 0.</summary>
    public double At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(step);
        if (step < WarmupSteps)
            return Peak * step / WarmupSteps;
        double falling = Shape switch
        {
            LearningRateShape.Constant => 1.0,
            LearningRateShape.Linear => LearningRates.Linear(1.0, step, WarmupSteps, TotalSteps),
            LearningRateShape.Cosine => LearningRates.Cosine(1.0, step, WarmupSteps, TotalSteps),
            // The decay is 1 − √progress, which MiniCPM's successors found better than a straight line.
            LearningRateShape.WarmupStableDecay => step < TotalSteps - DecaySteps
                ? 1.0
                : 1.0 - Math.Sqrt(Math.Min(1.0, (double)(step - (TotalSteps - DecaySteps)) / Math.Max(1, DecaySteps))),
            _ => throw new ConfigException(string.Create(CultureInfo.InvariantCulture, $"learning rate shape {Shape} is unknown.")),
        };
        return Peak * (FinalFraction + (1.0 - FinalFraction) * falling);
    }
}

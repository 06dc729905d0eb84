namespace Kinora.Models.Diffusion.Samplers.Stepwise;

/// <summary>What a caller decides about one trajectory; the rest stands in the model's scheduler_config.json.</summary>
/// <param name="Steps">Number of steps; ignored where <see cref="Timesteps"/> or <see cref="Sigmas"/> list them.</param>
public sealed record SamplingOptions(int Steps)
{
    /// <summary>The timesteps one by one, falling; null for the model's own spacing.</summary>
    public IReadOnlyList<double>? Timesteps { get; init; }

    /// <summary>The noise levels one by one, falling; null for the model's own grid.</summary>
    public IReadOnlyList<double>? Sigmas { get; init; }

    /// <summary>μ of a rectified flow's dynamic shift, from the number of tokens; null where the model does not shift dynamically.</summary>
    public double? Mu { get; init; }

    /// <summary>The shift of a rectified flow, instead of the model's own.</summary>
    public double? Shift { get; init; }

    /// <summary>η of DDIM (0: deterministic, 1: as much noise as DDPM) and γ of TCD, in [0, 1]; null for the method's own default.</summary>
    public double? Eta { get; init; }

    /// <summary>SA-Solver: τ at a timestep, at least 0; 0 is the ODE, 1 the SDE of DDPM. Null: 1 from 200 to 800, else 0, as published.</summary>
    public Func<double, double>? Tau { get; init; }

    /// <summary>DDIM: whether ε is computed anew from the limited x₀.</summary>
    public bool UseClippedModelOutput { get; init; }

    /// <summary>Euler: noise added before a step, in units of σ/N.</summary>
    public double Churn { get; init; }

    /// <summary>Euler: churn only at levels of at least this.</summary>
    public double ChurnFrom { get; init; }

    /// <summary>Euler: churn only at levels of at most this.</summary>
    public double ChurnTo { get; init; } = double.PositiveInfinity;

    /// <summary>Euler: standard deviation of the churned noise.</summary>
    public double ChurnNoise { get; init; } = 1;
}

using Kinora.Models.Diffusion.Samplers.Stepwise;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>The samplers of Stable Diffusion by short names. Each reads the noise schedule of the model's own scheduler_config.json.</summary>
public static class StableDiffusionSamplers
{
    private const string Karras = "-karras";

    private static readonly (string Name, string ClassName, string? Algorithm)[] Table =
    [
        ("ddim", "DDIMScheduler", null),
        ("ddpm", "DDPMScheduler", null),
        ("deis", "DEISMultistepScheduler", null),
        ("dpm-sde", "DPMSolverSDEScheduler", null),
        ("dpm2", "KDPM2DiscreteScheduler", null),
        ("dpm2-a", "KDPM2AncestralDiscreteScheduler", null),
        ("dpm++", "DPMSolverMultistepScheduler", "dpmsolver++"),
        ("dpm++-2s", "DPMSolverSinglestepScheduler", "dpmsolver++"),
        ("dpm++-sde", "DPMSolverMultistepScheduler", "sde-dpmsolver++"),
        ("euler", "EulerDiscreteScheduler", null),
        ("euler-a", "EulerAncestralDiscreteScheduler", null),
        ("heun", "HeunDiscreteScheduler", null),
        ("lcm", "LCMScheduler", null),
        ("lms", "LMSDiscreteScheduler", null),
        ("pndm", "PNDMScheduler", null),
        ("sa", "SASolverScheduler", null),
        ("tcd", "TCDScheduler", null),
        ("unipc", "UniPCMultistepScheduler", null),
    ];

    // Samplers in σ, whose levels may be spaced as in Karras et al., arXiv:2206.00364, equation 5.
    private static readonly string[] WithKarras = ["deis", "dpm-sde", "dpm2", "dpm2-a", "dpm++", "dpm++-2s", "dpm++-sde", "euler", "heun", "lms", "sa", "unipc"];

    /// <summary>Every name.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. Table.Select(row => row.Name).Concat(WithKarras.Select(name => name + Karras)).Order(StringComparer.Ordinal)];

    /// <summary>The name of a model's own sampler; its class where no short name means the same.</summary>
    public static string NameOf(SchedulerConfig own)
    {
        ArgumentNullException.ThrowIfNull(own);
        string? name = Table.FirstOrDefault(row => row.ClassName == own.ClassName && (row.Algorithm is null || row.Algorithm == (own.AlgorithmType ?? "dpmsolver++"))).Name;
        return name is null ? own.ClassName : own.UseKarrasSigmas == true && WithKarras.Contains(name, StringComparer.Ordinal) ? name + Karras : name;
    }

    /// <summary>A model's configuration with a sampler of this name in the place of its own; null for an unknown name.</summary>
    public static SchedulerConfig? Find(string name, SchedulerConfig own)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(own);
        if (name == NameOf(own))
        {
            return own;
        }
        if (!Names.Contains(name, StringComparer.Ordinal))
        {
            return null;
        }
        bool karras = name.EndsWith(Karras, StringComparison.Ordinal);
        var (_, className, algorithm) = Table.First(row => row.Name == (karras ? name[..^Karras.Length] : name));
        // Latents are not pixels: nothing clips them. PNDM without its Runge-Kutta start, as Stable Diffusion was published.
        return own with { ClassName = className, AlgorithmType = algorithm, SolverType = null, UseKarrasSigmas = karras, ClipSample = false, SkipPrkSteps = true };
    }
}

using Kinora.Engine;
using Kinora.Models.Diffusion.Samplers.Stepwise;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>Everything that one sampling run reads.</summary>
public sealed record StableDiffusionInputs
{
    /// <summary>The prompt, B rows.</summary>
    public required StableDiffusionText Text { get; init; }
    /// <summary>What to lead away from, B rows; null for none, which halves the work.</summary>
    public StableDiffusionText? Negative { get; init; }
    /// <summary>Standard normal noise [B, c, h, w].</summary>
    public required Tensor Noise { get; init; }
    /// <summary>The sampler and its schedule.</summary>
    public required SchedulerConfig Scheduler { get; init; }
    public required int Steps { get; init; }
    /// <summary>Guidance scale: 1 is none.</summary>
    public required double Guidance { get; init; }
    /// <summary>Share of guidance rescaling in [0, 1].</summary>
    public double GuidanceRescale { get; init; }
    /// <summary>XL: original height and width, top and left of the crop, target height and width; 6 numbers, or 5 for the refiner.</summary>
    public IReadOnlyList<double>? TimeIds { get; init; }
    /// <summary>XL: the same for the negative prompt; the prompt's when null.</summary>
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }
    /// <summary>Latents of a given picture, [B, c, h, w] as diffusion sees them; null to begin with noise alone.</summary>
    public Tensor? Known { get; init; }
    /// <summary>What the given picture shows: it is inverted under these words and sampled from the noise found; null to add <see cref="Noise"/> to it.</summary>
    public StableDiffusionText? Source { get; init; }
    /// <summary>How far to lead away from the given picture, in (0, 1].</summary>
    public double Strength { get; init; } = 1;
    /// <summary>1 where a given picture is painted anew, 0 where it stays, [B or 1, 1, h, w]; null to redraw all of it.</summary>
    public Tensor? Mask { get; init; }
    /// <summary>Latents of the given picture with the masked part in gray, [B, c, h, w]: what a network trained for inpainting reads.</summary>
    public Tensor? MaskedKnown { get; init; }
    /// <summary>A ControlNet; null for none.</summary>
    public ControlNet? ControlNet { get; init; }
    /// <summary>What it reads, [B or 1, 3, H, W] in [0, 1].</summary>
    public Tensor? ControlPicture { get; init; }
    /// <summary>Its strength; 1 as it was trained.</summary>
    public double ControlStrength { get; init; } = 1;
    /// <summary>Draws standard normal noise in the shape of the latents, for samplers that add noise.</summary>
    public required Func<Tensor> Draw { get; init; }
}

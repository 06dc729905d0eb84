using Kinora.Engine;
using Kinora.Models.Diffusion;

namespace Kinora.Models.Systems.CogVideoX;

/// <summary>One clip for <see cref="CogVideoXPipeline"/>; sizes are checked by <see cref="CogVideoXSystem"/>.</summary>
public sealed record CogVideoXRequest
{
    public required string Prompt { get; init; }
    public string NegativePrompt { get; init; } = "";
    public required ulong Seed { get; init; }
    /// <summary>Pixels, a multiple of the spatial compression times the patch.</summary>
    public required int Width { get; init; }
    /// <summary>Pixels, a multiple of the spatial compression times the patch.</summary>
    public required int Height { get; init; }
    /// <summary>1 + a multiple of twice the temporal compression.</summary>
    public required int Frames { get; init; }
    public required int Steps { get; init; }
    /// <summary>Class of the sampler: CogVideoXDDIMScheduler or CogVideoXDPMScheduler.</summary>
    public required string Sampler { get; init; }
    /// <summary>Guidance scale; up to 1 the negative prompt is not read.</summary>
    public required double Guidance { get; init; }
    /// <summary>Share of guidance rescaling in [0, 1].</summary>
    public double GuidanceRescale { get; init; }
    /// <summary>Step caching; null computes every call.</summary>
    public StepCache? Cache { get; init; }
    /// <summary>The first frame for image to video, [1, 3, 1, H, W] in [−1, 1]; null for text to video.</summary>
    public Tensor? FirstFrame { get; init; }
}

using Kinora.Engine;
using Kinora.Models.Generation;
using Kinora.Models.Diffusion;

namespace Kinora.Models.Systems.CogVideoX;

/// <summary>One clip for <see cref="CogVideoXPipeline"/>; sizes are checked by <see cref="CogVideoXSystem"/>.</summary>
public sealed record CogVideoXRequest
{
    /// <summary>The embedded prompt, [1, T, E]; with guidance [2, T, E], the negative prompt first.</summary>
    public required Tensor Texts { get; init; }
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
    /// <summary>Guidance scale; read with two texts only.</summary>
    public required double Guidance { get; init; }
    /// <summary>Share of guidance rescaling in [0, 1].</summary>
    public double GuidanceRescale { get; init; }
    /// <summary>Step caching; null computes every call.</summary>
    public StepCache? Cache { get; init; }
    /// <summary>The clip's first frames, [1, 3, n, H, W] in [−1, 1]: one for image to video, 1 + a multiple of twice the temporal compression for text to video; null for none.</summary>
    public Tensor? KnownFrames { get; init; }
    /// <summary>Whether they are encoded in strips, by the rule of decoding.</summary>
    public VaeTiling Tiling { get; init; } = VaeTiling.Off;
}

using Kinora.Engine;
using Kinora.Models.Diffusion;
using Kinora.Models.Diffusion.Samplers;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>One run of the pipeline: a clip for each seed. Sizes are legal and the prompt fits; whoever makes the request has checked.</summary>
public sealed record KinoraWorldRequest
{
    /// <summary>What to show.</summary>
    public required string Prompt { get; init; }
    /// <summary>A prompt of its own for each seed instead of <see cref="Prompt"/>; null means one for all.</summary>
    public IReadOnlyList<string>? PromptOfEach { get; init; }
    /// <summary>What guidance leads away from; empty means from the average clip.</summary>
    public string NegativePrompt { get; init; } = "";
    /// <summary>
    /// One clip for each. A seed draws the same noise whatever stands beside it; its clip in a batch and alone agree to rounding, because
    /// matrix products are blocked by their number of rows. Who needs the same bits samples one clip at a time.
    /// </summary>
    public required IReadOnlyList<ulong> Seeds { get; init; }
    /// <summary>Pixels.</summary>
    public required int Width { get; init; }
    /// <summary>Pixels.</summary>
    public required int Height { get; init; }
    /// <summary>Frames, 1 + a multiple of the codec's temporal compression; 1 makes an image.</summary>
    public required int Frames { get; init; }
    /// <summary>Integrates the flow.</summary>
    public required FlowSampler Sampler { get; init; }
    /// <summary>Sampling steps.</summary>
    public required int Steps { get; init; }
    /// <summary>Guidance scale; 1 is none and costs half.</summary>
    public required double Guidance { get; init; }
    /// <summary>Share of guidance rescaling in [0, 1].</summary>
    public double GuidanceRescale { get; init; }
    /// <summary>Step caching; null computes every call.</summary>
    public StepCache? Cache { get; init; }
    /// <summary>
    /// The first frames [1, 3, n, H, W] in [−1, 1], n of 1 + 4k and fewer than <see cref="Frames"/>: held while the others are made.
    /// One frame is image-to-video; more continue a clip.
    /// </summary>
    public Tensor? KnownFrames { get; init; }
}

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Generation;

namespace Kinora.Models.Systems.StableVideoDiffusion;

/// <summary>What Stable Video Diffusion should make of a picture.</summary>
public sealed record StableVideoDiffusionRequest
{
    /// <summary>The picture to animate; it is stretched to the clip's size.</summary>
    public required VideoFrame Picture { get; init; }
    /// <summary>Decides the noise.</summary>
    public required ulong Seed { get; init; }
    /// <summary>Pixels; a multiple of what the autoencoder and the U-Net halve together.</summary>
    public required int Width { get; init; }
    /// <summary>Pixels.</summary>
    public required int Height { get; init; }
    public required int Frames { get; init; }
    /// <summary>Sampling steps.</summary>
    public required int Steps { get; init; }
    /// <summary>Guidance of the first frame; it rises evenly to <see cref="MaxGuidance"/>, because late frames drift from the picture.</summary>
    public double MinGuidance { get; init; } = 1;
    /// <summary>Guidance of the last frame; at most 1 means no guidance at all.</summary>
    public double MaxGuidance { get; init; } = 3;
    /// <summary>Frames per second that the motion is made for. The network was trained with one less as its number.</summary>
    public int FrameRate { get; init; } = 7;
    /// <summary>Amount of motion, 0 to 255.</summary>
    public int MotionBucket { get; init; } = 127;
    /// <summary>Standard deviation of the noise added to the picture: more lets the clip leave it further.</summary>
    public double PictureNoise { get; init; } = 0.02;
    /// <summary>Whether the picture is encoded in strips.</summary>
    public VaeTiling Tiling { get; init; } = VaeTiling.Off;
}

/// <summary>The standard normal noise that a clip starts from; <see cref="StableVideoDiffusionPipeline.DrawNoise"/> makes it from a seed.</summary>
/// <param name="Picture">Noise of the picture, [1, 3, H, W].</param>
/// <param name="Latents">Noise of the latents, [1, F, C, h, w].</param>
public sealed record StableVideoDiffusionNoise(Tensor Picture, Tensor Latents);

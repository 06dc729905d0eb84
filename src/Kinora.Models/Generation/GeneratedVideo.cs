using Kinora.Media;

namespace Kinora.Models.Generation;

/// <summary>A clip and how it came to be. The manifest also stands in the clip's metadata.</summary>
public sealed record GeneratedVideo(Clip Clip, GenerationManifest Manifest);

/// <summary>What the generator is doing.</summary>
public enum GenerationStage
{
    /// <summary>Reading weights.</summary>
    Loading,

    /// <summary>Integrating from noise to latents.</summary>
    Sampling,

    /// <summary>Turning latents into pixels.</summary>
    Decoding,
}

/// <summary>How far a request has come.</summary>
public sealed record GenerationProgress
{
    /// <summary>What is being done.</summary>
    public required GenerationStage Stage { get; init; }

    /// <summary>The clip in the making, from 0.</summary>
    public int Clip { get; init; }

    /// <summary>Clips asked for.</summary>
    public int Clips { get; init; } = 1;

    /// <summary>The part of a story in the making, from 0.</summary>
    public int Part { get; init; }

    /// <summary>Parts of the story; 1 without one.</summary>
    public int Parts { get; init; } = 1;

    /// <summary>Sampling steps finished of this clip, over all parts of a story.</summary>
    public int Step { get; init; }

    /// <summary>Sampling steps of one clip, over all parts of a story.</summary>
    public int Steps { get; init; }

    /// <summary>Time until the last clip is sampled, judged by the steps so far; null before the first.</summary>
    public TimeSpan? Remaining { get; init; }

    /// <summary>Up to four frames side by side as they stand, when previews were asked for and this step has one; kinora-world gives the first frame.</summary>
    public VideoFrame? Preview { get; init; }
}

using Kinora.Media;

namespace Kinora.Models.Generation;

/// <summary>What a clip should show.</summary>
public sealed record VideoGenerationRequest
{
    /// <summary>A request from words.</summary>
    public VideoGenerationRequest()
    {
    }

    /// <summary>A request from words.</summary>
    [System.Diagnostics.CodeAnalysis.SetsRequiredMembers]
    public VideoGenerationRequest(string prompt) => Prompt = prompt;

    /// <summary>What to show.</summary>
    public required string Prompt { get; init; }

    /// <summary>What to lead away from.</summary>
    public string NegativePrompt { get; init; } = "";

    /// <summary>Several prompts over time in the place of <see cref="Prompt"/>, which is empty then; empty for one prompt.</summary>
    public IReadOnlyList<StoryPart> Story { get; init; } = [];

    /// <summary>The first frame, for image-to-video. Cropped about the center and resized when its size is another.</summary>
    public VideoFrame? FirstFrame { get; init; }

    /// <summary>
    /// What <see cref="FirstFrame"/> shows, for models that redraw it by inversion: the noise that gives the picture under these words (they may be empty) is
    /// led to <see cref="Prompt"/>. Null: noise of the seed is added to the picture instead.
    /// </summary>
    public string? SourcePrompt { get; init; }

    /// <summary>Where <see cref="FirstFrame"/> is to be painted anew, for inpainting: white is new, black is kept. Fitted to the clip like the frame.</summary>
    public VideoFrame? Mask { get; init; }

    /// <summary>What a ControlNet reads: edges, depth or a pose as a picture. Fitted to the clip like the frame.</summary>
    public VideoFrame? Control { get; init; }

    /// <summary>Pictures that later frames of the clip are to be, fitted to the clip like the first frame.</summary>
    public IReadOnlyList<Keyframe> Keyframes { get; init; } = [];

    /// <summary>The clip to continue. Its last frames are held, the new ones follow them, and the result holds the whole.</summary>
    public Clip? Continue { get; init; }
}

/// <summary>How to make it. What is null is taken from the model.</summary>
public sealed record VideoGenerationOptions
{
    /// <summary>Decides the noise; drawn at random when null. Clip i of <see cref="Count"/> has the seed plus i.</summary>
    public ulong? Seed { get; init; }

    /// <summary>How many clips.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Pixels.</summary>
    public int? Width { get; init; }

    /// <summary>Pixels.</summary>
    public int? Height { get; init; }

    /// <summary>Frames; 1 makes an image. For a continuation, the held frames count.</summary>
    public int? Frames { get; init; }

    /// <summary>Frames per second that the container states. The motion itself is as fast as the model learned it.</summary>
    public double? FrameRate { get; init; }

    /// <summary>Sampling steps.</summary>
    public int? Steps { get; init; }

    /// <summary>Guidance scale: 1 is none, more follows the prompt more closely.</summary>
    public double? Guidance { get; init; }

    /// <summary>Share of guidance rescaling in [0, 1].</summary>
    public double? GuidanceRescale { get; init; }

    /// <summary>A name that the model's system knows; euler, heun, dpm++ and unipc for kinora-world.</summary>
    public string? Sampler { get; init; }

    /// <summary>How far a given image is led away from, in (0, 1], for models that redraw it: 1 keeps next to nothing of it.</summary>
    public double? ImageStrength { get; init; }

    /// <summary>Folder of the ControlNet that reads <see cref="VideoGenerationRequest.Control"/>; the model's own where it has one.</summary>
    public string? ControlNet { get; init; }

    /// <summary>Strength of the ControlNet: 1 as it was trained, 0 without effect.</summary>
    public double? ControlStrength { get; init; }

    /// <summary>Amount of motion, for models that read one: 0 to 255 in Stable Video Diffusion.</summary>
    public int? Motion { get; init; }

    /// <summary>Standard deviation of the noise added to a given image, for models that read one: more lets the clip leave the image further.</summary>
    public double? ImageNoise { get; init; }

    /// <summary>Drift up to which a transformer's steps reuse the work of the step before, above 0 up to 10; null computes every step. Models without a transformer refuse it.</summary>
    public double? Cache { get; init; }

    /// <summary>Whether the autoencoder works on overlapping tiles of large pictures.</summary>
    public VaeTiling Tiling { get; init; }

    /// <summary>Every so many steps a picture of the clip as it stands comes with the progress, of low resolution and without a decoder's work; 0 for never.</summary>
    public int PreviewEverySteps { get; init; }
}

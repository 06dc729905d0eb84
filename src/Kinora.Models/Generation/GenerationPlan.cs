// What a request comes to, worked out from configurations alone: every size checked, every default filled in, memory and time estimated.

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Systems.KinoraWorld;

namespace Kinora.Models.Generation;

/// <summary>
/// A checked request. Making one reads configurations and the vocabulary, never weights. A system that needs to remember more than this
/// derives a record from it.
/// </summary>
public record GenerationPlan
{
    /// <summary>The model.</summary>
    public required ModelFolder Folder { get; init; }
    public required string Prompt { get; init; }
    public required string NegativePrompt { get; init; }
    /// <summary>The first clip's seed.</summary>
    public required ulong Seed { get; init; }
    public required int Count { get; init; }
    public required int Width { get; init; }
    public required int Height { get; init; }
    public required int Frames { get; init; }
    public required double FrameRate { get; init; }
    public required int Steps { get; init; }
    public required double Guidance { get; init; }
    public required double GuidanceRescale { get; init; }
    /// <summary>The sampler's name, one that the model's system has.</summary>
    public required string Sampler { get; init; }
    /// <summary>Shift of a flow's noise levels; null where the model has none.</summary>
    public double? Shift { get; init; }
    /// <summary>What the model was trained on; null where nobody says.</summary>
    public ClipSize? MadeFor { get; init; }
    /// <summary>Network calls of one clip.</summary>
    public required int NetworkCalls { get; init; }
    /// <summary>Frames that are given and held.</summary>
    public required int HeldFrames { get; init; }
    /// <summary>What was given besides words.</summary>
    public required ManifestInput? Input { get; init; }
    /// <summary>What a ControlNet reads; null without one.</summary>
    public ManifestControl? ControlInput { get; init; }
    public required int PreviewEverySteps { get; init; }
    /// <summary>Threshold of step caching; null for none.</summary>
    public double? Cache { get; init; }
    /// <summary>Floating point operations of one clip.</summary>
    public required double Flops { get; init; }
    /// <summary>What it takes in memory.</summary>
    public required MemoryPlan Memory { get; init; }
    /// <summary>Whether the autoencoder works in tiles.</summary>
    public VaeTiling Tiling { get; init; }

    /// <summary>Bytes in use at the peak, about.</summary>
    /// <param name="options">Where and how networks are loaded.</param>
    public long PeakBytes(LoadOptions options) => Memory.PeakBytes(options);

    /// <summary>The given frames at the clip's size; the last <see cref="HeldFrames"/> of them are held.</summary>
    public required IReadOnlyList<VideoFrame> GivenFrames { get; init; }

    /// <summary>Pictures that later frames are to be, at the clip's size, by frame.</summary>
    public IReadOnlyList<Keyframe> Keyframes { get; init; } = [];

    /// <summary>What the manifest says of them.</summary>
    public IReadOnlyList<ManifestKeyframe> KeyframeInputs { get; init; } = [];

    /// <summary>Clips have 1 + a multiple of so many frames.</summary>
    public int FrameStep { get; init; } = 1;

    /// <summary>Several prompts over time; empty for one.</summary>
    public IReadOnlyList<StoryPart> Story { get; init; } = [];

    /// <summary>The clips that follow one another in a story; empty where there is one clip.</summary>
    public IReadOnlyList<StoryClip> Clips { get; init; } = [];

    /// <summary>For a clip of a story: the prompts of all its clips.</summary>
    public IReadOnlyList<string> StoryPrompts { get; init; } = [];

    /// <summary>Checks a request against a model and fills in its defaults.</summary>
    /// <exception cref="GenerationRequestException">The request cannot be carried out; the message says what can.</exception>
    /// <exception cref="ConfigException">The model's configuration is wrong.</exception>
    public static GenerationPlan Create(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        IGenerationSystem system = GenerationSystems.Of(folder);
        if (request.Story.Count == 0)
        {
            return One(folder, system, request, options);
        }
        StoryPlanning.Check(request, options);
        return system.Stories switch
        {
            StoryMethod.Continuation => StoryPlanning.Continue(request, options, (one, how) => One(folder, system, one, how)),
            StoryMethod.Travel => One(folder, system, request with { Prompt = StoryPlanning.Words(request.Story) }, options),
            _ => throw new GenerationRequestException("story", $"{folder.Name} makes pictures, or clips without words; a story needs a model that makes clips from words."),
        };
    }

    private static GenerationPlan One(ModelFolder folder, IGenerationSystem system, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        GenerationPlan plan = system.Plan(folder, request, options);
        // What a system reads besides the picture itself stands in its plan's input; anything else was asked for in vain.
        RequestChecks.Refuse(folder.Name, ("motion", options.Motion is not null && plan.Input?.Motion is null), ("image noise", options.ImageNoise is not null && plan.Input?.Noise is null),
            ("controlling picture", request.Control is not null && plan.ControlInput is null), ("ControlNet", options.ControlNet is not null && plan.ControlInput is null), ("control strength", options.ControlStrength is not null && plan.ControlInput is null),
            ("step caching", options.Cache is not null && plan.Cache is null));
        if (request.SourcePrompt is not null && plan.Input?.SourcePrompt is null)
        {
            throw new GenerationRequestException("inversion", $"{folder.Name} takes no inversion; Stable Diffusion models (1, 2 and XL) invert a picture.");
        }
        RequestChecks.Refuse(folder.Name, ("VAE tiling", options.Tiling != VaeTiling.Auto && folder.ClassName == KinoraWorldIndex.Name));
        return request.Keyframes.Count == plan.Keyframes.Count ? plan
            : throw new GenerationRequestException("keyframe", $"{folder.Name} takes no keyframes; Wan's first-and-last-frame models take the last, LTX-Video any.");
    }

    /// <summary>About how long one clip takes.</summary>
    /// <param name="threads">CPU threads in use; ignored on a GPU.</param>
    /// <param name="dtype">Type of matrix products.</param>
    /// <param name="device">Where.</param>
    public TimeSpan EstimateTime(int threads, DType dtype, Device device)
    {
        // Measured on AMD EPYC cores with AVX-512 and bf16 and guessed for an H100-class GPU: start and loading, launching the operators of
        // one network call, and the sustained rate of one thread. Other machines differ by a small factor.
        const double StartSeconds = 0.7, CallSeconds = 0.005;
        const double CpuFloat32 = 100e9, CpuBfloat16 = 120e9, GpuFloat32 = 20e12, GpuBfloat16 = 100e12;
        double rate = device.Type == DeviceType.Cpu
            ? threads * (dtype == DType.BFloat16 ? CpuBfloat16 : CpuFloat32)
            : dtype == DType.Float32 ? GpuFloat32 : GpuBfloat16;
        return TimeSpan.FromSeconds(StartSeconds + NetworkCalls * CallSeconds + Flops / rate);
    }
}

/// <summary>Pixels and frames of a clip.</summary>
public readonly record struct ClipSize(int Width, int Height, int Frames);

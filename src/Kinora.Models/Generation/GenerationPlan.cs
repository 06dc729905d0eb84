// What a request comes to, worked out from configurations alone: every size checked, every default filled in, memory and time estimated.

using System.Globalization;
using System.Security.Cryptography;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Systems.KinoraWorld;
using Kinora.Models.Text;

namespace Kinora.Models.Generation;

/// <summary>A checked request. Making one reads configurations and the vocabulary, never weights.</summary>
public sealed record GenerationPlan
{
    private const int MaxSide = 4096, MaxFrames = 1025, MaxSteps = 1000, MaxCount = 10_000;
    private const double MaxGuidance = 100, MaxFrameRate = 240;

    private GenerationPlan()
    {
    }

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
    /// <summary>One of <see cref="FlowSamplers.Names"/>.</summary>
    public required string Sampler { get; init; }
    /// <summary>Frames that are given and held.</summary>
    public required int HeldFrames { get; init; }
    /// <summary>What was given besides words.</summary>
    public required ManifestInput? Input { get; init; }
    public required int PreviewEverySteps { get; init; }
    /// <summary>Floating point operations of one clip.</summary>
    public required double Flops { get; init; }
    /// <summary>Bytes in use at the peak, about.</summary>
    public required long PeakBytes { get; init; }

    /// <summary>The given frames at the clip's size; the last <see cref="HeldFrames"/> of them are held.</summary>
    public required IReadOnlyList<VideoFrame> GivenFrames { get; init; }

    /// <summary>Network calls of one clip.</summary>
    public int NetworkCalls => Sampler == "heun" ? 2 * Steps - 1 : Steps;

    /// <summary>Checks a request against a model and fills in its defaults.</summary>
    /// <exception cref="GenerationRequestException">The request cannot be carried out; the message says what can.</exception>
    /// <exception cref="ConfigException">The model's configuration is wrong.</exception>
    public static GenerationPlan Create(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        string Config(string component) => Path.Combine(folder.Component(component), "config.json");
        var transformer = ModelConfigJson.ReadFile(Config("transformer"), KinoraWorldJson.Default.VideoTransformerConfig);
        var vae = ModelConfigJson.ReadFile(Config("vae"), KinoraWorldJson.Default.VideoAutoencoderConfig);
        var text = ModelConfigJson.ReadFile(Config("text_encoder"), KinoraWorldJson.Default.TextEncoderConfig);
        KinoraWorldDefaults defaults = folder.Index.Defaults;
        CheckPrompts(folder, request);

        int width = options.Width ?? defaults.Width, height = options.Height ?? defaults.Height, frames = options.Frames ?? defaults.Frames;
        CheckSide("width", width, vae.SpatialCompression * transformer.PatchSize[2]);
        CheckSide("height", height, vae.SpatialCompression * transformer.PatchSize[1]);
        CheckFrames(frames, vae.TemporalCompression);
        int steps = InRange("steps", options.Steps ?? defaults.Steps, 1, MaxSteps);
        double guidance = InRange("guidance", options.Guidance ?? defaults.Guidance, 0, MaxGuidance);
        double rescale = InRange("guidance rescale", options.GuidanceRescale ?? defaults.GuidanceRescale, 0, 1);
        double rate = InRange("frame rate", options.FrameRate ?? request.Continue?.Fps ?? defaults.FrameRate, 0.1, MaxFrameRate);
        int count = InRange("count", options.Count, 1, MaxCount);
        string sampler = options.Sampler ?? defaults.Sampler;
        if (FlowSamplers.Find(sampler) is null)
        {
            throw new GenerationRequestException("sampler", $"sampler '{sampler}' is unknown; there is {string.Join(", ", FlowSamplers.Names)}.");
        }
        var (given, held, input) = Given(request, width, height, frames, vae);
        ulong seed = options.Seed ?? (ulong)RandomNumberGenerator.GetInt32(int.MaxValue);
        int latentFrames = vae.LatentFrames(frames), h = height / vae.SpatialCompression, w = width / vae.SpatialCompression;
        var plan = new GenerationPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt, Seed = seed, Count = count,
            Width = width, Height = height, Frames = frames, FrameRate = rate, Steps = steps, Guidance = guidance, GuidanceRescale = rescale,
            Sampler = sampler, HeldFrames = held, Input = input, GivenFrames = given, PreviewEverySteps = options.PreviewEverySteps, Flops = 0, PeakBytes = 0,
        };
        int predictions = guidance == 1 ? 1 : 2;
        double flops = (double)plan.NetworkCalls * predictions * VideoTransformer.Flops(transformer, latentFrames, h, w, defaults.MaxPromptTokens)
            + predictions * TextEncoder.Flops(text, defaults.MaxPromptTokens)
            + VideoAutoencoder.DecodeFlops(vae, frames, height, width)
            + (held > 0 ? VideoAutoencoder.EncodeFlops(vae, held, height, width) : 0);
        return plan with { Flops = flops, PeakBytes = EstimatePeak(folder, transformer, vae, predictions, latentFrames, h, w, frames, height, width) };
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

    private static void CheckPrompts(ModelFolder folder, VideoGenerationRequest request)
    {
        if (string.IsNullOrWhiteSpace(request.Prompt))
        {
            throw new GenerationRequestException("prompt", "the prompt is empty; say what the clip should show.");
        }
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Load(folder.Component("tokenizer"));
        int most = folder.Index.Defaults.MaxPromptTokens;
        foreach (var (name, prompt) in new[] { ("prompt", request.Prompt), ("negative prompt", request.NegativePrompt) })
        {
            int tokens = tokenizer.Encode(prompt, addSpecialTokens: true).Length;
            if (tokens > most)
            {
                throw new GenerationRequestException(name, Invariant($"the {name} has {prompt.Length} characters, {tokens} tokens; the model reads at most {most} tokens. Shorten it to about {Math.Max(1, (long)prompt.Length * most / tokens)} characters."));
            }
        }
    }

    private static void CheckSide(string name, int value, int multiple)
    {
        if (value >= multiple && value % multiple == 0 && value <= MaxSide)
        {
            return;
        }
        throw new GenerationRequestException(name, Invariant($"a {name} of {value} is impossible: it must be a multiple of {multiple} up to {MaxSide}. {Nearest(value, multiple, 0, MaxSide / multiple * multiple)}"));
    }

    private static void CheckFrames(int value, int multiple)
    {
        if (value >= 1 && (value - 1) % multiple == 0 && value <= MaxFrames)
        {
            return;
        }
        throw new GenerationRequestException("frames", Invariant($"a clip of {value} frames is impossible: it must have 1 + a multiple of {multiple}, up to {MaxFrames}. {Nearest(value, multiple, 1, MaxFrames)}"));
    }

    // The legal values on both sides; at the ends, the first two or the last two.
    private static string Nearest(int value, int multiple, int offset, int most)
    {
        int least = offset == 0 ? multiple : offset;
        long below = value < least ? least : Math.Min(most - multiple, offset + ((long)value - offset) / multiple * multiple);
        return Invariant($"The nearest are {below} and {below + multiple}.");
    }

    private static int InRange(string name, int value, int least, int most) =>
        value >= least && value <= most ? value
        : throw new GenerationRequestException(name, Invariant($"{name} is {value}; it must be within {least} and {most}."));

    private static double InRange(string name, double value, double least, double most) =>
        value >= least && value <= most ? value
        : throw new GenerationRequestException(name, Invariant($"{name} is {value}; it must be within {least} and {most}."));

    private static (IReadOnlyList<VideoFrame> Frames, int Held, ManifestInput? Input) Given(VideoGenerationRequest request, int width, int height, int frames, VideoAutoencoderConfig vae)
    {
        if (request.FirstFrame is not null && request.Continue is not null)
        {
            throw new GenerationRequestException("image", "a first image and a clip to continue were both given; give one of them.");
        }
        IReadOnlyList<VideoFrame> source = request.Continue?.Frames ?? (request.FirstFrame is { } first ? [first] : []);
        if (source.Count == 0)
        {
            return ([], 0, null);
        }
        int t = vae.TemporalCompression;
        if (frames <= 1)
        {
            throw new GenerationRequestException("frames", Invariant($"with a given first frame or clip at least {1 + t} frames are needed; {frames} were asked for."));
        }
        // At most half of the clip is held, so that at least half is new.
        int held = 1 + (Math.Min(source.Count, (frames + 1) / 2) - 1) / t * t;
        var fitted = source.Select(f => f.Width == width && f.Height == height ? f : ImageResize.CropToAspect(f, width, height)).ToArray();
        var input = new ManifestInput
        {
            Kind = request.Continue is null ? "image" : "clip",
            HeldFrames = held,
            Sha256 = GenerationManifest.HashFrames(source),
        };
        return (fitted, held, input);
    }

    // Weights in float32 and in the compute type; activations of the larger of the two phases; the libraries themselves.
    private static long EstimatePeak(ModelFolder folder, VideoTransformerConfig transformer, VideoAutoencoderConfig vae, int predictions, long latentFrames, long h, long w, long frames, long height, long width)
    {
        const long Libraries = 350L << 20;
        const int WeightBytesPerStoredByte = 3;                 // bf16 on disk: float32 and a bf16 copy in memory
        const int TransformerWidths = 16, DecoderMaps = 8;      // tensors of the stream's, and the finest stage's, size alive at once
        long tokens = latentFrames * (h / transformer.PatchSize[1]) * (w / transformer.PatchSize[2]);
        long sampling = predictions * tokens * transformer.HiddenSize * sizeof(float) * TransformerWidths;
        long decoded = Math.Min(frames, 4L * vae.TemporalCompression);
        long decoding = decoded * (height / vae.PatchSize) * (width / vae.PatchSize) * vae.BlockOutChannels[0] * sizeof(float) * DecoderMaps;
        return Libraries + folder.WeightBytes() * WeightBytesPerStoredByte + Math.Max(sampling, decoding) + frames * height * width * 3 * 2;
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}

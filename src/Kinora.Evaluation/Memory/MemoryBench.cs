// Whether a plan foretells how much memory making a clip takes: models with random weights are written, a process of its own makes a clip with
// each, and its peak of resident memory is compared with what the plan said before anything was loaded.

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Kinora.Engine;
using Kinora.Media;
using Kinora.Models;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.CogVideoX;
using Kinora.Models.Systems.Ltx;
using Kinora.Models.Systems.StableDiffusion;
using Kinora.Models.Systems.StableVideoDiffusion;
using Kinora.Models.Systems.T5;
using Kinora.Models.Systems.Wan;

namespace Kinora.Evaluation.Memory;

/// <summary>What making one clip took, in bytes.</summary>
/// <param name="Peak">The most that the process held.</param>
/// <param name="Phases">The same while it loaded, sampled (prompts included) and decoded.</param>
/// <param name="Tensors">The most that tensors held during each.</param>
public sealed record GenerationMemory(long Peak, IReadOnlyList<long> Phases, IReadOnlyList<long> Tensors)
{
    /// <summary>As one process tells another.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, GenerationMemoryJson.Default.GenerationMemory);

    /// <summary>Reads <see cref="ToJson"/>.</summary>
    public static GenerationMemory FromJson(string json) => JsonSerializer.Deserialize(json, GenerationMemoryJson.Default.GenerationMemory)!;
}

[JsonSerializable(typeof(GenerationMemory))]
internal sealed partial class GenerationMemoryJson : JsonSerializerContext;

/// <summary>A model, and how it is run.</summary>
/// <param name="Model">One of <see cref="MemoryBench.Models"/>.</param>
/// <param name="DType">fp32 or bf16.</param>
/// <param name="Offload">As --offload.</param>
/// <param name="Weights">As --weights.</param>
/// <param name="Tiling">As --vae-tiling.</param>
public sealed record MemoryCase(string Model, string DType, string Offload = "none", string Weights = "auto", VaeTiling Tiling = VaeTiling.Auto)
{
    /// <summary>For people, and for the process that measures.</summary>
    public string Name => string.Join(' ', [Model, DType, .. Offload == "none" ? (string[])[] : [$"offload-{Offload}"], .. Weights == "auto" ? (string[])[] : [Weights], .. Tiling == VaeTiling.On ? (string[])["strips"] : []]);

    internal KinoraOptions Options(string folder) => new() { Model = folder, Device = "cpu", DType = DType, Offload = Offload, Weights = Weights };
}

/// <summary>Models with random weights, and what a process does that measures a clip of one.</summary>
public static class MemoryBench
{
    /// <summary>How far a prediction may be off.</summary>
    public const double Tolerance = 0.15;

    private sealed record Subject(Action<RandomModelFolder> Write, VideoGenerationOptions Options, bool Animates = false);

    private static readonly Dictionary<string, Subject> Subjects = new(StringComparer.Ordinal)
    {
        ["tiny-sd"] = new(WriteTinyPicture, new() { Seed = 1, Width = 64, Height = 64, Steps = 2 }),
        ["tiny-wan"] = new(WriteTinyWan, new() { Seed = 1, Width = 64, Height = 48, Frames = 5, Steps = 2 }),
        ["tiny-svd"] = new(WriteTinyAnimator, new() { Seed = 1, Width = 64, Height = 64, Frames = 3, Steps = 2 }, Animates: true),
        ["tiny-ltx"] = new(WriteTinyLtx, new() { Seed = 1, Width = 64, Height = 64, Frames = 9, Steps = 2 }),
        ["tiny-cogvideox"] = new(WriteTinyCogVideoX, new() { Seed = 1, Width = 64, Height = 48, Frames = 9, Steps = 2 }),
        ["middle-sd"] = new(WritePicture, new() { Seed = 1, Width = 512, Height = 512, Steps = 2 }),
        ["middle-wan"] = new(WriteWan, new() { Seed = 1, Width = 320, Height = 192, Frames = 17, Steps = 2 }),
        ["middle-svd"] = new(WriteAnimator, new() { Seed = 1, Width = 256, Height = 192, Frames = 6, Steps = 2 }, Animates: true),
        ["middle-ltx"] = new(WriteLtx, new() { Seed = 1, Width = 384, Height = 256, Frames = 49, Steps = 2 }),
        ["middle-cogvideox"] = new(WriteCogVideoX, new() { Seed = 1, Width = 240, Height = 160, Frames = 17, Steps = 2 }),
    };

    /// <summary>The models, small to large.</summary>
    public static IReadOnlyList<string> Models { get; } = [.. Subjects.Keys];

    /// <summary>What is measured.</summary>
    public static IReadOnlyList<MemoryCase> Cases { get; } =
    [
        .. Models.SelectMany(m => new[] { new MemoryCase(m, "fp32"), new MemoryCase(m, "bf16") }),
        new("middle-sd", "fp32", "model"), new("middle-wan", "bf16", "model"), new("middle-wan", "bf16", "block"), new("middle-wan", "bf16", Weights: "int8"),
        .. Models.Where(m => m.StartsWith("middle-", StringComparison.Ordinal)).SelectMany(m => new[] { new MemoryCase(m, "fp32", Tiling: VaeTiling.On), new MemoryCase(m, "bf16", Tiling: VaeTiling.On) }),
    ];

    /// <summary>Writes a model.</summary>
    /// <param name="model">One of <see cref="Models"/>.</param>
    /// <param name="folder">Where to; it is made.</param>
    public static void Write(string model, string folder) => Find(model).Write(new RandomModelFolder(folder));

    /// <summary>What the plan says a clip takes.</summary>
    /// <param name="one">The case.</param>
    /// <param name="folder">The model that <see cref="Write"/> wrote.</param>
    public static long Predict(MemoryCase one, string folder)
    {
        ArgumentNullException.ThrowIfNull(one);
        return Plan(one, folder).PeakBytes(one.Options(folder).ResolveLoad());
    }

    /// <summary>Makes a clip in this process and measures. The process must be fresh, and the calling thread not the engine's.</summary>
    /// <inheritdoc cref="Predict"/>
    public static async Task<GenerationMemory> MeasureAsync(MemoryCase one, string folder, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(one);
        using var generator = new KinoraVideoGenerator(one.Options(folder));
        var phases = new Phases();
        GeneratedVideo video = (await generator.GenerateAsync(Plan(one, folder), phases, cancellationToken).ConfigureAwait(false))[0];
        video.Clip.Save(Path.Combine(folder, video.Clip.Frames.Count == 1 ? "clip.png" : "clip.mp4"));
        return phases.End();
    }

    /// <summary>The heading of the table.</summary>
    public const string Heading = "case                          predicted  measured    ratio     load   sample   decode   (MB)";

    /// <summary>The row of the table.</summary>
    public static string Line(MemoryCase one, long predicted, GenerationMemory measured)
    {
        ArgumentNullException.ThrowIfNull(one);
        ArgumentNullException.ThrowIfNull(measured);
        return string.Create(CultureInfo.InvariantCulture,
            $"{one.Name,-30} {predicted / 1e6,8:F0}  {measured.Peak / 1e6,8:F0}  {(double)predicted / measured.Peak,7:F2} {string.Concat(measured.Phases.Select(p => string.Create(CultureInfo.InvariantCulture, $"{p / 1e6,8:F0} ")))}").TrimEnd();
    }

    private static GenerationPlan Plan(MemoryCase one, string folder)
    {
        Subject subject = Find(one.Model);
        VideoGenerationOptions options = subject.Options with { Tiling = one.Tiling };
        VideoGenerationRequest request = subject.Animates
            ? new VideoGenerationRequest("") { FirstFrame = new VideoFrame(options.Width!.Value, options.Height!.Value, new byte[3 * options.Width.Value * options.Height.Value]) }
            : new VideoGenerationRequest("a red ball") { NegativePrompt = "blurred" };
        return GenerationPlan.Create(ModelFolder.Open(folder), request, options);
    }

    private static Subject Find(string model) => Subjects.TryGetValue(model, out Subject? found) ? found : throw new EvaluationException($"model '{model}' is unknown; there are {string.Join(", ", Models)}.");

    private static void WriteTinyPicture(RandomModelFolder folder) => WritePicture(folder, [8, 16], [8, 16], groups: 4, heads: 2, layers: 1, textWidth: 16, textLayers: 1);

    // Stable Diffusion 1.5 with a U-Net of half the width and its own autoencoder.
    private static void WritePicture(RandomModelFolder folder) => WritePicture(folder, [160, 320, 640, 640], AutoencoderKlConfig.StableDiffusion.BlockOutChannels, groups: 32, heads: 8, layers: 2, textWidth: 512, textLayers: 6);

    private static void WritePicture(RandomModelFolder folder, IReadOnlyList<int> widths, IReadOnlyList<int> vaeWidths, int groups, int heads, int layers, int textWidth, int textLayers)
    {
        UNet2DConditionConfig whole = UNet2DConditionConfig.StableDiffusion15;
        int levels = widths.Count;
        var unet = whole with
        {
            BlockOutChannels = widths, LayersPerBlock = [layers], NormNumGroups = groups, AttentionHeadDim = [heads], CrossAttentionDim = [textWidth],
            DownBlockTypes = [.. whole.DownBlockTypes.Take(levels - 1), whole.DownBlockTypes[^1]], UpBlockTypes = [.. whole.UpBlockTypes.Take(levels)],
        };
        AutoencoderKlConfig wholeVae = AutoencoderKlConfig.StableDiffusion;
        var vae = wholeVae with
        {
            BlockOutChannels = vaeWidths, LayersPerBlock = layers, NormNumGroups = groups,
            DownBlockTypes = [.. wholeVae.DownBlockTypes.Take(vaeWidths.Count)], UpBlockTypes = [.. wholeVae.UpBlockTypes.Take(vaeWidths.Count)],
        };
        int vocabulary = folder.AddClipTokenizer();
        var text = new ClipTextConfig { VocabSize = vocabulary, HiddenSize = textWidth, IntermediateSize = 4 * textWidth, NumHiddenLayers = textLayers, NumAttentionHeads = heads, EosTokenId = vocabulary - 1 };
        folder.Add("unet", RandomModelFolder.DiffusersFile, unet, StableDiffusionJson.Default.UNet2DConditionConfig, path => new UNet2DCondition(path, unet));
        folder.Add("vae", RandomModelFolder.DiffusersFile, vae, StableDiffusionJson.Default.AutoencoderKlConfig, path => new AutoencoderKl(path, vae));
        folder.Add("text_encoder", RandomModelFolder.TransformersFile, text, ClipJson.Default.ClipTextConfig, path => new ClipTextModel(path, text));
        folder.Write("scheduler", "scheduler_config.json", """
            { "_class_name": "DDIMScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "clip_sample": false, "steps_offset": 1, "timestep_spacing": "leading" }
            """);
        folder.Index("StableDiffusionPipeline");
    }

    private static void WriteTinyWan(RandomModelFolder folder) => WriteWan(folder, heads: 2, headDim: 24, hidden: 64, layers: 2, vaeWidth: 8, textWidth: 16, textLayers: 2);

    // About 300 million parameters in the transformer, an autoencoder of two thirds of the width.
    private static void WriteWan(RandomModelFolder folder) => WriteWan(folder, heads: 8, headDim: 128, hidden: 4096, layers: 17, vaeWidth: 64, textWidth: 512, textLayers: 4);

    private static void WriteWan(RandomModelFolder folder, int heads, int headDim, int hidden, int layers, int vaeWidth, int textWidth, int textLayers)
    {
        var transformer = WanTransformerConfig.TextToVideo1B with { NumAttentionHeads = heads, AttentionHeadDim = headDim, FfnDim = hidden, NumLayers = layers, TextDim = textWidth };
        var vae = WanAutoencoderConfig.Wan21 with { BaseDim = vaeWidth };
        folder.Add("transformer", RandomModelFolder.DiffusersFile, transformer, WanJson.Default.WanTransformerConfig, path => new WanTransformer(path, transformer));
        folder.Add("vae", RandomModelFolder.DiffusersFile, vae, WanJson.Default.WanAutoencoderConfig, path => new WanAutoencoder(path, vae));
        WriteText(folder, textWidth, textLayers, T5Config.Umt5);
        folder.Write("scheduler", "scheduler_config.json", """
            { "_class_name": "UniPCMultistepScheduler", "flow_shift": 3.0, "num_train_timesteps": 1000, "prediction_type": "flow_prediction", "solver_order": 2, "solver_type": "bh2", "use_flow_sigmas": true }
            """);
        folder.Index(WanPipelineIndex.TextToVideo, new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["transformer"] = WanTransformerConfig.Name, ["vae"] = WanAutoencoderConfig.Name, ["text_encoder"] = "UMT5EncoderModel", ["scheduler"] = "UniPCMultistepScheduler", ["tokenizer"] = "T5TokenizerFast",
        });
    }

    private static void WriteTinyAnimator(RandomModelFolder folder) => WriteAnimator(folder, [32, 32], [32, 32], heads: 2, layers: 1, imageWidth: 16, imageLayers: 1);

    // Stable Video Diffusion with a U-Net of half the width and its own autoencoder.
    private static void WriteAnimator(RandomModelFolder folder) => WriteAnimator(folder, [160, 320, 640, 640], AutoencoderKlConfig.StableDiffusion.BlockOutChannels, heads: 5, layers: 2, imageWidth: 512, imageLayers: 6);

    private static void WriteAnimator(RandomModelFolder folder, IReadOnlyList<int> widths, IReadOnlyList<int> vaeWidths, int heads, int layers, int imageWidth, int imageLayers)
    {
        const int PhaseWidth = 32, Numbers = 3, PatchSize = 8, ImageSize = 64;
        var whole = new UNetSpatioTemporalConfig();
        int levels = widths.Count;
        var unet = whole with
        {
            BlockOutChannels = widths, NumAttentionHeads = [heads], LayersPerBlock = [layers], CrossAttentionDim = [imageWidth], AdditionTimeEmbedDim = PhaseWidth, ProjectionClassEmbeddingsInputDim = Numbers * PhaseWidth,
            DownBlockTypes = [.. whole.DownBlockTypes.Take(levels - 1), whole.DownBlockTypes[^1]], UpBlockTypes = [.. whole.UpBlockTypes.Take(levels)],
        };
        var vae = new TemporalAutoencoderConfig { BlockOutChannels = vaeWidths, LayersPerBlock = layers, DownBlockTypes = [.. vaeWidths.Select(_ => "DownEncoderBlock2D")] };
        var vision = new ClipVisionConfig { HiddenSize = imageWidth, IntermediateSize = 4 * imageWidth, ProjectionDim = imageWidth, NumHiddenLayers = imageLayers, NumAttentionHeads = 2, ImageSize = ImageSize, PatchSize = PatchSize };
        folder.Add("unet", RandomModelFolder.DiffusersFile, unet, StableVideoDiffusionJson.Default.UNetSpatioTemporalConfig, path => new UNetSpatioTemporal(path, unet));
        folder.Add("vae", RandomModelFolder.DiffusersFile, vae, StableVideoDiffusionJson.Default.TemporalAutoencoderConfig, path => new TemporalAutoencoder(path, vae));
        folder.Add("image_encoder", RandomModelFolder.TransformersFile, vision, ClipJson.Default.ClipVisionConfig, path => new ClipVisionModelWithProjection(path, vision));
        folder.Write("feature_extractor", "preprocessor_config.json", $$"""{ "do_resize": true, "size": { "shortest_edge": {{ImageSize}} }, "crop_size": {{ImageSize}} }""");
        folder.Write("scheduler", "scheduler_config.json", """
            { "_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "prediction_type": "v_prediction", "sigma_min": 0.002, "sigma_max": 700.0,
              "steps_offset": 1, "timestep_spacing": "leading", "timestep_type": "continuous", "use_karras_sigmas": true }
            """);
        folder.Index("StableVideoDiffusionPipeline");
    }

    private static void WriteTinyLtx(RandomModelFolder folder) => WriteLtx(folder, heads: 2, headDim: 12, layers: 2, divisor: 16, latents: 8, textWidth: 16, textLayers: 1);

    // LTX-Video 0.9.1 with a transformer of about 300 million parameters and an autoencoder of half the width.
    private static void WriteLtx(RandomModelFolder folder) => WriteLtx(folder, heads: 16, headDim: 64, layers: 18, divisor: 2, latents: 128, textWidth: 512, textLayers: 4);

    private static void WriteLtx(RandomModelFolder folder, int heads, int headDim, int layers, int divisor, int latents, int textWidth, int textLayers)
    {
        var transformer = LtxTransformerConfig.Video2B with { InChannels = latents, OutChannels = latents, NumAttentionHeads = heads, AttentionHeadDim = headDim, CrossAttentionDim = heads * headDim, NumLayers = layers, CaptionChannels = textWidth };
        LtxAutoencoderConfig whole = LtxAutoencoderConfig.V091;
        var vae = whole with { LatentChannels = latents, BlockOutChannels = [.. whole.BlockOutChannels.Select(c => c / divisor)], DecoderBlockOutChannels = [.. whole.DecoderBlockOutChannels.Select(c => c / divisor)] };
        folder.Add("transformer", RandomModelFolder.DiffusersFile, transformer, LtxJson.Default.LtxTransformerConfig, path => new LtxTransformer(path, transformer));
        folder.Add("vae", RandomModelFolder.DiffusersFile, vae, LtxJson.Default.LtxAutoencoderConfig, path => new LtxAutoencoder(path, vae));
        WriteText(folder, textWidth, textLayers);
        folder.Write("scheduler", "scheduler_config.json", """
            { "_class_name": "FlowMatchEulerDiscreteScheduler", "base_image_seq_len": 1024, "base_shift": 0.95, "max_image_seq_len": 4096, "max_shift": 2.05, "num_train_timesteps": 1000, "shift": 1.0, "shift_terminal": 0.1, "use_dynamic_shifting": true }
            """);
        folder.Index(LtxPipelineIndex.TextToVideo, new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["transformer"] = LtxTransformerConfig.Name, ["vae"] = LtxAutoencoderConfig.Name, ["text_encoder"] = "T5EncoderModel", ["scheduler"] = "FlowMatchEulerDiscreteScheduler", ["tokenizer"] = "T5TokenizerFast",
        });
    }

    private static void WriteTinyCogVideoX(RandomModelFolder folder) => WriteCogVideoX(folder, heads: 2, headDim: 16, layers: 1, vaeWidths: [8, 8, 8, 8], groups: 2, vaeLayers: 1, textWidth: 16, textLayers: 1);

    // CogVideoX-2B with a transformer of about 300 million parameters and an autoencoder of half the width.
    private static void WriteCogVideoX(RandomModelFolder folder) => WriteCogVideoX(folder, heads: 16, headDim: 64, layers: 12, vaeWidths: [64, 128, 128, 256], groups: 32, vaeLayers: 3, textWidth: 512, textLayers: 4);

    private static void WriteCogVideoX(RandomModelFolder folder, int heads, int headDim, int layers, IReadOnlyList<int> vaeWidths, int groups, int vaeLayers, int textWidth, int textLayers)
    {
        var transformer = CogVideoXTransformerConfig.TwoB with { NumAttentionHeads = heads, AttentionHeadDim = headDim, NumLayers = layers, TextEmbedDim = textWidth };
        var vae = CogVideoXAutoencoderConfig.TwoB with { BlockOutChannels = vaeWidths, NormNumGroups = groups, LayersPerBlock = vaeLayers };
        folder.Add("transformer", RandomModelFolder.DiffusersFile, transformer, CogVideoXJson.Default.CogVideoXTransformerConfig, path => new CogVideoXTransformer(path, transformer));
        folder.Add("vae", RandomModelFolder.DiffusersFile, vae, CogVideoXJson.Default.CogVideoXAutoencoderConfig, path => new CogVideoXAutoencoder(path, vae));
        WriteText(folder, textWidth, textLayers);
        folder.Write("scheduler", "scheduler_config.json", """
            {"_class_name": "CogVideoXDDIMScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085, "clip_sample": false,
             "num_train_timesteps": 1000, "prediction_type": "v_prediction", "rescale_betas_zero_snr": true, "set_alpha_to_one": true,
             "snr_shift_scale": 3.0, "steps_offset": 0, "timestep_spacing": "trailing"}
            """);
        folder.Index("CogVideoXPipeline");
    }

    private static void WriteText(RandomModelFolder folder, int width, int layers, string? type = null)
    {
        const int HeadDim = 8;
        var text = new T5Config { VocabSize = folder.AddLetterTokenizer(), DModel = width, DKv = HeadDim, NumHeads = width / HeadDim, DFf = 2 * width, NumLayers = layers, FeedForwardProj = "gated-gelu" };
        if (type is not null) text = text with { ModelType = JsonDocument.Parse($"\"{type}\"").RootElement };
        folder.Add("text_encoder", RandomModelFolder.TransformersFile, text, T5Json.Default.T5Config, path => new T5EncoderModel(path, text));
    }

    // Reports come from the engine's thread as a stage begins; what was the peak until then is the stage's before.
    private sealed class Phases : IProgress<GenerationProgress>
    {
        private readonly List<long> _peaks = [], _tensors = [];
        private GenerationStage _stage = GenerationStage.Loading;

        public void Report(GenerationProgress value)
        {
            if (value.Stage != _stage)
            {
                Next();
                _stage = value.Stage;
            }
        }

        public GenerationMemory End()
        {
            Next();
            return new GenerationMemory(_peaks.Max(), _peaks, _tensors);
        }

        private void Next()
        {
            _peaks.Add(ProcessMemory.Peak);
            _tensors.Add(EngineRuntime.HostMemory.PeakBytes);
            ProcessMemory.ResetPeak();
            EngineRuntime.ResetPeakHostMemory();
        }
    }
}

// Wan 2.1 and 2.2 as `generate` runs them: what a request comes to, and one clip of it.
// Defaults: Wan-Video/Wan2.1 9737cba9, generate.py and wan/configs; Wan-Video/Wan2.2, wan/configs.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Media;
using Kinora.Models.Generation;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.Wan;

/// <summary>The system of Wan's text-to-video, image-to-video and combined models.</summary>
public sealed class WanSystem : IGenerationSystem
{
    private const int TextTokens = 512;
    private const string Sampler = "unipc";

    // What the models were tuned with: glaring and overexposed colors, stills, subtitles, bad anatomy, crowded backgrounds, walking backwards.
    private const string DefaultNegativePrompt =
        "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，丑陋的，残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，三条腿，背景人很多，倒着走";

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => [WanPipelineIndex.TextToVideo, WanPipelineIndex.ImageToVideo];

    /// <inheritdoc/>
    public StoryMethod Stories => StoryMethod.Continuation;

    /// <inheritdoc/>
    public IReadOnlyList<string> RequiredComponents(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        // Wan 2.1's image-to-video transformer reads the picture's embedding too.
        bool readsPicture = folder.Missing(["transformer"]).Count == 0 && ModelConfigJson.Read(folder.Config("transformer"), WanJson.Default.WanTransformerConfig, WanTransformerConfig.Defaults).ImageDim is not null;
        return ["transformer", "vae", "text_encoder", "tokenizer", .. readsPicture ? (string[])["image_encoder", "image_processor"] : [], "scheduler"];
    }

    /// <inheritdoc/>
    public IGenerationPipeline Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        return new Clips(WanPipeline.Open(networks), TextTokenizer.Load(networks.Folder.Component("tokenizer")));
    }

    /// <inheritdoc/>
    public GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        using var networks = new NetworkLoader(folder, new LoadOptions());
        using var pipeline = WanPipeline.Open(networks);
        WanTransformerConfig transformer = pipeline.TransformerConfig;
        WanAutoencoderConfig vae = pipeline.AutoencoderConfig;
        Presets presets = Presets.Of(pipeline.Index, transformer);
        RequestChecks.WordsForTransformer("Wan", folder, request, options, TextTokens, Sampler);
        if (pipeline.NeedsImage && request.FirstFrame is null && request.Continue is null)
            throw new GenerationRequestException("image", "this Wan model animates a picture: give its first frame with --image.");
        if (!pipeline.TakesImage && request.FirstFrame is not null)
            throw new GenerationRequestException("image", "this Wan model makes clips from words alone; an image-to-video model animates a picture.");

        int multiple = vae.ScaleFactorSpatial * transformer.PatchSize[2];
        var (defaultWidth, defaultHeight) = SizeFor(request.FirstFrame ?? request.Continue?.Frames[0], presets.Width, presets.Height, multiple);
        int width = options.Width ?? defaultWidth, height = options.Height ?? defaultHeight, frames = options.Frames ?? presets.Frames;
        RequestChecks.Side("width", width, multiple);
        RequestChecks.Side("height", height, multiple);
        RequestChecks.Frames(frames, vae.ScaleFactorTemporal);
        var (keyframes, keyframeInputs) = RequestChecks.Keyframes(request, width, height, frames);
        if (keyframes.Count > 0 && (request.FirstFrame is null || pipeline.Index.ExpandTimesteps || keyframes is not [{ } only] || only.Frame != frames - 1))
            throw new GenerationRequestException("keyframe", RequestChecks.Invariant($"Wan takes one keyframe: the last frame ({frames - 1}) of a clip whose first frame is given, with an image-to-video model."));
        if (keyframes.Count > 0 && transformer.ImageDim is not null && transformer.PosEmbedSeqLen is null)
            throw new GenerationRequestException("keyframe", "this Wan model animates a first frame; Wan 2.1 FLF2V and Wan 2.2 I2V-A14B go to a last one.");
        if (transformer.PosEmbedSeqLen is not null && keyframes.Count == 0)
            throw new GenerationRequestException("keyframe", "this Wan model goes from a first to a last frame: give the last one too.");
        int steps = RequestChecks.Steps(options, presets.Steps), latentFrames = vae.LatentFrames(frames), h = height / vae.ScaleFactorSpatial, w = width / vae.ScaleFactorSpatial;
        double guidance = RequestChecks.Guidance(options, presets.Guidance);
        // Image-to-video models were trained with one known frame; combined models take several, and the others are led along them.
        var (given, held, input) = RequestChecks.Given(request, width, height, frames, most: pipeline.NeedsImage ? 1 : 1 + vae.ScaleFactorTemporal, vae.ScaleFactorTemporal);
        double network = WanTransformer.Flops(transformer, latentFrames, h, w, TextTokens);
        return new WanPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt.Length > 0 ? request.NegativePrompt : DefaultNegativePrompt, Seed = RequestChecks.Seed(options), Count = RequestChecks.Count(options),
            Width = width, Height = height, Frames = frames, FrameRate = RequestChecks.FrameRate(options.FrameRate ?? request.Continue?.Fps ?? presets.FrameRate), Steps = steps, Guidance = guidance, GuidanceRescale = 0,
            Sampler = Sampler, Shift = pipeline.Scheduler.FlowShift ?? pipeline.Scheduler.Shift, NetworkCalls = steps * (guidance == 1 ? 1 : 2), MadeFor = new ClipSize(presets.Width, presets.Height, presets.Frames),
            FrameStep = vae.ScaleFactorTemporal, HeldFrames = held, GivenFrames = given, Input = input,
            PreviewEverySteps = options.PreviewEverySteps, Tiling = options.Tiling, Cache = RequestChecks.Cache(options, steps), Keyframes = keyframes, KeyframeInputs = keyframeInputs, LowNoiseGuidance = guidance == presets.Guidance ? presets.LowNoiseGuidance : null,
            Flops = steps * (guidance == 1 ? 1 : 2) * network + WanAutoencoder.DecodeFlops(vae, latentFrames, h, w), Memory = Memory(folder, transformer, vae, latentFrames, h, w, frames, options.Tiling),
        };
    }

    // The pixels of the model's own size in the shape of the picture, on the model's grid.
    private static (int Width, int Height) SizeFor(VideoFrame? picture, int width, int height, int multiple)
    {
        if (picture is null) return (width, height);
        double aspect = (double)picture.Height / picture.Width, area = (double)width * height;
        return (Side(Math.Sqrt(area / aspect)), Side(Math.Sqrt(area * aspect)));

        int Side(double length) => Math.Max(multiple, (int)(length / multiple) * multiple);
    }

    // Phases free each other's weights: text encoder; transformer, one expert at a time; decoder beside the transformer.
    private static MemoryPlan Memory(ModelFolder folder, WanTransformerConfig transformer, WanAutoencoderConfig vae, long latentFrames, long h, long w, long frames, VaeTiling tiling)
    {
        long tokens = latentFrames * (h / transformer.PatchSize[1]) * (w / transformer.PatchSize[2]), pixels = h * w * vae.ScaleFactorSpatial * vae.ScaleFactorSpatial;
        string[] experts = folder.Has("transformer_2") ? ["transformer_2"] : ["transformer"];
        return new MemoryPlan(folder,
        [
            new("text_encoder", [], _ => 0),
            new("transformer", [], type => WanTransformer.ActivationBytes(transformer, tokens, type)),
            .. experts.Select(e => new MemoryPhase(e, [], type => WanTransformer.ActivationBytes(transformer, tokens, type))),
            new("vae", experts, type => WanAutoencoder.DecodePeakBytes(vae, 1, h, w, tiling, type)),
        ], frames * pixels * 3 * 2);
    }

    private sealed record WanPlan : GenerationPlan
    {
        /// <summary>Guidance of the expert for low noise; null for the same.</summary>
        public double? LowNoiseGuidance { get; init; }
    }

    private sealed record Presets(int Width, int Height, int Frames, double FrameRate, int Steps, double Guidance, double? LowNoiseGuidance)
    {
        public static Presets Of(WanPipelineIndex index, WanTransformerConfig transformer) => index switch
        {
            { ExpandTimesteps: true } => new(1280, 704, 121, 24, 50, 5, null),
            { BoundaryRatio: not null } => transformer.InChannels == transformer.OutChannels ? new(1280, 720, 81, 16, 40, 4, 3) : new(1280, 720, 81, 16, 40, 3.5, 3.5),
            _ => new(832, 480, 81, 16, 50, 5, null),
        };
    }

    private sealed class Clips(WanPipeline pipeline, TextTokenizer tokenizer) : IGenerationPipeline
    {
        private LatentProjection? _projection;
        private readonly PromptMemory _texts = new(prompt => [Encode(pipeline, tokenizer, prompt)], pipeline.ReleaseTextEncoder);

        public void Generate(ClipRun run)
        {
            var plan = (WanPlan)run.Plan;
            using var scope = TensorScope.Enter();
            var guided = plan.Guidance != 1 || plan.LowNoiseGuidance is not (null or 1);
            _texts.Need([plan.Prompt, .. plan.StoryPrompts, .. guided ? [plan.NegativePrompt] : (string[])[]]);
            var text = _texts[plan.Prompt][0];
            var negative = guided ? _texts[plan.NegativePrompt][0] : null;
            var vae = pipeline.AutoencoderConfig;
            var noise = new Generator(run.Seed).Normal(1, vae.ZDim, vae.LatentFrames(plan.Frames), plan.Height / vae.ScaleFactorSpatial, plan.Width / vae.ScaleFactorSpatial);
            using var sampler = pipeline.CreateSampler(plan.Steps);
            var latents = pipeline.Sample(Condition(plan, text, negative), noise, sampler, plan.Guidance, plan.LowNoiseGuidance, (call, result) => run.Step(call + 1, () => Preview(result.Denoised ?? result.Next)), run.Cache, run.Cancellation);
            run.Decoding();
            pipeline.Decode(latents, part =>
            {
                foreach (VideoFrame frame in FramePixels.FromModel(part, 0)) run.Frame(frame);
            }, plan.Tiling, run.Cancellation);
        }

        public void Dispose()
        {
            pipeline.Dispose();
            _texts.Dispose();
        }

        private VideoFrame Preview(Tensor latents)
        {
            WanAutoencoderConfig vae = pipeline.AutoencoderConfig;
            _projection ??= LatentProjection.Fit(clip => pipeline.KnownLatents(clip), vae.ScaleFactorSpatial, 1 + vae.ScaleFactorTemporal);
            return _projection.Picture(latents);
        }

        // Tokens beyond the prompt are zero vectors, so the encoder sees the prompt alone.
        private static Tensor Encode(WanPipeline pipeline, TextTokenizer tokenizer, string prompt)
        {
            using var scope = TensorScope.Enter();
            int[] ids = tokenizer.Encode(PromptText.Clean(prompt));
            var text = pipeline.EncodeText(Tensor.FromArray<long>([.. ids.Select(id => (long)id)], 1, ids.Length), Tensor.Ones([1, ids.Length], DType.Bool));
            return scope.Keep(F.Pad(text, [0, 0, 0, TextTokens - ids.Length]));
        }

        private WanConditioning Condition(GenerationPlan plan, Tensor text, Tensor? negative)
        {
            var conditioning = new WanConditioning(text, negative);
            if (plan.HeldFrames == 0) return conditioning;
            VideoFrame[] held = [.. plan.GivenFrames.TakeLast(plan.HeldFrames)];
            var pixels = FramePixels.ToModel(held);                                              // [1, 3, n, H, W]
            if (!pipeline.NeedsImage) return conditioning with { KnownLatents = pipeline.KnownLatents(pixels, plan.Tiling) };
            var last = plan.Keyframes is [var keyframe] ? keyframe.Picture : null;
            return conditioning with
            {
                Image = pipeline.EncodeImages(last is null ? held : [.. held, last]),
                Concatenated = pipeline.ConcatenatedCondition(pixels.Squeeze(2), last is null ? null : FramePixels.ToModel([last]).Squeeze(2), plan.Frames, plan.Tiling),
            };
        }
    }
}

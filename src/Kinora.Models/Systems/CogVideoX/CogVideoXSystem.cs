// CogVideoX as `generate` runs it: what a request comes to, and one clip of it.

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Systems.T5;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.CogVideoX;

/// <summary>CogVideoX 2B, 5B and 1.5, text to video and image to video, in diffusers' folder layout.</summary>
public sealed class CogVideoXSystem : IGenerationSystem
{
    private const string TextToVideo = "CogVideoXPipeline", ImageToVideo = "CogVideoXImageToVideoPipeline";
    private const int WideWidth = 1360, WideHeight = 768; // what version 1.5 was trained on
    private const int DefaultSteps = 50;
    private const int LatentFramesTogether = 2; // the autoencoder decodes pairs; a lone first frame needs an odd number of latent frames
    private const double DefaultGuidance = 6, FrameRate = 8, FrameRateOfGroups = 16; // version 1.5 is twice as fast

    private static readonly (string Name, string ClassName)[] Samplers = [("ddim", "CogVideoXDDIMScheduler"), ("dpm", "CogVideoXDPMScheduler")];

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => [TextToVideo, ImageToVideo];

    /// <inheritdoc/>
    public StoryMethod Stories => StoryMethod.Continuation;

    /// <inheritdoc/>
    public IReadOnlyList<string> RequiredComponents(ModelFolder folder) => ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"];

    /// <inheritdoc/>
    public IGenerationPipeline Load(NetworkLoader networks) => new Clips(CogVideoXPipeline.Load(networks));

    /// <inheritdoc/>
    public GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        var transformer = ModelConfigJson.Read(folder.Config("transformer"), CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults);
        var vae = ModelConfigJson.Read(folder.Config("vae"), CogVideoXJson.Default.CogVideoXAutoencoderConfig, CogVideoXAutoencoderConfig.Defaults);
        var text = ModelConfigJson.Read(folder.Config("text_encoder"), T5Json.Default.T5Config);
        transformer.Validate();
        vae.Validate();
        text.Validate();
        CheckTogether(folder, transformer, vae, text);
        RequestChecks.RequirePrompt(request);
        TextTokenizer tokenizer = TextTokenizer.Load(folder.Component("tokenizer"));
        RequestChecks.PromptLengths(request, prompt => tokenizer.Encode(prompt).Length, transformer.MaxTextSeqLength);
        RequestChecks.Refuse("CogVideoX", ("mask", request.Mask is not null), ("image strength", options.ImageStrength is not null));

        int s = vae.SpatialCompression, side = s * transformer.PatchSize;
        ClipSize bound = new(transformer.SampleWidth * s, transformer.SampleHeight * s, transformer.SampleFrames);
        // Version 1.5 states the extent of its position grid where the others state what they were trained on.
        var madeFor = transformer.PatchFrames > 1 && bound.Width >= WideWidth && bound.Height >= WideHeight ? bound with { Width = WideWidth, Height = WideHeight } : bound;
        int width = options.Width ?? madeFor.Width, height = options.Height ?? madeFor.Height, frames = options.Frames ?? madeFor.Frames;
        RequestChecks.Side("width", width, side);
        RequestChecks.Side("height", height, side);
        RequestChecks.Frames(frames, LatentFramesTogether * vae.TemporalCompressionRatio);
        if (transformer.PatchFrames > 1 && (width > bound.Width || height > bound.Height))
        {
            throw new GenerationRequestException("width", RequestChecks.Invariant($"this model's positions reach {bound.Width} × {bound.Height}; {width} × {height} was asked for."));
        }
        if (transformer.UseLearnedPositionalEmbeddings && (width != madeFor.Width || height != madeFor.Height))
        {
            throw new GenerationRequestException("width", RequestChecks.Invariant($"this model makes {madeFor.Width} × {madeFor.Height} only: its positions are learned. {width} × {height} was asked for."));
        }
        var (sampler, className) = SamplerOf(folder, options.Sampler);
        int steps = RequestChecks.Steps(options, DefaultSteps);
        double guidance = RequestChecks.Guidance(options, DefaultGuidance);
        var (given, held, input) = Given(folder, request, width, height, frames, LatentFramesTogether * vae.TemporalCompressionRatio);
        int latentFrames = (frames - 1) / vae.TemporalCompressionRatio + 1, group = transformer.PatchFrames, predictions = guidance > 1 ? 2 : 1;
        int padded = (latentFrames + group - 1) / group * group;
        double flops = (double)steps * predictions * CogVideoXTransformer.Flops(transformer, padded, height / s, width / s, transformer.MaxTextSeqLength)
            + predictions * T5EncoderModel.Flops(text, transformer.MaxTextSeqLength) + CogVideoXAutoencoder.DecodeFlops(vae, latentFrames, height / s, width / s);
        return new GenerationPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt, Seed = RequestChecks.Seed(options), Count = RequestChecks.Count(options),
            Width = width, Height = height, Frames = frames, FrameRate = RequestChecks.FrameRate(options.FrameRate ?? request.Continue?.Fps ?? (group > 1 ? FrameRateOfGroups : FrameRate)),
            Steps = steps, Guidance = guidance, GuidanceRescale = RequestChecks.GuidanceRescale(options, 0), Sampler = sampler, NetworkCalls = steps, MadeFor = madeFor,
            FrameStep = LatentFramesTogether * vae.TemporalCompressionRatio, HeldFrames = held, Input = input, GivenFrames = given, PreviewEverySteps = options.PreviewEverySteps, Tiling = options.Tiling, Cache = RequestChecks.Cache(options, steps),
            Flops = flops, Memory = Memory(folder, transformer, vae, predictions, padded, height, width, frames, options.Tiling),
        };

        (string Name, string ClassName) SamplerOf(ModelFolder model, string? name)
        {
            if (name is null)
            {
                string own = SchedulerConfig.Read(model.Config("scheduler")).ClassName;
                return Samplers.FirstOrDefault(row => row.ClassName == own) is { Name: not null } row ? row : throw new ConfigException($"{model.Path}: CogVideoX samples with {string.Join(" or ", Samplers.Select(r => r.ClassName))}, not with {own}.");
            }
            return Samplers.FirstOrDefault(row => row.Name == name) is { Name: not null } asked ? asked : throw RequestChecks.UnknownSampler("CogVideoX", name, [.. Samplers.Select(r => r.Name)]);
        }
    }

    private static void CheckTogether(ModelFolder folder, CogVideoXTransformerConfig transformer, CogVideoXAutoencoderConfig vae, T5Config text)
    {
        var violations = new ConfigViolations(folder.Path);
        int channels = folder.ClassName == ImageToVideo ? 2 * vae.LatentChannels : vae.LatentChannels;
        violations.Require(transformer.InChannels == channels, $"the transformer's `in_channels` must be {channels} for {folder.ClassName} with this vae, got {transformer.InChannels}");
        violations.Require(transformer.OutChannels == vae.LatentChannels, $"the transformer's `out_channels` must be the vae's `latent_channels` ({vae.LatentChannels}), got {transformer.OutChannels}");
        violations.Require(transformer.TextEmbedDim == text.DModel, $"the transformer's `text_embed_dim` must be the text encoder's `d_model` ({text.DModel}), got {transformer.TextEmbedDim}");
        violations.Require(transformer.TemporalCompressionRatio == vae.TemporalCompressionRatio, $"the transformer's `temporal_compression_ratio` must be the vae's ({vae.TemporalCompressionRatio}), got {transformer.TemporalCompressionRatio}");
        violations.ThrowIfAny();
    }

    // Image-to-video models were trained with one known frame; text-to-video models are led along several.
    private static (IReadOnlyList<VideoFrame> Frames, int Held, ManifestInput? Input) Given(ModelFolder folder, VideoGenerationRequest request, int width, int height, int frames, int step)
    {
        bool animates = folder.ClassName == ImageToVideo;
        RequestChecks.Refuse("a CogVideoX text-to-video model", ("image", !animates && request.FirstFrame is not null));
        return animates && request.FirstFrame is null && request.Continue is null
            ? throw new GenerationRequestException("image", "a CogVideoX image-to-video model needs an image.")
            : RequestChecks.Given(request, width, height, frames, most: animates ? 1 : 1 + step, step);
    }

    // The text encoder goes before the sampling; transformer and autoencoder stay together.
    private static MemoryPlan Memory(ModelFolder folder, CogVideoXTransformerConfig transformer, CogVideoXAutoencoderConfig vae, int predictions, int latentFrames, long height, long width, long frames, VaeTiling tiling)
    {
        const int TransformerWidths = 20;                       // tensors of the stream's size alive at once
        long p = vae.SpatialCompression * transformer.PatchSize;
        long tokens = transformer.MaxTextSeqLength + (long)(latentFrames / transformer.PatchFrames) * (height / p) * (width / p);
        return new MemoryPlan(folder,
        [
            new("text_encoder", ["transformer", "vae"], _ => 0),
            new("transformer", ["vae"], _ => predictions * tokens * transformer.Dim * sizeof(float) * TransformerWidths),
            new("vae", ["transformer"], type => CogVideoXAutoencoder.DecodePeakBytes(vae, latentFrames, height / vae.SpatialCompression, width / vae.SpatialCompression, tiling, type)),
        ], frames * height * width * 3 * 2);
    }

    private sealed class Clips(CogVideoXPipeline pipeline) : IGenerationPipeline
    {
        private LatentProjection? _projection;
        private readonly PromptMemory _texts = new(prompt => [pipeline.Encode(prompt)], pipeline.ReleaseTextEncoder);

        public void Generate(ClipRun run)
        {
            GenerationPlan plan = run.Plan;
            using var scope = TensorScope.Enter();
            _texts.Need([plan.Prompt, .. plan.StoryPrompts, .. plan.Guidance > 1 ? [plan.NegativePrompt] : (string[])[]]);
            var request = new CogVideoXRequest
            {
                Seed = run.Seed, Width = plan.Width, Height = plan.Height, Frames = plan.Frames, Steps = plan.Steps,
                Sampler = Samplers.First(row => row.Name == plan.Sampler).ClassName, Guidance = plan.Guidance, GuidanceRescale = plan.GuidanceRescale, Cache = run.Cache,
                Texts = plan.Guidance > 1 ? Tensor.Cat([_texts[plan.NegativePrompt][0], _texts[plan.Prompt][0]], 0) : _texts[plan.Prompt][0],
                KnownFrames = plan.HeldFrames > 0 ? FramePixels.ToModel([.. plan.GivenFrames.TakeLast(plan.HeldFrames)]) : null, Tiling = plan.Tiling,
            };
            Tensor latents = pipeline.Sample(request, (step, clean) => run.Step(step, () => Preview(clean)), run.Cancellation);
            run.Decoding();
            pipeline.Decode(latents, part => Show(part, run.Frame), plan.Tiling, run.Cancellation);
        }

        public void Dispose()
        {
            pipeline.Dispose();
            _texts.Dispose();
        }

        private VideoFrame Preview(Tensor latents)                                               // [1, F, Z, h, w]
        {
            CogVideoXAutoencoderConfig vae = pipeline.AutoencoderConfig;
            _projection ??= LatentProjection.Fit(clip => pipeline.Encode(clip, random: null).Permute(0, 2, 1, 3, 4), vae.SpatialCompression, 1 + LatentFramesTogether * vae.TemporalCompressionRatio);
            return _projection.Picture(latents.Permute(0, 2, 1, 3, 4));
        }

        private static void Show(Tensor part, Action<VideoFrame> use)
        {
            foreach (VideoFrame frame in FramePixels.FromModel(part, 0))
            {
                use(frame);
            }
        }
    }
}

// AnimateDiff and ModelScope as `generate` runs them: what a request comes to, and one clip of it.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Modules;
using Kinora.Models.Systems.Clip;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>Text-to-video in the latent space of Stable Diffusion, by a model that puts motion into it.</summary>
internal sealed class LatentClipSystem(ILatentClipModel model) : IGenerationSystem
{
    // Frames decoded at once; the autoencoder sees each alone.
    private const int DecodedFrames = 4;

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => model.ClassNames;

    /// <inheritdoc/>
    public StoryMethod Stories => StoryMethod.Travel;

    /// <inheritdoc/>
    public IReadOnlyList<string> RequiredComponents(ModelFolder folder) => [.. model.DenoiserComponents, "vae", "text_encoder", "tokenizer", "scheduler"];

    /// <inheritdoc/>
    public IGenerationPipeline Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        networks.RefuseModelOffload(model.Title);
        var stores = new List<ParameterStore>();
        try
        {
            LatentClipDenoiser denoiser = model.Load(networks);
            stores.AddRange(denoiser.Weights);
            AutoencoderKl vae = AutoencoderKl.Load(networks);
            return new Clips(new LatentClipPipeline(denoiser.Predict, denoiser.Weights, denoiser.Windows, vae, networks.Device), new StableDiffusionPrompts(networks), vae.Config);
        }
        catch
        {
            stores.ForEach(store => store.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        RequestChecks.RequirePrompt(request);
        if (request.FirstFrame is not null)
        {
            throw new GenerationRequestException("image", $"{model.Title} takes no image; it makes clips from words alone. Stable Video Diffusion, LTX-Video and the image-to-video models of Wan and CogVideoX animate a picture.");
        }
        RequestChecks.Refuse(model.Title, ("mask", request.Mask is not null), ("clip to continue", request.Continue is not null),
            ("image strength", options.ImageStrength is not null), ("guidance rescale", options.GuidanceRescale is > 0));
        LatentClipShape shape = model.Describe(folder);
        var vae = VaeConfig(folder);
        var text = ModelConfigJson.Read(folder.Config("text_encoder"), ClipJson.Default.ClipTextConfig);
        var violations = new ConfigViolations(folder.Path);
        violations.Require(shape.LatentChannels == vae.LatentChannels, $"the U-Net reads {shape.LatentChannels} latent channels, the VAE makes {vae.LatentChannels}");
        violations.Require(shape.TextWidth == text.HiddenSize, $"the U-Net reads text of width {shape.TextWidth}, the text encoder makes {text.HiddenSize}");
        violations.ThrowIfAny();
        RequestChecks.WeightedPrompts(request);

        LatentClipDefaults defaults = model.Defaults;
        int width = options.Width ?? defaults.Width, height = options.Height ?? defaults.Height, frames = request.Story.Count > 0 ? request.Story.Sum(p => p.Frames) : options.Frames ?? defaults.Frames;
        RequestChecks.Side("width", width, vae.SpatialCompression);
        RequestChecks.Side("height", height, vae.SpatialCompression);
        RequestChecks.Frames(frames, multiple: 1);
        int steps = RequestChecks.Steps(options, defaults.Steps);
        double guidance = RequestChecks.Guidance(options, defaults.Guidance);
        long h = height / vae.SpatialCompression, w = width / vae.SpatialCompression;
        SchedulerConfig own = model.Schedule(folder, SchedulerConfig.Read(folder.Config("scheduler")));
        string sampler = options.Sampler ?? StableDiffusionSamplers.NameOf(own);
        SchedulerConfig scheduler = StableDiffusionSamplers.Find(sampler, own)
            ?? throw RequestChecks.UnknownSampler(model.Title, sampler, StableDiffusionSamplers.Names);
        int calls = StableDiffusionPipeline.CountCalls(scheduler, steps, strength: null, masked: false), predictions = guidance > 1 ? 2 : 1;
        return new LatentClipPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt, Seed = RequestChecks.Seed(options), Count = RequestChecks.Count(options),
            Width = width, Height = height, Frames = frames, FrameRate = RequestChecks.FrameRate(options.FrameRate ?? defaults.FrameRate), Steps = steps, Guidance = guidance, GuidanceRescale = 0,
            Sampler = sampler, Scheduler = scheduler, SamplerCalls = calls, NetworkCalls = calls * predictions, MadeFor = new ClipSize(defaults.Width, defaults.Height, defaults.Frames),
            Story = request.Story, HeldFrames = 0, GivenFrames = [], Input = null, PreviewEverySteps = options.PreviewEverySteps, Tiling = options.Tiling,
            Flops = (double)calls * predictions * shape.Flops(frames, h, w) + frames * AutoencoderKl.DecodeFlops(vae, height, width),
            Memory = Memory(folder, model, shape, vae, frames, h, w, height, width, options.Tiling),
        };
    }

    private static AutoencoderKlConfig VaeConfig(ModelFolder folder) => AutoencoderKlConfig.Read(folder.Config("vae"));

    // The text encoder comes and goes; the denoiser and the autoencoder stay together.
    private static MemoryPlan Memory(ModelFolder folder, ILatentClipModel model, LatentClipShape shape, AutoencoderKlConfig vae, int frames, long h, long w, int height, int width, VaeTiling tiling)
    {
        string[] denoiser = [.. model.DenoiserComponents];
        return new MemoryPlan(folder,
        [
            new("text_encoder", [.. denoiser, "vae"], _ => 0),
            new(denoiser[0], [.. denoiser[1..], "vae"], _ => UNetCost.ActivationBytes(frames, h, w, shape.BlockOutChannels[0])),
            new("vae", denoiser, type => AutoencoderKl.DecodeBytes(vae, Math.Min(frames, DecodedFrames), height, width, tiling, type)),
        ], (long)frames * height * width * 3 * 2);
    }

    private sealed class Clips(LatentClipPipeline pipeline, StableDiffusionPrompts prompts, AutoencoderKlConfig vae) : IGenerationPipeline
    {
        private LatentProjection? _projection;

        public void Generate(ClipRun run)
        {
            var plan = (LatentClipPlan)run.Plan;
            using var scope = TensorScope.Enter();
            var (texts, negative) = prompts.Encode(plan.Story.Count == 0 ? [plan.Prompt] : [.. plan.Story.Select(p => p.Prompt)], plan.NegativePrompt, zeroNegative: false);
            var generator = new Generator(run.Seed);
            var request = new LatentClipRequest
            {
                Text = plan.Story.Count == 0 ? texts[0].States : PromptTravel.Frames([.. texts.Select(t => t.States)], plan.Story), NegativeText = negative.States, Scheduler = plan.Scheduler, Noise = pipeline.DrawNoise(generator, plan.Frames, plan.Height, plan.Width),
                Steps = plan.Steps, Guidance = plan.Guidance, StepNoise = generator,
            };
            Tensor latents = pipeline.Sample(request, (step, result) => run.Step((step + 1) * plan.Steps / plan.SamplerCalls, () => Preview(result.Denoised ?? result.Next)), run.Cancellation);
            run.Decoding();
            pipeline.Decode(latents, DecodedFrames, part =>
            {
                foreach (VideoFrame frame in FramePixels.FromModel(part, 0))
                {
                    run.Frame(frame);
                }
            }, plan.Tiling.Applies(AutoencoderKl.DecodeBytes(vae, Math.Min(plan.Frames, DecodedFrames), plan.Height, plan.Width)), run.Cancellation);
        }

        public void Dispose()
        {
            pipeline.Dispose();
            prompts.Dispose();
        }

        private VideoFrame Preview(Tensor latents)                                               // [1, C, F, h, w]
        {
            _projection ??= LatentProjection.Fit(picture => pipeline.EncodePicture(picture.Squeeze(2)).Unsqueeze(2), pipeline.SpatialCompression, frames: 1);
            return _projection.Picture(latents);
        }
    }
}

/// <summary>A plan with its sampler.</summary>
internal sealed record LatentClipPlan : GenerationPlan
{
    /// <summary>Sampler and schedule.</summary>
    public required SchedulerConfig Scheduler { get; init; }
    /// <summary>Calls of the sampler for one clip; some methods make two a step.</summary>
    public required int SamplerCalls { get; init; }
}

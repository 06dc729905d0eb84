// kinora-world as `generate` runs it: what a request comes to, and one clip of it.

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Generation;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>The system of the model that ships with Kinora.</summary>
public sealed class KinoraWorldSystem : IGenerationSystem
{
    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => [KinoraWorldIndex.Name];

    /// <inheritdoc/>
    public StoryMethod Stories => StoryMethod.Continuation;

    /// <inheritdoc/>
    public IReadOnlyList<string> RequiredComponents(ModelFolder folder) => ["transformer", "vae", "text_encoder", "tokenizer", "scheduler"];

    /// <inheritdoc/>
    public IGenerationPipeline Load(NetworkLoader networks) => new Clips(KinoraWorldPipeline.Load(networks));

    /// <inheritdoc/>
    public GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        var transformer = ModelConfigJson.Read(folder.Config("transformer"), KinoraWorldJson.Default.VideoTransformerConfig);
        var vae = ModelConfigJson.Read(folder.Config("vae"), KinoraWorldJson.Default.VideoAutoencoderConfig);
        var text = ModelConfigJson.Read(folder.Config("text_encoder"), KinoraWorldJson.Default.TextEncoderConfig);
        var scheduler = ModelConfigJson.Read(folder.Config("scheduler"), KinoraWorldJson.Default.FlowSchedulerConfig);
        KinoraWorldDefaults defaults = folder.Index.Defaults;
        RequestChecks.RequirePrompt(request);
        ByteLevelBpeTokenizer tokenizer = ByteLevelBpeTokenizer.Load(folder.Component("tokenizer"));
        RequestChecks.PromptLengths(request, prompt => tokenizer.Encode(prompt, addSpecialTokens: true).Length, defaults.MaxPromptTokens);
        RequestChecks.Refuse(defaults.Model, ("mask", request.Mask is not null), ("image strength", options.ImageStrength is not null),
            ("controlling picture", request.Control is not null), ("ControlNet", options.ControlNet is not null), ("control strength", options.ControlStrength is not null));

        int width = options.Width ?? defaults.Width, height = options.Height ?? defaults.Height, frames = options.Frames ?? defaults.Frames;
        RequestChecks.Side("width", width, vae.SpatialCompression * transformer.PatchSize[2]);
        RequestChecks.Side("height", height, vae.SpatialCompression * transformer.PatchSize[1]);
        RequestChecks.Frames(frames, vae.TemporalCompression);
        int steps = RequestChecks.Steps(options, defaults.Steps);
        double guidance = RequestChecks.Guidance(options, defaults.Guidance);
        double rescale = RequestChecks.GuidanceRescale(options, defaults.GuidanceRescale);
        double rate = RequestChecks.FrameRate(options.FrameRate ?? request.Continue?.Fps ?? defaults.FrameRate);
        int count = RequestChecks.Count(options);
        string sampler = options.Sampler ?? defaults.Sampler;
        if (FlowSamplers.Find(sampler) is null)
        {
            throw RequestChecks.UnknownSampler(defaults.Model, sampler, FlowSamplers.Names);
        }
        var (given, held, input) = RequestChecks.Given(request, width, height, frames, most: int.MaxValue, vae.TemporalCompression);
        int latentFrames = vae.LatentFrames(frames), h = height / vae.SpatialCompression, w = width / vae.SpatialCompression;
        int calls = sampler == "heun" ? 2 * steps - 1 : steps, predictions = guidance == 1 ? 1 : 2;
        double flops = (double)calls * predictions * VideoTransformer.Flops(transformer, latentFrames, h, w, defaults.MaxPromptTokens)
            + predictions * TextEncoder.Flops(text, defaults.MaxPromptTokens)
            + VideoAutoencoder.DecodeFlops(vae, frames, height, width)
            + (held > 0 ? VideoAutoencoder.EncodeFlops(vae, held, height, width) : 0);
        return new GenerationPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt, Seed = RequestChecks.Seed(options), Count = count,
            Width = width, Height = height, Frames = frames, FrameRate = rate, Steps = steps, Guidance = guidance, GuidanceRescale = rescale,
            Sampler = sampler, Shift = scheduler.Shift, NetworkCalls = calls, MadeFor = new ClipSize(defaults.Width, defaults.Height, defaults.Frames),
            FrameStep = vae.TemporalCompression, HeldFrames = held, Input = input, GivenFrames = given, PreviewEverySteps = options.PreviewEverySteps, Cache = RequestChecks.Cache(options, steps),
            Flops = flops, Memory = Memory(folder, transformer, vae, predictions, latentFrames, h, w, frames, height, width),
        };
    }

    // All networks stay, in float32; products make a copy of one weight at a time.
    private static MemoryPlan Memory(ModelFolder folder, VideoTransformerConfig transformer, VideoAutoencoderConfig vae, int predictions, long latentFrames, long h, long w, long frames, long height, long width)
    {
        const int TransformerWidths = 16, DecoderMaps = 8;      // tensors of the stream's, and the finest stage's, size alive at once
        long tokens = latentFrames * (h / transformer.PatchSize[1]) * (w / transformer.PatchSize[2]);
        long decoded = Math.Min(frames, 4L * vae.TemporalCompression);
        return new MemoryPlan(folder,
        [
            new("transformer", ["text_encoder", "vae"], _ => predictions * tokens * transformer.HiddenSize * sizeof(float) * TransformerWidths, DType.Float32),
            new("vae", ["text_encoder", "transformer"], _ => decoded * (height / vae.PatchSize) * (width / vae.PatchSize) * vae.BlockOutChannels[0] * sizeof(float) * DecoderMaps, DType.Float32),
        ], frames * height * width * 3 * 2);
    }

    private sealed class Clips(KinoraWorldPipeline pipeline) : IGenerationPipeline
    {
        public void Generate(ClipRun run)
        {
            GenerationPlan plan = run.Plan;
            var request = new KinoraWorldRequest
            {
                Prompt = plan.Prompt, NegativePrompt = plan.NegativePrompt, Seeds = [run.Seed],
                Width = plan.Width, Height = plan.Height, Frames = plan.Frames,
                Sampler = FlowSamplers.Find(plan.Sampler)!, Steps = plan.Steps, Guidance = plan.Guidance, GuidanceRescale = plan.GuidanceRescale, Cache = run.Cache,
                KnownFrames = plan.HeldFrames > 0 ? FramePixels.ToModel([.. plan.GivenFrames.TakeLast(plan.HeldFrames)]) : null,
            };
            Tensor latents = pipeline.Sample(request, step => run.Step(step.Index, plan.HeldFrames == 0 ? () => Preview(step.Denoised) : null), run.Cancellation);
            run.Decoding();
            pipeline.Decode(latents, part =>
            {
                foreach (VideoFrame frame in FramePixels.FromModel(part, 0))
                {
                    run.Frame(frame);
                }
            }, run.Cancellation);
        }

        public void Dispose() => pipeline.Dispose();

        // The first latent frame stands alone, so it is a picture by itself.
        private VideoFrame Preview(Tensor denoised)
        {
            VideoFrame? frame = null;
            pipeline.Decode(denoised.Narrow(0, 0, 1).Narrow(2, 0, 1), part => frame = FramePixels.FromModel(part, 0)[0]);
            return frame!;
        }
    }
}

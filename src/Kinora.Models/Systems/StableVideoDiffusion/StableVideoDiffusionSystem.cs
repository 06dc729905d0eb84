// Stable Video Diffusion as `generate` runs it: what a request comes to, and one clip of it.

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Modules;
using Kinora.Models.Systems.StableDiffusion;

namespace Kinora.Models.Systems.StableVideoDiffusion;

/// <summary>Image-to-video by Stable Video Diffusion.</summary>
public sealed class StableVideoDiffusionSystem : IGenerationSystem
{
    // What the publisher trained for and recommends: 14 or 25 frames of 1024 × 576, 25 steps, guidance rising to 3.
    private const int DefaultWidth = 1024, DefaultHeight = 576, DefaultSteps = 25, DefaultFrameRate = 7, DefaultMotion = 127, MaxMotion = 255;
    private const double DefaultGuidance = 3, DefaultPictureNoise = 0.02, MaxPictureNoise = 10;
    // Frames that the decoder sees at once, as published for small memories.
    private const int DecodedFrames = 8;

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames => [StableVideoDiffusionPipeline.Name];

    /// <inheritdoc/>
    public StoryMethod Stories => StoryMethod.None;

    /// <inheritdoc/>
    public IReadOnlyList<string> RequiredComponents(ModelFolder folder) => ["unet", "vae", "image_encoder", "feature_extractor", "scheduler"];

    /// <inheritdoc/>
    public IGenerationPipeline Load(NetworkLoader networks) => new Clips(StableVideoDiffusionPipeline.Load(networks));

    /// <inheritdoc/>
    public GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        var unet = UNetSpatioTemporalConfig.Read(folder.Config("unet"));
        var vae = TemporalAutoencoderConfig.Read(folder.Config("vae"));
        var scheduler = SchedulerConfig.Read(folder.Config("scheduler"));
        unet.Validate();
        vae.Validate();
        const string What = "Stable Video Diffusion";
        if (request.Prompt.Length > 0)
        {
            throw new GenerationRequestException("prompt", $"{What} animates a picture without words and takes no prompt: leave the prompt out, or have a picture made from it with --image-model.");
        }
        RequestChecks.Refuse(What, ("negative prompt", request.NegativePrompt.Length > 0), ("mask", request.Mask is not null),
            ("image strength", options.ImageStrength is not null), ("guidance rescale", options.GuidanceRescale is > 0), ("sampler", options.Sampler is not null && options.Sampler != StableDiffusionSamplers.NameOf(scheduler)));
        if ((request.FirstFrame ?? request.Continue?.Frames[^1]) is not { } picture)
        {
            throw new GenerationRequestException("image", $"{What} animates a picture: give one with --image, or a clip with --continue.");
        }
        int width = options.Width ?? DefaultWidth, height = options.Height ?? DefaultHeight, frames = options.Frames ?? unet.NumFrames;
        int multiple = vae.SpatialCompression << (unet.BlockOutChannels.Count - 1);
        RequestChecks.Side("width", width, multiple);
        RequestChecks.Side("height", height, multiple);
        RequestChecks.Frames(frames, multiple: 1);
        double rate = RequestChecks.FrameRate(options.FrameRate ?? request.Continue?.Fps ?? DefaultFrameRate);
        int steps = RequestChecks.Steps(options, DefaultSteps), motion = RequestChecks.InRange("motion", options.Motion ?? DefaultMotion, 0, MaxMotion);
        double guidance = RequestChecks.Guidance(options, DefaultGuidance), noise = RequestChecks.InRange("image noise", options.ImageNoise ?? DefaultPictureNoise, 0, MaxPictureNoise);
        // A clip is continued from its last frame, which the new part begins with.
        var (given, held, input) = request.Continue is null ? ([], 0, new ManifestInput { Kind = "image", HeldFrames = 0, Sha256 = GenerationManifest.HashFrames([picture]) })
            : RequestChecks.Given(request, width, height, frames, most: 1, step: 1);
        long h = height / vae.SpatialCompression, w = width / vae.SpatialCompression;
        int predictions = guidance > 1 ? 2 : 1;
        double decode = frames * AutoencoderKl.DecodeFlops(vae.EncoderConfig, height, width);
        return new StableVideoDiffusionPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt, Seed = RequestChecks.Seed(options), Count = RequestChecks.Count(options),
            Width = width, Height = height, Frames = frames, FrameRate = rate, Steps = steps, Guidance = guidance, GuidanceRescale = 0,
            Sampler = StableDiffusionSamplers.NameOf(scheduler), NetworkCalls = steps * predictions, MadeFor = new ClipSize(DefaultWidth, DefaultHeight, unet.NumFrames),
            HeldFrames = held, GivenFrames = given, Picture = CutToAspect(picture, width, height), Motion = motion, PictureNoise = noise,
            Input = input! with { Motion = motion, Noise = noise },
            PreviewEverySteps = options.PreviewEverySteps, Tiling = options.Tiling,
            Flops = steps * predictions * UNetSpatioTemporal.Flops(unet, frames, h, w) + decode,
            Memory = Memory(folder, unet, vae, frames, h, w, height, width, options.Tiling),
        };
    }

    // The largest centered part of the aspect; the pipeline resamples it as the publisher does.
    private static VideoFrame CutToAspect(VideoFrame picture, int width, int height)
    {
        long wide = (long)picture.Width * height, tall = (long)picture.Height * width;
        int w = wide > tall ? (int)Math.Max(1, (tall + height / 2) / height) : picture.Width, h = wide < tall ? (int)Math.Max(1, (wide + width / 2) / width) : picture.Height;
        return ImageResize.Crop(picture, (picture.Width - w) / 2, (picture.Height - h) / 2, w, h);
    }

    // The networks stay together.
    private static MemoryPlan Memory(ModelFolder folder, UNetSpatioTemporalConfig unet, TemporalAutoencoderConfig vae, int frames, long h, long w, int height, int width, VaeTiling tiling) =>
        new(folder,
        [
            new("unet", ["vae", "image_encoder"], _ => UNetCost.ActivationBytes(frames, h, w, unet.BlockOutChannels[0])),
            new("vae", ["unet", "image_encoder"], type => TemporalAutoencoder.DecodePeakBytes(vae, Math.Min(frames, DecodedFrames), h, w, tiling, type)),
        ], (long)frames * height * width * 3 * 2);

    private sealed class Clips(StableVideoDiffusionPipeline pipeline) : IGenerationPipeline
    {
        private LatentProjection? _projection;

        public void Generate(ClipRun run)
        {
            var plan = (StableVideoDiffusionPlan)run.Plan;
            var request = new StableVideoDiffusionRequest
            {
                Picture = plan.Picture, Seed = run.Seed, Width = plan.Width, Height = plan.Height, Frames = plan.Frames, Steps = plan.Steps,
                MinGuidance = Math.Min(1, plan.Guidance), MaxGuidance = plan.Guidance, FrameRate = (int)Math.Round(plan.FrameRate), MotionBucket = plan.Motion, PictureNoise = plan.PictureNoise, Tiling = plan.Tiling,
            };
            Tensor latents = pipeline.Sample(request, noise: null, (step, result) => run.Step(step + 1, () => Preview(result.Denoised ?? result.Next)), run.Cancellation);
            run.Decoding();
            pipeline.Decode(latents, DecodedFrames, part =>
            {
                foreach (VideoFrame frame in FramePixels.FromModel(part, 0))
                {
                    run.Frame(frame);
                }
            }, plan.Tiling, run.Cancellation);
        }

        public void Dispose() => pipeline.Dispose();

        private VideoFrame Preview(Tensor latents)                                               // [1, F, C, h, w]
        {
            _projection ??= LatentProjection.Fit(picture => pipeline.EncodePicture(picture.Squeeze(2)).Unsqueeze(2), pipeline.SpatialCompression, frames: 1);
            return _projection.Picture(latents.Transpose(1, 2));
        }
    }
}

/// <summary>A plan with the picture to animate.</summary>
internal sealed record StableVideoDiffusionPlan : GenerationPlan
{
    /// <summary>The picture, cut to the clip's aspect.</summary>
    public required VideoFrame Picture { get; init; }
    /// <summary>Amount of motion, 0 to 255.</summary>
    public required int Motion { get; init; }
    /// <summary>Standard deviation of the noise added to the picture.</summary>
    public required double PictureNoise { get; init; }
}

// Stable Diffusion 1, 2 and XL as `generate` runs them: what a request comes to, and one picture of it.

using System.Text.Json;
using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>A checked request for a Stable Diffusion model.</summary>
public sealed record StableDiffusionPlan : GenerationPlan
{
    /// <summary>Sampler and schedule.</summary>
    public required SchedulerConfig Scheduler { get; init; }
    /// <summary>How far to lead away from a given picture; null without one.</summary>
    public double? Strength { get; init; }
    /// <summary>Where the given picture is painted anew, at the size of the picture; null for everywhere.</summary>
    public VideoFrame? Mask { get; init; }
    /// <summary>What a ControlNet reads, at the size of the picture; null without one.</summary>
    public VideoFrame? Control { get; init; }
    /// <summary>Whether an empty negative prompt is zeros.</summary>
    public bool ZeroNegative { get; init; }
    /// <summary>XL: the size and crop conditions; null for the others.</summary>
    public IReadOnlyList<double>? TimeIds { get; init; }
    /// <summary>XL: the same for the negative prompt.</summary>
    public IReadOnlyList<double>? NegativeTimeIds { get; init; }
}

/// <summary>The system of Stable Diffusion 1, 2, XL and their latent consistency models: text-to-image, image-to-image, inpainting.</summary>
public sealed class StableDiffusionSystem : IGenerationSystem
{
    // Inverted: the sampler whose steps are run backwards to invert a picture.
    private const string Xl = "StableDiffusionXL", ControlNetComponent = "controlnet", Inverted = "ddim";
    private const int DefaultSteps = 30, ConsistencySteps = 4;
    private const double DefaultGuidance = 7.5, XlGuidance = 5, ConsistencyGuidance = 8.5, DefaultStrength = 0.8, WholeStrength = 1, MaxControlStrength = 4;
    // The refiner of XL rates pictures: the published procedure asks for a good one and leads away from a bad one.
    private const double AestheticScore = 6, NegativeAestheticScore = 2.5;

    /// <inheritdoc/>
    public IReadOnlyList<string> ClassNames { get; } =
    [
        "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline", "StableDiffusionInpaintPipeline", "LatentConsistencyModelPipeline",
        "StableDiffusionXLPipeline", "StableDiffusionXLImg2ImgPipeline", "StableDiffusionXLInpaintPipeline",
        "StableDiffusionControlNetPipeline", "StableDiffusionXLControlNetPipeline",
    ];

    /// <inheritdoc/>
    public StoryMethod Stories => StoryMethod.None;

    /// <inheritdoc/>
    public IReadOnlyList<string> RequiredComponents(ModelFolder folder)
    {
        ArgumentNullException.ThrowIfNull(folder);
        // The refiner of XL has the second encoder alone.
        bool readsFirst = !IsXl(folder) || folder.Has("text_encoder") || !folder.Has("text_encoder_2");
        return ["unet", "vae", .. readsFirst ? (string[])["text_encoder", "tokenizer"] : [], .. IsXl(folder) ? (string[])["text_encoder_2", "tokenizer_2"] : [], "scheduler"];
    }

    /// <inheritdoc/>
    public GenerationPlan Plan(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options)
    {
        ArgumentNullException.ThrowIfNull(folder);
        ArgumentNullException.ThrowIfNull(request);
        ArgumentNullException.ThrowIfNull(options);
        var unet = UNet2DConditionConfig.Read(folder.Config("unet"));
        var vae = AutoencoderKlConfig.Read(folder.Config("vae"));
        var own = SchedulerConfig.Read(folder.Config("scheduler"));
        CheckTogether(folder, unet, vae);
        RequestChecks.RequirePrompt(request);
        RequestChecks.WeightedPrompts(request);
        bool inpaints = unet.InChannels != vae.LatentChannels, consistency = unet.TimeCondProjDim is not null;
        RequestChecks.Refuse("an image model", ("clip to continue", request.Continue is not null),
            ("mask without an image", request.Mask is not null && request.FirstFrame is null), ("inversion without an image", request.SourcePrompt is not null && request.FirstFrame is null),
            ("inversion with a mask", request.SourcePrompt is not null && request.Mask is not null), ("inversion by a latent consistency model", request.SourcePrompt is not null && consistency),
            ("image strength without an image", options.ImageStrength is not null && request.FirstFrame is null));
        if (options.Frames is { } asked and not 1)
        {
            throw new GenerationRequestException("frames", RequestChecks.Invariant($"{folder.Name} makes pictures; {asked} frames were asked for. Name a video model, or, for Stable Diffusion 1.5, an AnimateDiff adapter with --motion-adapter."));
        }
        if (inpaints && request.Mask is null)
        {
            throw new GenerationRequestException("mask", $"{folder.Name} paints parts of a picture anew: give the picture with --image and the parts, in white, with --mask.");
        }

        string? controlNet = ControlNetOf(folder, request, options, unet);

        int side = (unet.SampleSize ?? 64) * vae.SpatialCompression;
        int width = options.Width ?? side, height = options.Height ?? side;
        // Every halving of the U-Net leaves whole rows; odd ones would work but were never trained.
        RequestChecks.Side("width", width, vae.SpatialCompression);
        RequestChecks.Side("height", height, vae.SpatialCompression);
        int steps = RequestChecks.Steps(options, consistency ? ConsistencySteps : DefaultSteps);
        double guidance = RequestChecks.Guidance(options, consistency ? ConsistencyGuidance : IsXl(folder) ? XlGuidance : DefaultGuidance);
        double? strength = request.FirstFrame is null ? null
            : RequestChecks.InRange("image strength", options.ImageStrength ?? (request.Mask is null && request.SourcePrompt is null ? DefaultStrength : WholeStrength), 1.0 / steps, 1);
        string sampler = options.Sampler ?? (request.SourcePrompt is null ? StableDiffusionSamplers.NameOf(own) : Inverted);
        SchedulerConfig scheduler = StableDiffusionSamplers.Find(sampler, own)
            ?? throw RequestChecks.UnknownSampler(folder.Name, sampler, StableDiffusionSamplers.Names);
        if (request.SourcePrompt is not null && sampler != Inverted)
        {
            throw new GenerationRequestException("sampler", $"an inversion runs the steps of {Inverted} backwards; it does not go with {sampler}. Leave --sampler out.");
        }
        int calls = StableDiffusionPipeline.CountCalls(scheduler, steps, strength, request.Mask is not null), predictions = guidance == 1 || consistency ? 1 : 2, inversions = request.SourcePrompt is null ? 0 : calls;
        VideoFrame? picture = request.FirstFrame is null ? null : RequestChecks.Fit(request.FirstFrame, width, height);
        var (ids, negativeIds) = TimeIds(folder, unet, width, height);
        int h = height / vae.SpatialCompression, w = width / vae.SpatialCompression;
        return new StableDiffusionPlan
        {
            Folder = folder, Prompt = request.Prompt, NegativePrompt = request.NegativePrompt, Seed = RequestChecks.Seed(options), Count = RequestChecks.Count(options),
            Width = width, Height = height, Frames = 1, FrameRate = RequestChecks.FrameRate(options.FrameRate ?? 1), Steps = steps, Guidance = guidance,
            GuidanceRescale = RequestChecks.GuidanceRescale(options, 0), Sampler = sampler, NetworkCalls = calls + inversions, MadeFor = new ClipSize(side, side, 1), HeldFrames = 0,
            Input = picture is null ? null : new ManifestInput
            {
                Kind = "image", HeldFrames = 0, Sha256 = GenerationManifest.HashFrames([request.FirstFrame!]), Strength = strength, SourcePrompt = request.SourcePrompt,
                MaskSha256 = request.Mask is null ? null : GenerationManifest.HashFrames([request.Mask]),
            },
            GivenFrames = picture is null ? [] : [picture], Mask = request.Mask is null ? null : RequestChecks.Fit(request.Mask, width, height),
            Control = request.Control is null ? null : RequestChecks.Fit(request.Control, width, height),
            ControlInput = controlNet is null ? null : new ManifestControl
            {
                ControlNet = controlNet, Strength = RequestChecks.InRange("control strength", options.ControlStrength ?? 1, 0, MaxControlStrength),
                Sha256 = GenerationManifest.HashFrames([request.Control!]),
            },
            PreviewEverySteps = options.PreviewEverySteps, Tiling = options.Tiling, Scheduler = scheduler, Strength = strength, ZeroNegative = ForceZeros(folder), TimeIds = ids, NegativeTimeIds = negativeIds,
            Flops = ((double)calls * predictions + inversions) * UNet2DCondition.Flops(unet, h, w) + AutoencoderKl.DecodeFlops(vae, height, width),
            Memory = Memory(folder, unet, vae, predictions, h, w, height, width, options.Tiling),
        };
    }

    /// <inheritdoc/>
    public IGenerationPipeline Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        ModelFolder folder = networks.Folder;
        var unetConfig = UNet2DConditionConfig.Read(folder.Config("unet"));
        var vaeConfig = AutoencoderKlConfig.Read(folder.Config("vae"));
        CheckTogether(folder, unetConfig, vaeConfig);
        var pipeline = new StableDiffusionPipeline(networks.OnDemand(() => networks.Load("unet", path => new UNet2DCondition(path, unetConfig))), unetConfig, networks.OnDemand(() => AutoencoderKl.Load(networks)), vaeConfig, networks.Device);
        try
        {
            if (!networks.Residency.OneAtATime)
            {
                // Damage is found before anything is computed.
                _ = (pipeline.UNet, pipeline.Autoencoder);
            }
            return new Pictures(pipeline, new StableDiffusionPrompts(networks), networks);
        }
        catch
        {
            pipeline.Dispose();
            throw;
        }
    }

    private static bool IsXl(ModelFolder folder) => folder.ClassName.StartsWith(Xl, StringComparison.Ordinal);

    private static void CheckTogether(ModelFolder folder, UNet2DConditionConfig unet, AutoencoderKlConfig vae)
    {
        unet.Validate();
        vae.Validate();
        var violations = new ConfigViolations(folder.Path);
        int c = vae.LatentChannels;
        violations.Require(unet.InChannels == c || unet.InChannels == 2 * c + 1, $"the U-Net reads {unet.InChannels} channels; with latents of {c} it must be {c}, or {2 * c + 1} for inpainting");
        violations.Require(unet.OutChannels == c, $"the U-Net makes {unet.OutChannels} channels, latents have {c}");
        violations.Require(IsXl(folder) == (unet.AdditionEmbedType == "text_time"), $"`addition_embed_type` of the U-Net does not belong to a {folder.ClassName}");
        violations.ThrowIfAny();
    }

    // The folder or file of the ControlNet that a request uses: named by the request, or a component of the model.
    private static string? ControlNetOf(ModelFolder folder, VideoGenerationRequest request, VideoGenerationOptions options, UNet2DConditionConfig unet)
    {
        string? own = folder.Has("controlnet") ? folder.Component("controlnet") : null, found = options.ControlNet ?? own;
        if (request.Control is null)
        {
            RequestChecks.Refuse("a request without a controlling picture", ("ControlNet", options.ControlNet is not null), ("control strength", options.ControlStrength is not null));
            return own is null ? null : throw new GenerationRequestException("control", $"{folder.Name} is controlled by a picture (edges, depth, pose): give it with --control.");
        }
        if (found is null)
        {
            throw new GenerationRequestException("control", "a controlling picture was given without the ControlNet that reads it: name its folder or file with --controlnet.");
        }
        if (!Path.Exists(found))
        {
            throw new ConfigException($"ControlNet {found}: there is no such file or folder.");
        }
        ControlNetConfig config = ControlNetConfigOf(folder, found);
        config.Validate();
        return config.CrossAttentionDim == unet.CrossAttentionDim[0] && config.BlockOutChannels.SequenceEqual(unet.BlockOutChannels) && config.AdditionEmbedType == unet.AdditionEmbedType ? found
            : throw new GenerationRequestException("control", $"{found} is a ControlNet for another kind of model than {folder.Name}: widths [{string.Join(", ", config.BlockOutChannels)}] and text {config.CrossAttentionDim}, the model has [{string.Join(", ", unet.BlockOutChannels)}] and {unet.CrossAttentionDim[0]}.");
    }

    // A folder with a configuration, or a file whose shapes tell it.
    private static ControlNetConfig ControlNetConfigOf(ModelFolder folder, string found)
    {
        bool isOwn = folder.Has(ControlNetComponent) && folder.Component(ControlNetComponent) == found;
        if (!isOwn)
        {
            _ = ComponentSource.ClassOf(ControlNetComponent, found, usual: null);
        }
        return ControlNetConfig.Read(isOwn ? folder.Config(ControlNetComponent)
            : File.Exists(Path.Combine(found, ComponentSource.NetworkConfig)) ? ConfigText.OfFile(Path.Combine(found, ComponentSource.NetworkConfig))
            : new ComponentSource(found).ConfigOf(ControlNetComponent, ControlNetConfig.Name, _ => null));
    }

    // XL reads the size that a picture had, where it was cropped, and the size wanted; its refiner a rating in the place of the latter.
    private static (IReadOnlyList<double>? Own, IReadOnlyList<double>? Negative) TimeIds(ModelFolder folder, UNet2DConditionConfig unet, int width, int height)
    {
        if (unet.AdditionEmbedType is null)
        {
            return (null, null);
        }
        return Flag(folder, "requires_aesthetics_score", false)
            ? ([height, width, 0, 0, AestheticScore], [height, width, 0, 0, NegativeAestheticScore])
            : ([height, width, 0, 0, height, width], null);
    }

    private static bool ForceZeros(ModelFolder folder) => IsXl(folder) && Flag(folder, "force_zeros_for_empty_prompt", true);

    private static bool Flag(ModelFolder folder, string key, bool otherwise)
    {
        using JsonDocument index = JsonDocument.Parse(folder.IndexText().Utf8);
        return index.RootElement.TryGetProperty(key, out JsonElement value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : otherwise;
    }

    // Text encoders come and go; U-Net, ControlNet and autoencoder stay together.
    private static MemoryPlan Memory(ModelFolder folder, UNet2DConditionConfig unet, AutoencoderKlConfig vae, int predictions, long h, long w, long height, long width, VaeTiling tiling)
    {
        return new MemoryPlan(folder,
        [
            new("text_encoder", ["text_encoder_2", "unet", "vae"], _ => 0),
            new("unet", ["controlnet", "vae"], type => UNet2DCondition.ActivationBytes(unet, predictions, h, w, type)),
            new("vae", ["unet", "controlnet"], type => AutoencoderKl.DecodeBytes(vae, 1, height, width, tiling, type)),
        ], height * width * 3 * 2);
    }

    private sealed class Pictures(StableDiffusionPipeline pipeline, StableDiffusionPrompts prompts, NetworkLoader networks) : IGenerationPipeline
    {
        private LatentProjection? _projection;
        private (string Folder, ControlNet Net)? _controlNet;

        public void Generate(ClipRun run)
        {
            using var inference = GradMode.Inference();
            using var scope = TensorScope.Enter();
            var plan = (StableDiffusionPlan)run.Plan;
            AutoencoderKlConfig vae = pipeline.AutoencoderConfig;
            var generator = new Generator(run.Seed);
            long[] shape = [1, vae.LatentChannels, plan.Height / vae.SpatialCompression, plan.Width / vae.SpatialCompression];
            Tensor noise = generator.Normal(shape);
            bool inStrips = plan.Tiling.Applies(AutoencoderKl.DecodeBytes(vae, 1, plan.Height, plan.Width));
            string? source = plan.Input?.SourcePrompt;
            var (texts, negative) = prompts.Encode(source is null ? [plan.Prompt] : [plan.Prompt, source], plan.NegativePrompt, plan.ZeroNegative);
            var inputs = new StableDiffusionInputs
            {
                Text = texts[0], Negative = plan.Guidance == 1 ? null : negative, Noise = noise, Scheduler = plan.Scheduler, Steps = plan.Steps, Guidance = plan.Guidance,
                GuidanceRescale = plan.GuidanceRescale, TimeIds = plan.TimeIds, NegativeTimeIds = plan.NegativeTimeIds, Strength = plan.Strength ?? 1,
                Draw = () => generator.Normal(shape).To(networks.Device),
            };
            if (plan.GivenFrames.Count > 0)
            {
                Tensor picture = FramePixels.ToModel(plan.GivenFrames).Squeeze(2);                   // [1, 3, H, W]
                // An inversion is of the picture's own latents; otherwise they are drawn around them.
                inputs = source is null ? inputs with { Known = pipeline.Encode(picture, generator.Normal(shape), inStrips) }
                    : inputs with { Known = pipeline.Encode(picture, Tensor.Zeros(shape), inStrips), Source = texts[1] };
                if (plan.Mask is not null)
                {
                    Tensor anew = MaskPixels(plan.Mask);                                             // [1, 1, H, W]
                    inputs = inputs with
                    {
                        Mask = F.InterpolateNearestTo(anew, (shape[2], shape[3])).To(networks.Device),
                        MaskedKnown = pipeline.UNetConfig.InChannels == vae.LatentChannels ? null : pipeline.Encode(picture * (1 - anew), generator.Normal(shape), inStrips),
                    };
                }
            }
            if (plan.ControlInput is { } control)
            {
                inputs = inputs with
                {
                    ControlNet = LoadControlNet(control.ControlNet), ControlStrength = control.Strength,
                    ControlPicture = ((FramePixels.ToModel([plan.Control!]).Squeeze(2) + 1) / 2).To(networks.Device), // [1, 3, H, W] in [0, 1]
                };
            }
            Tensor latents = pipeline.Sample(inputs, (call, result) =>
                run.Step((int)((long)call * plan.Steps / plan.NetworkCalls), () => Preview(result.Denoised ?? result.Next)), run.Cancellation);
            run.Decoding();
            run.Frame(FramePixels.FromModel(pipeline.Decode(latents, inStrips).Unsqueeze(2), 0)[0]);
        }

        public void Dispose()
        {
            pipeline.Dispose();
            prompts.Dispose();
            _controlNet?.Net.Path.Store.Dispose();
        }

        private ControlNet LoadControlNet(string folder)
        {
            if (_controlNet is { } loaded && loaded.Folder == folder)
            {
                return loaded.Net;
            }
            _controlNet?.Net.Path.Store.Dispose();
            _controlNet = null;
            ControlNetConfig config = ControlNetConfigOf(networks.Folder, folder);
            _controlNet = (folder, networks.LoadFrom(folder, "controlnet", path => new ControlNet(path, config)));
            return _controlNet.Value.Net;
        }

        private VideoFrame Preview(Tensor latents)                                               // [1, c, h, w]
        {
            AutoencoderKl vae = pipeline.Autoencoder;
            _projection ??= LatentProjection.Fit(picture => vae.Normalize(vae.Encode(picture.Squeeze(2).To(networks.Device)).Mean).Unsqueeze(2), vae.Config.SpatialCompression, frames: 1);
            return _projection.Picture(latents.Unsqueeze(2));
        }

        // 1 where the mask is light, else 0.
        private static Tensor MaskPixels(VideoFrame mask)
        {
            using var scope = TensorScope.Enter();
            Tensor gray = FramePixels.ToModel([mask]).Squeeze(2).Mean([1], keepDim: true);           // [1, 1, H, W]
            return scope.Keep(gray.Ge(0).To(DType.Float32));
        }
    }
}

// From a picture to a clip: picture → embedding and latents → latents of a clip → frames.
// Paper: Blattmann et al., "Stable Video Diffusion", arXiv:2311.15127, section 4.3 and appendix D.
// Source of the procedure: huggingface/diffusers d035dcd7, pipelines/stable_video_diffusion/pipeline_stable_video_diffusion.py.
//
// Shapes    F frames  C latent channels  H,W height, width  h,w latent height, width  E width of the picture's embedding
// Numerics  Latents and sampling are float32; networks run in the type of their weights; noise levels are double on the host.
//           The picture's latents are not scaled by the autoencoder's factor, those of the clip are.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Random;
using Kinora.Media;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Clip;

namespace Kinora.Models.Systems.StableVideoDiffusion;

/// <summary>Stable Video Diffusion (img2vid, img2vid-xt). Immutable: every call brings its own request, and calls do not influence each other.</summary>
public sealed class StableVideoDiffusionPipeline : IDisposable
{
    /// <summary>The class that <c>model_index.json</c> names.</summary>
    public const string Name = "StableVideoDiffusionPipeline";

    private const int Channels = 3;
    private readonly OnDemand<UNetSpatioTemporal> _unet;
    private readonly OnDemand<TemporalAutoencoder> _vae;
    private readonly OnDemand<ClipVisionModelWithProjection> _imageEncoder;
    private readonly TemporalAutoencoderConfig _vaeConfig;
    private readonly ClipVisionConfig _imageConfig;
    private readonly ClipImageProcessorConfig _processor;
    private readonly SchedulerConfig _scheduler;
    private readonly Device _device;

    /// <summary>Puts the parts together; the pipeline owns them.</summary>
    /// <exception cref="ConfigException">They do not fit together.</exception>
    public StableVideoDiffusionPipeline(UNetSpatioTemporal unet, TemporalAutoencoder vae, ClipVisionModelWithProjection imageEncoder, ClipImageProcessorConfig processor, SchedulerConfig scheduler, Device device)
        : this((new OnDemand<UNetSpatioTemporal>(() => unet), unet.Config), (new OnDemand<TemporalAutoencoder>(() => vae), vae.Config), (new OnDemand<ClipVisionModelWithProjection>(() => imageEncoder), imageEncoder.Config), processor, scheduler, device) =>
        _ = (_unet.Value, _vae.Value, _imageEncoder.Value);

    private StableVideoDiffusionPipeline((OnDemand<UNetSpatioTemporal> Network, UNetSpatioTemporalConfig Config) unet, (OnDemand<TemporalAutoencoder> Network, TemporalAutoencoderConfig Config) vae,
        (OnDemand<ClipVisionModelWithProjection> Network, ClipVisionConfig Config) imageEncoder, ClipImageProcessorConfig processor, SchedulerConfig scheduler, Device device)
    {
        var violations = new ConfigViolations(Name);
        int c = vae.Config.LatentChannels;
        violations.Require(unet.Config.InChannels == 2 * c && unet.Config.OutChannels == c, $"the U-Net reads {unet.Config.InChannels} and makes {unet.Config.OutChannels} channels, the autoencoder's latents have {c}");
        violations.Require(unet.Config.CrossAttentionDim.All(d => d == imageEncoder.Config.ProjectionDim), $"the U-Net reads embeddings of width {unet.Config.CrossAttentionDim[0]}, the image encoder makes {imageEncoder.Config.ProjectionDim}");
        violations.Require(unet.Config.AddedNumbers == 3, $"the U-Net reads {unet.Config.AddedNumbers} added numbers, expected 3: frames per second, motion, noise of the picture");
        violations.ThrowIfAny();
        (_unet, _vae, _imageEncoder, _processor, _scheduler, _device) = (unet.Network, vae.Network, imageEncoder.Network, processor, scheduler, device);
        (UNetConfig, _vaeConfig, _imageConfig) = (unet.Config, vae.Config, imageEncoder.Config);
    }

    /// <summary>Configuration of the U-Net.</summary>
    public UNetSpatioTemporalConfig UNetConfig { get; }

    /// <summary>Loads <c>unet</c>, <c>vae</c>, <c>image_encoder</c>, <c>feature_extractor</c> and <c>scheduler</c> of a model.</summary>
    /// <exception cref="ConfigException">A configuration is wrong.</exception>
    /// <exception cref="CheckpointException">Weights are damaged or belong to another network.</exception>
    public static StableVideoDiffusionPipeline Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        ModelFolder folder = networks.Folder;
        var unetConfig = UNetSpatioTemporalConfig.Read(folder.Config("unet"));
        var vaeConfig = TemporalAutoencoderConfig.Read(folder.Config("vae"));
        var scheduler = SchedulerConfig.Read(folder.Config("scheduler"));
        var processor = ModelConfigJson.Read(folder.Config("feature_extractor"), ClipJson.Default.ClipImageProcessorConfig);
        processor.Validate();
        var imageConfig = ModelConfigJson.Read(folder.Config("image_encoder"), ClipJson.Default.ClipVisionConfig);
        var pipeline = new StableVideoDiffusionPipeline((networks.OnDemand(() => networks.Load("unet", p => new UNetSpatioTemporal(p, unetConfig))), unetConfig),
            (networks.OnDemand(() => networks.Load("vae", p => new TemporalAutoencoder(p, vaeConfig))), vaeConfig), (networks.OnDemand(() => ClipVisionModelWithProjection.Load(networks, "image_encoder")), imageConfig),
            processor, scheduler, networks.Device);
        try
        {
            if (!networks.Residency.OneAtATime)
            {
                // Damage is found before anything is computed.
                _ = (pipeline._unet.Value, pipeline._vae.Value, pipeline._imageEncoder.Value);
            }
            return pipeline;
        }
        catch
        {
            pipeline.Dispose();
            throw;
        }
    }

    /// <summary>Draws the noise of a request from its seed.</summary>
    public StableVideoDiffusionNoise DrawNoise(StableVideoDiffusionRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        var generator = new Generator(request.Seed);
        int pixels = _vaeConfig.SpatialCompression;
        Tensor latents = generator.Normal(1, request.Frames, _vaeConfig.LatentChannels, request.Height / pixels, request.Width / pixels);
        return new StableVideoDiffusionNoise(generator.Normal(1, Channels, request.Height, request.Width), latents);
    }

    /// <summary>A picture at the size of the image encoder, [1, 3, side, side] around [−1, 1]: smoothly resized.</summary>
    public Tensor EncoderPixels(VideoFrame picture)
    {
        using var scope = TensorScope.Enter();
        int side = _imageConfig.ImageSize;
        return scope.Keep(SmoothResize.Forward(Pixels(picture), side, side));
    }

    /// <summary>A picture at the clip's size, [1, 3, H, W] in [−1, 1].</summary>
    public Tensor PicturePixels(VideoFrame picture, int width, int height) => Pixels(PillowResize.Resize(picture, width, height, PillowFilter.Lanczos));

    /// <summary>The picture's embedding, [1, 1, E].</summary>
    public Tensor EmbedPicture(VideoFrame picture)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor normalized = ((EncoderPixels(picture) + 1.0) / 2.0 - PerChannel(_processor.ImageMean)) / PerChannel(_processor.ImageStd);
        return scope.Keep(_imageEncoder.Value.Forward(normalized).ImageEmbeds!.Unsqueeze(1));
    }

    /// <summary>Pixels of a latent's side.</summary>
    public int SpatialCompression => _vaeConfig.SpatialCompression;

    /// <summary>Latents of a picture [1, 3, H, W] in [−1, 1] as sampling sees those of frames, [1, C, h, w].</summary>
    public Tensor EncodePicture(Tensor picture)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        return scope.Keep(_vae.Value.Encode(picture.To(_device)).Mean * _vaeConfig.ScalingFactor);
    }

    /// <summary>The sampler of a request.</summary>
    public StepwiseSampler CreateSampler(int steps) => PublishedSamplers.Create(_scheduler, new SamplingOptions(steps));

    /// <summary>Makes the latents of a clip, [1, F, C, h, w] in float32.</summary>
    /// <param name="request">What to make.</param>
    /// <param name="noise">What to start from; that of the request's seed when null.</param>
    /// <param name="onStep">Called after every step with its number from 0 and its result.</param>
    /// <param name="cancellationToken">Looked at before every network call.</param>
    /// <exception cref="ShapeException">Width or height is not a multiple of the network's.</exception>
    public Tensor Sample(StableVideoDiffusionRequest request, StableVideoDiffusionNoise? noise = null, Action<int, StepwiseResult>? onStep = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        noise ??= DrawNoise(request);
        int f = request.Frames;
        bool guided = request.MaxGuidance > 1;
        Tensor embedding = EmbedPicture(request.Picture);                                        // [1, 1, E]
        Tensor picture = PicturePixels(request.Picture, request.Width, request.Height) + noise.Picture.To(_device) * request.PictureNoise;
        Tensor pictureLatents = Repeat(_vae.Value.Encode(picture, request.Tiling.Applies(TemporalAutoencoder.DecodeBytes(_vaeConfig, 1, noise.Latents.Size(3), noise.Latents.Size(4)))).Mean, f); // [1, F, C, h, w]
        Tensor numbers = Tensor.FromArray<float>([request.FrameRate - 1, request.MotionBucket, (float)request.PictureNoise], 1, 3).To(_device);
        Tensor guidance = Tensor.Linspace(request.MinGuidance, request.MaxGuidance, f, device: _device).Reshape(1, f, 1, 1, 1);
        // Without the picture: an embedding and latents of zeros, the same numbers.
        Tensor noEmbedding = Tensor.ZerosLike(embedding), noPicture = Tensor.ZerosLike(pictureLatents);

        Tensor Predict(Tensor x, double timestep)                                                // [1, F, C, h, w]
        {
            using var call = TensorScope.Enter();
            Tensor t = Tensor.Full([1], timestep, device: _device);
            Tensor guidedBy = Network(pictureLatents, embedding);
            if (!guided)
            {
                return call.Keep(guidedBy);
            }
            Tensor without = Network(noPicture, noEmbedding);
            return call.Keep(without + guidance * (guidedBy - without));

            Tensor Network(Tensor condition, Tensor context)
            {
                cancellationToken.ThrowIfCancellationRequested();
                return _unet.Value.Forward(Tensor.Cat([x, condition], 2), t, context, numbers);
            }
        }

        using StepwiseSampler sampler = CreateSampler(request.Steps);
        Tensor start = noise.Latents.To(_device) * sampler.InitialNoiseScale;
        return scope.Keep(sampler.Sample(Predict, start, () => throw new ConfigException($"{Name}: the sampler `{_scheduler.ClassName}` draws noise on the way, which this system does not offer."), onStep: onStep));
    }

    /// <summary>Turns latents of <see cref="Sample"/> into frames, part by part: [1, 3, n, H, W] around [−1, 1], freed after each call of <paramref name="use"/>.</summary>
    /// <param name="latents">[1, F, C, h, w].</param>
    /// <param name="framesAtOnce">Frames that see each other in the decoder: fewer take less memory, and the parts' borders may show.</param>
    /// <param name="use">Called with each part in order.</param>
    /// <param name="tiling">Whether each part is decoded in strips.</param>
    /// <param name="cancellationToken">Looked at before every part.</param>
    public void Decode(Tensor latents, int framesAtOnce, Action<Tensor> use, VaeTiling tiling = VaeTiling.Auto, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(latents);
        ArgumentNullException.ThrowIfNull(use);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(framesAtOnce);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor z = latents.Flatten(0, 1) / _vaeConfig.ScalingFactor;                            // [F, C, h, w]
        for (long start = 0; start < z.Size(0); start += framesAtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var part = TensorScope.Enter();
            long n = Math.Min(framesAtOnce, z.Size(0) - start);
            bool inStrips = tiling.Applies(TemporalAutoencoder.DecodeBytes(_vaeConfig, n, z.Size(2), z.Size(3)));
            use(_vae.Value.Decode(z.Narrow(0, start, n), n, inStrips).Transpose(0, 1).Unsqueeze(0)); // [1, 3, n, H, W]
        }
    }

    /// <summary>Frees the networks.</summary>
    public void Dispose()
    {
        _unet.Dispose();
        _vae.Dispose();
        _imageEncoder.Dispose();
    }

    private Tensor Pixels(VideoFrame picture)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(FramePixels.ToModel([picture]).Select(2, 0).To(_device));              // [1, 3, H, W]
    }

    private Tensor PerChannel(IReadOnlyList<double> values) => Tensor.FromArray<float>([.. values.Select(v => (float)v)], 1, values.Count, 1, 1).To(_device);

    private static Tensor Repeat(Tensor picture, int frames)                                     // [1, C, h, w] → [1, F, C, h, w]
    {
        var (_, c, h, w) = picture.Dims4();
        return picture.Unsqueeze(1).Expand(1, frames, c, h, w);
    }
}

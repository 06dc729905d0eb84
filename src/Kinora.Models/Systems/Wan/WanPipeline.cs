// From a prompt and up to two pictures to a clip: umT5 → latents of noise → flow → latents of a clip → pixels.
// Papers: Wan Team, arXiv:2503.20314; what the parts do stands in WanTransformer, WanAutoencoder and T5EncoderModel.
// The procedure follows huggingface/diffusers d035dcd7, pipelines/wan/pipeline_wan.py and pipeline_wan_i2v.py.
//
// Shapes    B clips  K text tokens  E text width  Z latent channels  C channels that enter the transformer  F,H,W frames, height, width
//           f,h,w latent frames, height, width  n known latent frames
// Numerics  Latents and sampling are float32; networks run in the compute type; noise levels are double on the host.

using Kinora.Engine;
using Kinora.Media;
using Kinora.Models.Diffusion;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Systems.Clip;
using Kinora.Models.Systems.T5;

namespace Kinora.Models.Systems.Wan;

/// <summary>Wan 2.1 and 2.2: text to video, image to video, first and last frame. Networks are loaded when they are needed.</summary>
public sealed class WanPipeline : IDisposable
{
    private const int DecodedLatentFrames = 1, EncodedLatentFrames = 4; // at once; bounds the memory of the autoencoder
    private const double TrainingSteps = 1000;
    private readonly NetworkLoader _networks;
    private readonly Device _device;
    private readonly DType _compute;
    private readonly OnDemand<WanTransformer> _transformer;
    private readonly OnDemand<WanTransformer>? _lowNoise;
    private readonly OnDemand<WanAutoencoder> _autoencoder;
    private readonly OnDemand<T5EncoderModel> _textEncoder;
    private readonly OnDemand<ClipVisionModel>? _imageEncoder;
    private readonly ClipImageProcessor? _imageProcessor;

    private WanPipeline(NetworkLoader networks, WanPipelineIndex index)
    {
        (Index, _networks, _device, _compute) = (index, networks, networks.Device, networks.Compute);
        ModelFolder folder = networks.Folder;
        TransformerConfig = ModelConfigJson.Read(folder.Config("transformer"), WanJson.Default.WanTransformerConfig, WanTransformerConfig.Defaults);
        AutoencoderConfig = ModelConfigJson.Read(folder.Config("vae"), WanJson.Default.WanAutoencoderConfig, WanAutoencoderConfig.Defaults);
        Scheduler = SchedulerConfig.Read(folder.Config("scheduler"));
        TransformerConfig.Validate();
        AutoencoderConfig.Validate();
        CheckTogether(folder.Path);
        _transformer = Transformer("transformer", TransformerConfig);
        if (WanPipelineIndex.Has(index.Transformer2))
            _lowNoise = Transformer("transformer_2", ModelConfigJson.Read(folder.Config("transformer_2"), WanJson.Default.WanTransformerConfig, WanTransformerConfig.Defaults));
        _autoencoder = networks.OnDemand(() => networks.Load("vae", p => new WanAutoencoder(p, AutoencoderConfig)));
        _textEncoder = networks.OnDemand(() => T5EncoderModel.Load(networks));
        if (TransformerConfig.ImageDim is null) return;
        _imageEncoder = networks.OnDemand(() => ClipVisionModel.Load(networks, "image_encoder"));
        _imageProcessor = ClipImageProcessor.Load(folder.Component("image_processor"));
    }

    /// <summary>Its <c>model_index.json</c>.</summary>
    public WanPipelineIndex Index { get; }

    public WanTransformerConfig TransformerConfig { get; }

    public WanAutoencoderConfig AutoencoderConfig { get; }

    /// <summary>The model's own sampler.</summary>
    public SchedulerConfig Scheduler { get; }

    /// <summary>Whether a first frame can be given.</summary>
    public bool TakesImage => Index.ExpandTimesteps || TransformerConfig.InChannels > AutoencoderConfig.ZDim;

    /// <summary>Whether a first frame must be given.</summary>
    public bool NeedsImage => TransformerConfig.InChannels > AutoencoderConfig.ZDim;

    /// <summary>Opens a model; weights stay on disk until they are needed, so the loader must outlive the pipeline.</summary>
    /// <exception cref="ConfigException">A configuration is wrong, or the components do not fit together.</exception>
    public static WanPipeline Open(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var index = ModelConfigJson.Read(networks.Folder.IndexText(), WanJson.Default.WanPipelineIndex, WanPipelineIndex.Defaults);
        index.Validate();
        return new WanPipeline(networks, index);
    }

    /// <summary>A trajectory of the model's own sampler.</summary>
    /// <param name="steps">Network calls, or pairs of them with guidance.</param>
    /// <param name="shift">How much of them is spent at high noise; null for the model's own.</param>
    public StepwiseSampler CreateSampler(int steps, double? shift = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        // The flow shift of UniPC and DPM-Solver stands under a key of its own.
        var config = shift is { } s ? Scheduler with { Shift = s, FlowShift = s } : Scheduler;
        return PublishedSamplers.Create(config, new SamplingOptions(steps));
    }

    /// <summary>Embeds token ids: [B, K, E] in float32, zero where the mask is 0.</summary>
    /// <param name="ids">int64 [B, K]</param>
    /// <param name="mask">1 at real tokens, [B, K].</param>
    public Tensor EncodeText(Tensor ids, Tensor mask)
    {
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        var real = mask.To(DType.Bool).To(_device);
        var text = _textEncoder.Value.Forward(ids.To(_device), real);
        return scope.Keep(text * real.To(DType.Float32).Unsqueeze(-1));
    }

    /// <summary>Frees the text encoder: it is the largest network of the small models.</summary>
    public void ReleaseTextEncoder() => _textEncoder.Release();

    /// <summary>Tokens of the image encoder: its last layer but one, [1 or 2, I, J] for one or two pictures. Null when the model has none.</summary>
    public Tensor? EncodeImages(IReadOnlyList<VideoFrame> pictures)
    {
        if (_imageEncoder is null) return null;
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        var tokens = _imageEncoder.Value.Forward(_imageProcessor!.Process([.. pictures]).To(_device)).HiddenStates[^2].To(DType.Float32);
        _imageEncoder.Release();
        return scope.Keep(tokens);
    }

    /// <summary>
    /// What image-to-video models read beside the noisy latents: a mask of known frames in 4 channels (one for each frame of a latent frame, the
    /// first frame counting as four), then the normalized latents of the clip in which unknown frames are gray: [1, 4 + Z, f, h, w].
    /// </summary>
    /// <param name="first">First frame in [−1, 1], [1, 3, H, W].</param>
    /// <param name="last">Last frame likewise, or null.</param>
    /// <param name="frames">Frames of the clip, 1 + 4k.</param>
    /// <param name="tiling">Whether pictures are encoded in strips, by the rule of decoding.</param>
    public Tensor ConcatenatedCondition(Tensor first, Tensor? last, int frames, VaeTiling tiling = VaeTiling.Off)
    {
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        var (_, c, height, width) = first.Dims4();
        int s = AutoencoderConfig.ScaleFactorSpatial, t = AutoencoderConfig.ScaleFactorTemporal, latentFrames = AutoencoderConfig.LatentFrames(frames);
        long h = height / s, w = width / s;
        var middle = Tensor.Zeros([1, c, frames - (last is null ? 1 : 2), height, width]);
        var clip = Tensor.Cat(last is null ? [first.Unsqueeze(2), middle] : [first.Unsqueeze(2), middle, last.Unsqueeze(2)], 2).To(_device);
        var latents = _autoencoder.Value.NormalizeLatents(_autoencoder.Value.EncodeMean(clip, EncodedLatentFrames, InStrips(tiling, h, w))); // [1, Z, f, h, w]
        var known = new float[latentFrames * t];
        Array.Fill(known, 1, 0, t);
        if (last is not null) known[^1] = 1;
        var mask = Tensor.FromArray(known, latentFrames, t).Transpose(0, 1).Reshape(1, t, latentFrames, 1, 1).Expand(1, t, latentFrames, h, w);
        return scope.Keep(Tensor.Cat([mask.To(_device), latents], 1));
    }

    private bool InStrips(VaeTiling tiling, long latentHeight, long latentWidth) => tiling.Applies(WanAutoencoder.DecodeBytes(AutoencoderConfig, DecodedLatentFrames, latentHeight, latentWidth));

    /// <summary>The normalized latents of a clip's first frames, [1, Z, n, h, w].</summary>
    /// <param name="first">1 + 4k first frames in [−1, 1], [1, 3, F, H, W].</param>
    /// <param name="tiling">Whether pictures are encoded in strips, by the rule of decoding.</param>
    public Tensor KnownLatents(Tensor first, VaeTiling tiling = VaeTiling.Off)
    {
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        return scope.Keep(_autoencoder.Value.NormalizeLatents(_autoencoder.Value.EncodeMean(first.To(_device), EncodedLatentFrames, InStrips(tiling, first.Size(3) / AutoencoderConfig.ScaleFactorSpatial, first.Size(4) / AutoencoderConfig.ScaleFactorSpatial))));
    }

    /// <summary>Integrates from noise to the latents of a clip, [B, Z, f, h, w] in float32, as the transformer sees them.</summary>
    /// <param name="conditioning">What to follow.</param>
    /// <param name="noise">Standard normal noise [B, Z, f, h, w].</param>
    /// <param name="sampler">A fresh trajectory of a flow sampler.</param>
    /// <param name="guidance">Guidance scale; 1 is none.</param>
    /// <param name="lowNoiseGuidance">That of the expert for low noise; null for the same.</param>
    /// <param name="onStep">Called after every step.</param>
    /// <param name="cache">Step caching; null computes every call.</param>
    /// <param name="cancellationToken">Looked at before every network call.</param>
    public Tensor Sample(WanConditioning conditioning, Tensor noise, StepwiseSampler sampler, double guidance, double? lowNoiseGuidance = null,
        Action<int, StepwiseResult>? onStep = null, StepCache? cache = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(conditioning);
        ArgumentNullException.ThrowIfNull(sampler);
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        // Models that were trained for it see known frames at noise level 0. The others see them at the level of all frames, on the straight way
        // from the noise to them: as Lugmayr et al., "RePaint", arXiv:2201.09865, section 4.1, with the velocity known instead of the value.
        var known = conditioning.KnownLatents;
        var frozen = Index.ExpandTimesteps ? known : null;
        var start = noise.To(_device);
        var way = known is null || Index.ExpandTimesteps ? null : start.Narrow(2, 0, known.Size(2)) - known;
        var boundary = Index.BoundaryRatio * TrainingSteps;

        Tensor Velocity(Tensor latents, double timestep)
        {
            using var call = TensorScope.Enter();
            var low = timestep < boundary;
            // One expert at a time: each is 14 billion parameters.
            (low ? _transformer : _lowNoise)?.Release();
            var network = (low ? _lowNoise! : _transformer).Value;
            var scale = low ? lowNoiseGuidance ?? guidance : guidance;
            var x = Hold(latents, frozen);
            if (conditioning.Concatenated is { } beside) x = Tensor.Cat([x, beside.Expand(x.Size(0), beside.Size(1), x.Size(2), x.Size(3), x.Size(4))], 1);
            var t = Timesteps(timestep, latents, (int)(frozen?.Size(2) ?? 0));
            Tensor Ask(Tensor text, bool guides)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var kind = (low ? 2 : 0) + (guides ? 1 : 0);
                return network.Forward(x, t, text, conditioning.Image, cache?.For(kind, whole: timestep <= sampler.Timesteps[^1]));
            }
            var velocity = Ask(conditioning.Text, guides: true);
            if (scale == 1 || conditioning.NegativeText is null) return call.Keep(Hold(velocity, way));
            var unguided = Ask(conditioning.NegativeText, guides: false);
            return call.Keep(Hold(unguided + (velocity - unguided) * scale, way));
        }

        var sampled = sampler.Sample(Velocity, start, () => throw new InvalidOperationException("Flow samplers of Wan draw no noise."), onStep: onStep);
        return scope.Keep(Hold(sampled, known));
    }

    /// <summary>Turns latents of <see cref="Sample"/> into pixels, part by part: [B, 3, n, H, W] in [−1, 1], freed after each call of <paramref name="use"/>.</summary>
    /// <param name="latents">[B, Z, f, h, w]</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="tiling">Whether each part is decoded in strips.</param>
    /// <param name="cancellationToken">Looked at before every part is used.</param>
    public void Decode(Tensor latents, Action<Tensor> use, VaeTiling tiling = VaeTiling.Auto, CancellationToken cancellationToken = default)
    {
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        _autoencoder.Value.DecodeInParts(_autoencoder.Value.DenormalizeLatents(latents), DecodedLatentFrames, part =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            use(part);
        }, InStrips(tiling, latents.Size(3), latents.Size(4)));
    }

    /// <summary>Frees the transformers.</summary>
    public void ReleaseTransformers()
    {
        _transformer.Release();
        _lowNoise?.Release();
    }

    /// <summary>Frees every network.</summary>
    public void Dispose()
    {
        _transformer.Dispose();
        _lowNoise?.Dispose();
        _autoencoder.Dispose();
        _textEncoder.Dispose();
        _imageEncoder?.Dispose();
    }

    // One for each clip, or with known frames one for each latent frame.
    private Tensor Timesteps(double timestep, Tensor latents, int known)
    {
        long b = latents.Size(0), f = latents.Size(2);
        if (known == 0) return Tensor.Full([b], timestep, device: _device);
        using var scope = TensorScope.Enter();
        float[] frames = [.. Enumerable.Range(0, (int)f).Select(i => i < known ? 0f : (float)timestep)];
        return scope.Keep(Tensor.FromArray(frames, 1, f).To(_device).Expand(b, f).Contiguous());
    }

    // x with its first latent frames replaced by the known ones.
    private static Tensor Hold(Tensor x, Tensor? known)
    {
        if (known is null) return x;
        using var scope = TensorScope.Enter();
        var (b, z, f, h, w) = x.Dims5();
        long n = known.Size(2);
        return scope.Keep(Tensor.Cat([known.Expand(b, z, n, h, w), x.Narrow(2, n, f - n)], 2));
    }

    private OnDemand<WanTransformer> Transformer(string component, WanTransformerConfig config) =>
        _networks.OnDemand(() => _networks.Load(component, p => new WanTransformer(p, config)));

    private void CheckTogether(string folder)
    {
        var violations = new ConfigViolations(folder);
        int z = AutoencoderConfig.ZDim, beside = TransformerConfig.InChannels - TransformerConfig.OutChannels, wanted = AutoencoderConfig.ScaleFactorTemporal + z;
        violations.Require(TransformerConfig.OutChannels == z, $"the transformer makes {TransformerConfig.OutChannels} latent channels, the VAE reads {z}");
        violations.Require(beside == 0 || beside == wanted, $"the transformer reads {beside} channels beside the latents; mask and condition have {wanted}");
        violations.Require(TransformerConfig.ImageDim is null || WanPipelineIndex.Has(Index.ImageEncoder), "the transformer needs an image encoder, and model_index.json names none");
        violations.ThrowIfAny();
    }
}

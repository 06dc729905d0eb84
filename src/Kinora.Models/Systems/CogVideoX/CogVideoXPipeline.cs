// From a prompt, and perhaps a first image, to a clip with CogVideoX.
// Paper: Yang et al., "CogVideoX", arXiv:2408.06072. Order of the steps and the treatment of the image follow huggingface/diffusers d035dcd7,
// pipelines/cogvideo/pipeline_cogvideox.py and pipeline_cogvideox_image2video.py.
//
// Shapes    G predictions (2 with guidance: without, with the prompt)  F latent frames  Z latent channels  h,w latent height, width  T text tokens
// Numerics  Latents and sampling are float32; weights and products are in the compute type; sampling coefficients are double on the host.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Guidance;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Systems.T5;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.CogVideoX;

/// <summary>The networks of one CogVideoX model. Immutable: every call brings its own request. The text encoder is loaded when a prompt is embedded.</summary>
public sealed class CogVideoXPipeline : IDisposable
{
    /// <summary>The offset that version 1.5's image to video was trained with.</summary>
    private const double Offset = 2;

    private readonly TextTokenizer _tokenizer;
    private readonly Device _device;
    private readonly OnDemand<CogVideoXTransformer> _transformer;
    private readonly OnDemand<CogVideoXAutoencoder> _autoencoder;
    private readonly OnDemand<T5EncoderModel> _textEncoder;

    private CogVideoXPipeline(SchedulerConfig scheduler, TextTokenizer tokenizer, NetworkLoader networks)
    {
        Scheduler = scheduler;
        (_tokenizer, _device) = (tokenizer, networks.Device);
        TransformerConfig = ModelConfigJson.Read(networks.Folder.Config("transformer"), CogVideoXJson.Default.CogVideoXTransformerConfig, CogVideoXTransformerConfig.Defaults);
        AutoencoderConfig = ModelConfigJson.Read(networks.Folder.Config("vae"), CogVideoXJson.Default.CogVideoXAutoencoderConfig, CogVideoXAutoencoderConfig.Defaults);
        _transformer = networks.OnDemand(() => CogVideoXTransformer.Load(networks));
        _autoencoder = networks.OnDemand(() => CogVideoXAutoencoder.Load(networks));
        _textEncoder = networks.OnDemand(() => T5EncoderModel.Load(networks));
        if (!networks.Residency.OneAtATime)
        {
            // Damage is found before anything is computed.
            _ = (_transformer.Value, _autoencoder.Value);
        }
    }

    public CogVideoXTransformerConfig TransformerConfig { get; }

    public CogVideoXAutoencoderConfig AutoencoderConfig { get; }

    public SchedulerConfig Scheduler { get; }

    /// <summary>Loads a model; the loader must outlive the pipeline.</summary>
    /// <exception cref="ConfigException">A configuration is wrong.</exception>
    /// <exception cref="CheckpointException">Weights are damaged or belong to another network.</exception>
    public static CogVideoXPipeline Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var tokenizer = TextTokenizer.Load(networks.Folder.Component("tokenizer"));
        var scheduler = SchedulerConfig.Read(networks.Folder.Config("scheduler"));
        return new CogVideoXPipeline(scheduler, tokenizer, networks);
    }

    /// <summary>An embedded prompt, [1, T, E] in float32.</summary>
    public Tensor Encode(string prompt)
    {
        using var scope = TensorScope.Enter();
        int length = TransformerConfig.MaxTextSeqLength;
        // The model was trained without a mask: padding is read like words.
        return scope.Keep(_textEncoder.Value.Forward(Tensor.FromArray<long>([.. _tokenizer.EncodePadded(prompt, length).Ids], 1, length).To(_device)));
    }

    /// <summary>Frees the text encoder: it is the largest network.</summary>
    public void ReleaseTextEncoder() => _textEncoder.Release();

    /// <summary>Samples the latents of one clip, scaled as the transformer sees them, [1, F, Z, h, w].</summary>
    /// <param name="request">What to make.</param>
    /// <param name="onStep">Hears of every step: its index from 1, and the estimate of the clean latents.</param>
    /// <param name="cancellation">Looked at before every network call.</param>
    public Tensor Sample(CogVideoXRequest request, Action<int, Tensor>? onStep = null, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var scope = TensorScope.Enter();
        CogVideoXTransformerConfig config = TransformerConfig;
        CogVideoXAutoencoderConfig vae = AutoencoderConfig;
        var generator = new Generator(request.Seed);
        Tensor text = request.Texts;
        bool guided = text.Size(0) == 2, animates = config.InChannels > vae.LatentChannels;
        int extra = ExtraFrames(request.Frames), frames = LatentFrames(request.Frames) + extra;
        Tensor? known = request.KnownFrames is null ? null : Encode(request.KnownFrames, generator, request.Tiling); // [1, n, Z, h, w]
        Tensor? image = animates && known is not null ? Tensor.Cat([known, Tensor.Zeros([1, frames - 1, .. known.Shape[2..]], DType.Float32, _device)], 1) : null;
        using StepwiseSampler sampler = PublishedSamplers.Create(Scheduler with { ClassName = request.Sampler }, new SamplingOptions(request.Steps));
        long[] shape = [1, frames, vae.LatentChannels, request.Height / vae.SpatialCompression, request.Width / vae.SpatialCompression];
        Tensor Noise() => generator.Normal(shape).To(_device);
        Tensor? offset = config.OfsEmbedDim is null ? null : Tensor.Full([text.Size(0)], Offset, DType.Float32, _device);

        Tensor Predict(Tensor x, double timestep)
        {
            cancellation.ThrowIfCancellationRequested();
            using var inner = TensorScope.Enter();
            Tensor input = image is null ? x : Tensor.Cat([x, image], 2);
            Tensor t = Tensor.Full([text.Size(0)], timestep, DType.Float32, _device);
            Tensor output = _transformer.Value.Forward(guided ? Tensor.Cat([input, input], 0) : input, t, text, offset, request.Cache?.For(0, whole: timestep <= sampler.Timesteps[^1]));
            if (!guided)
            {
                return inner.Keep(Lead(output, x, timestep));
            }
            var (without, with) = output.Chunk2(0);
            return inner.Keep(Lead(ClassifierFreeGuidance.Combine(without, with, request.Guidance, request.GuidanceRescale), x, timestep));
        }

        // A text-to-video model is led along known frames: for them it is told to have predicted what leads to them. As Lugmayr et al.,
        // "RePaint", arXiv:2201.09865, section 4.1, with the prediction known instead of the value; v = (√ᾱ x − x₀) / √(1 − ᾱ).
        Tensor Lead(Tensor predicted, Tensor x, double timestep)
        {
            if (known is null || animates)
            {
                return predicted;
            }
            int n = (int)known.Size(1), behind = extra + n;
            double alpha = sampler.Training!.AlphasCumprod[(int)timestep], signal = Math.Sqrt(alpha), noise = Math.Sqrt(1 - alpha);
            Tensor there = x.Narrow(1, extra, n), leads = Scheduler.PredictionType == "v_prediction" ? (there * signal - known) / noise : (there - known * signal) / noise;
            return Tensor.Cat([predicted.Narrow(1, 0, extra), leads, predicted.Narrow(1, behind, frames - behind)], 1);
        }

        Tensor latents = sampler.Sample(Predict, Noise() * sampler.InitialNoiseScale, Noise, onStep: (call, result) => onStep?.Invoke(call + 1, result.Denoised ?? result.Next));
        latents = latents.Narrow(1, extra, frames - extra);
        return scope.Keep(known is null || animates ? latents.Contiguous() : Tensor.Cat([known, latents.Narrow(1, known.Size(1), frames - extra - known.Size(1))], 1));
    }

    /// <summary>Decodes latents of <see cref="Sample"/> part by part: each [1, 3, n, H, W] is handed to <paramref name="use"/> and freed after it.</summary>
    /// <param name="latents">[1, F, Z, h, w]</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="tiling">Whether to decode in strips.</param>
    /// <param name="cancellation">Looked at after every part.</param>
    public void Decode(Tensor latents, Action<Tensor> use, VaeTiling tiling = VaeTiling.Auto, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(latents);
        using var scope = TensorScope.Enter();
        CogVideoXAutoencoderConfig vae = AutoencoderConfig;
        Tensor z = latents.Permute(0, 2, 1, 3, 4) / vae.ScalingFactor;
        bool inStrips = InStrips(tiling, latents.Size(3), latents.Size(4));
        _autoencoder.Value.DecodeInParts(z, part =>
        {
            use(part);
            cancellation.ThrowIfCancellationRequested();
        }, inStrips);
    }

    private bool InStrips(VaeTiling tiling, long height, long width) => tiling.Applies(CogVideoXAutoencoder.DecodeBytes(AutoencoderConfig, height, width));

    /// <summary>Latent frames of a clip.</summary>
    public int LatentFrames(int frames) => (frames - 1) / AutoencoderConfig.TemporalCompressionRatio + 1;

    /// <inheritdoc/>
    public void Dispose()
    {
        _transformer.Dispose();
        _autoencoder.Dispose();
        _textEncoder.Dispose();
    }

    // Tokens of several frames need whole groups; what is added stands in front and is dropped after sampling.
    private int ExtraFrames(int frames)
    {
        int group = TransformerConfig.PatchFrames, over = LatentFrames(frames) % group;
        return over == 0 ? 0 : group - over;
    }

    /// <summary>Latents of frames, as the transformer sees them: [1, n, Z, h, w].</summary>
    /// <param name="pixels">[1, 3, F, H, W] in [−1, 1], F of 1 + a multiple of twice the temporal compression.</param>
    /// <param name="random">Draws from the posterior; null for its mean.</param>
    /// <param name="tiling">Whether to encode in strips, by the rule of decoding.</param>
    public Tensor Encode(Tensor pixels, Generator? random, VaeTiling tiling = VaeTiling.Off)
    {
        using var scope = TensorScope.Enter();
        CogVideoXAutoencoderConfig vae = AutoencoderConfig;
        var (mean, logVariance) = _autoencoder.Value.EncodeMoments(pixels.To(_device), InStrips(tiling, pixels.Size(3) / vae.SpatialCompression, pixels.Size(4) / vae.SpatialCompression)).Chunk2(1);
        Tensor latent = random is null ? mean : mean + (logVariance.Clamp(-30, 20) * 0.5).Exp() * random.Normal(mean.Shape).To(_device);
        return scope.Keep((vae.InvertScaleLatents ? latent / vae.ScalingFactor : latent * vae.ScalingFactor).Permute(0, 2, 1, 3, 4));
    }
}

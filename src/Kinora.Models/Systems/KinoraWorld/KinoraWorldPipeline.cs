// From a prompt to a clip: text → latents of noise → flow → latents of a clip → pixels.
// Papers: those of the parts (VideoTransformer, VideoAutoencoder, TextEncoder, FlowSchedule, ClassifierFreeGuidance);
//         known frames as frames of noise level 0: Chen et al., "Diffusion Forcing", arXiv:2407.01392.
//
// Shapes    B clips  G predictions per clip (2 with guidance, else 1)  C latent channels  f,h,w latent frames, height, width  n known frames
//           K text tokens  E text width  F,H,W frames, height, width
// Numerics  Latents and sampling are float32; networks run in the compute type by autocast; noise levels are double on the host.

using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion;
using Kinora.Models.Diffusion.Guidance;
using Kinora.Models.Diffusion.Samplers;
using Kinora.Models.Diffusion.Schedules;
using Kinora.Models.Text;

namespace Kinora.Models.Systems.KinoraWorld;

/// <summary>The kinora-world system. Immutable: every call brings its own request, and calls do not influence each other.</summary>
public sealed class KinoraWorldPipeline : IDisposable
{
    private const int DecodedLatentFrames = 4; // at once; bounds the memory of decoding
    private readonly Device _device;
    private readonly DType _compute;

    /// <summary>Puts the parts together. Parameters are float32 on <paramref name="device"/>; the pipeline owns them.</summary>
    public KinoraWorldPipeline(VideoTransformer transformer, VideoAutoencoder autoencoder, TextEncoder textEncoder, ByteLevelBpeTokenizer tokenizer,
        FlowSchedule schedule, KinoraWorldDefaults defaults, Device device, DType compute)
    {
        (Transformer, Autoencoder, TextEncoder, Tokenizer, Schedule, Defaults) = (transformer, autoencoder, textEncoder, tokenizer, schedule, defaults);
        (_device, _compute) = (device, compute);
    }

    public VideoTransformer Transformer { get; }

    public VideoAutoencoder Autoencoder { get; }

    public TextEncoder TextEncoder { get; }

    public ByteLevelBpeTokenizer Tokenizer { get; }

    public FlowSchedule Schedule { get; }

    /// <summary>What the model was made for.</summary>
    public KinoraWorldDefaults Defaults { get; }

    /// <summary>Loads every component of a model. Weights stay in float32; products run in the compute type.</summary>
    /// <exception cref="ConfigException">A configuration is wrong.</exception>
    /// <exception cref="CheckpointException">Weights are damaged or belong to another network.</exception>
    public static KinoraWorldPipeline Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        networks.RefuseModelOffload("kinora-world");
        ModelFolder folder = networks.Folder;
        var transformer = ModelConfigJson.Read(folder.Config("transformer"), KinoraWorldJson.Default.VideoTransformerConfig);
        var vae = ModelConfigJson.Read(folder.Config("vae"), KinoraWorldJson.Default.VideoAutoencoderConfig);
        var text = ModelConfigJson.Read(folder.Config("text_encoder"), KinoraWorldJson.Default.TextEncoderConfig);
        var scheduler = ModelConfigJson.Read(folder.Config("scheduler"), KinoraWorldJson.Default.FlowSchedulerConfig);
        scheduler.Validate();
        var tokenizer = ByteLevelBpeTokenizer.Load(folder.Component("tokenizer"));
        CheckTogether(folder, transformer, vae, text, tokenizer);
        VideoTransformer? net = null;
        VideoAutoencoder? codec = null;
        try
        {
            net = networks.Load("transformer", p => new VideoTransformer(p, transformer), dtype: DType.Float32);
            codec = networks.Load("vae", p => new VideoAutoencoder(p, vae), dtype: DType.Float32);
            var encoder = networks.Load("text_encoder", p => new TextEncoder(p, text), dtype: DType.Float32);
            return new KinoraWorldPipeline(net, codec, encoder, tokenizer, new FlowSchedule(scheduler.Shift), folder.Index.Defaults, networks.Device, networks.Compute);
        }
        catch
        {
            net?.Path.Store.Dispose();
            codec?.Path.Store.Dispose();
            throw;
        }
    }

    /// <summary>Makes the latents of a clip for each seed, [B, C, f, h, w] in float32, as the transformer sees them.</summary>
    /// <param name="request">What to make.</param>
    /// <param name="onStep">Called after every step with the clip as estimated then.</param>
    /// <param name="cancellationToken">Looked at before every network call.</param>
    public Tensor Sample(KinoraWorldRequest request, Action<SamplerStep>? onStep = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        bool guided = request.Guidance != 1;
        var (text, mask) = EncodeText(request, guided);                                          // [G·B, K, E], [G·B, K]
        Tensor? known = EncodeKnownFrames(request.KnownFrames);                                  // [1, C, n, h, w]
        int n = (int)(known?.Size(2) ?? 0);

        var config = Autoencoder.Config;
        long[] shape = [config.LatentChannels, config.LatentFrames(request.Frames), request.Height / config.SpatialCompression, request.Width / config.SpatialCompression];
        IReadOnlyList<double> levels = Schedule.Sigmas(request.Steps);
        Tensor noise = Tensor.Stack([.. request.Seeds.Select(seed => new Generator(seed).Normal(shape))], 0).To(_device); // [B, C, f, h, w]

        Tensor Velocity(Tensor x, double sigma)                                                  // [G·B, C, f, h, w]
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var call = TensorScope.Enter();
            float[] sigmas = [.. Enumerable.Range(0, (int)(x.Size(0) * shape[1])).Select(i => i % shape[1] < n ? 0f : (float)sigma)];
            return call.Keep(Transformer.Forward(Hold(x, known), Tensor.FromArray<float>(sigmas, x.Size(0), shape[1]).To(_device), text, mask, request.Cache?.For(0, whole: sigma <= levels[^2])));
        }

        void Step(SamplerStep step)
        {
            FiniteValues.AfterStep(step.Denoised, step.Index, step.Count);
            onStep?.Invoke(step);
        }

        Func<Tensor, double, Tensor> velocity = guided ? ClassifierFreeGuidance.Guide(Velocity, request.Guidance, request.GuidanceRescale) : Velocity;
        return scope.Keep(Hold(request.Sampler(velocity, noise, levels, Step), known));
    }

    /// <summary>Turns latents of <see cref="Sample"/> into pixels, part by part: [B, 3, n, H, W] around [−1, 1], freed after each call of <paramref name="use"/>.</summary>
    public void Decode(Tensor latents, Action<Tensor> use, CancellationToken cancellationToken = default)
    {
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        Autoencoder.DecodeInParts(Autoencoder.DenormalizeLatents(latents), DecodedLatentFrames, part =>
        {
            cancellationToken.ThrowIfCancellationRequested();
            use(part);
        });
    }

    /// <summary>The ids of a prompt, or null when it has more tokens than the model reads.</summary>
    public PaddedTokens? Tokenize(string prompt) => Tokenizer.TryEncodePadded(prompt, Defaults.MaxPromptTokens);

    /// <summary>Frees the networks.</summary>
    public void Dispose()
    {
        Transformer.Path.Store.Dispose();
        Autoencoder.Path.Store.Dispose();
        TextEncoder.Path.Store.Dispose();
    }

    // Without, then with the prompt: the order that guidance expects.
    private (Tensor Text, Tensor Mask) EncodeText(KinoraWorldRequest request, bool guided)
    {
        using var scope = TensorScope.Enter();
        int b = request.Seeds.Count;
        IReadOnlyList<string> own = request.PromptOfEach ?? [request.Prompt];
        if (own.Count != 1 && own.Count != b)
        {
            throw new ConfigException($"KinoraWorldRequest: {own.Count} prompts for {b} seeds; give one for all or one for each.");
        }
        string[] prompts = guided ? [request.NegativePrompt, .. own] : [.. own];
        PaddedTokens[] tokens = [.. prompts.Select(p => Tokenize(p) ?? throw new ConfigException($"the prompt has more than {Defaults.MaxPromptTokens} tokens: \"{p[..Math.Min(60, p.Length)]}\""))];
        long k = Defaults.MaxPromptTokens;
        Tensor ids = Tensor.FromArray<long>([.. tokens.SelectMany(t => t.Ids)], prompts.Length, k).To(_device);
        Tensor mask = Tensor.FromArray<bool>([.. tokens.SelectMany(t => Enumerable.Range(0, (int)k).Select(i => i < t.Count))], prompts.Length, k).To(_device);
        Tensor text = TextEncoder.Forward(ids, mask);
        int first = guided ? 1 : 0;
        IEnumerable<int> negative = guided ? Enumerable.Repeat(0, b) : [], positive = Enumerable.Range(0, b).Select(i => own.Count == 1 ? first : first + i);
        Tensor rows = Tensor.FromArray<long>([.. negative.Concat(positive).Select(i => (long)i)], guided ? 2 * b : b).To(_device);
        return (scope.Keep(text.IndexSelect(0, rows)), scope.Keep(mask.IndexSelect(0, rows)));
    }

    private Tensor? EncodeKnownFrames(Tensor? frames)
    {
        if (frames is null)
        {
            return null;
        }
        using var scope = TensorScope.Enter();
        return scope.Keep(Autoencoder.NormalizeLatents(Autoencoder.Encode(frames.To(_device)).Mean)); // the mode: no noise in what is known
    }

    // x with its first latent frames replaced by the known ones.
    private static Tensor Hold(Tensor x, Tensor? known)
    {
        if (known is null)
        {
            return x;
        }
        using var scope = TensorScope.Enter();
        var (b, c, f, h, w) = x.Dims5();
        int n = (int)known.Size(2);
        return scope.Keep(Tensor.Cat([known.Expand(b, c, n, h, w), x.Narrow(2, n, (int)f - n)], 2));
    }

    private static void CheckTogether(ModelFolder folder, VideoTransformerConfig transformer, VideoAutoencoderConfig vae, TextEncoderConfig text, ByteLevelBpeTokenizer tokenizer)
    {
        var violations = new ConfigViolations(folder.Path);
        violations.Require(transformer.InChannels == vae.LatentChannels, $"the transformer reads {transformer.InChannels} latent channels, the VAE makes {vae.LatentChannels}");
        violations.Require(transformer.CaptionChannels == text.HiddenSize, $"the transformer reads text of width {transformer.CaptionChannels}, the text encoder makes {text.HiddenSize}");
        violations.Require(tokenizer.VocabularySize <= text.VocabSize, $"the tokenizer has {tokenizer.VocabularySize} ids, the text encoder {text.VocabSize}");
        violations.Require(folder.Index.Defaults.MaxPromptTokens <= text.MaxPositionEmbeddings, $"prompts may have {folder.Index.Defaults.MaxPromptTokens} tokens, the text encoder reads {text.MaxPositionEmbeddings}");
        violations.ThrowIfAny();
    }
}

// From a prompt and any known frames to a clip: T5 → tokens of noise → flow → latents of a clip → pixels.
// Papers: HaCohen et al., "LTX-Video", arXiv:2501.00103; what the parts do stands in LtxTransformer, LtxAutoencoder and T5EncoderModel.
// The procedure follows huggingface/diffusers d035dcd7, pipelines/ltx/pipeline_ltx.py, pipeline_ltx_image2video.py, pipeline_ltx_condition.py.
//
// Shapes    K text tokens  E text width  S tokens  C channels of a latent  F,H,W frames, height, width  f,h,w latent frames, height, width
// Numerics  Latents and sampling are float32; networks run in the compute type; noise levels are double on the host.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Systems.T5;

namespace Kinora.Models.Systems.Ltx;

/// <summary>LTX-Video 0.9.x: text to video, image to video, conditioning on several frames. Networks are loaded when they are needed.</summary>
public sealed class LtxPipeline : IDisposable
{
    private const double TrainingSteps = 1000, MotionNoise = 0.15, DecodeTimestep = 0.05, DecodeNoise = 0.025, LevelTolerance = 1e-6;
    private readonly Device _device;
    private readonly DType _compute;
    private readonly OnDemand<LtxTransformer> _transformer;
    private readonly OnDemand<LtxAutoencoder> _autoencoder;
    private readonly OnDemand<T5EncoderModel> _textEncoder;

    private LtxPipeline(NetworkLoader networks, LtxPipelineIndex index)
    {
        (Index, _device, _compute) = (index, networks.Device, networks.Compute);
        ModelFolder folder = networks.Folder;
        TransformerConfig = ModelConfigJson.Read(folder.Config("transformer"), LtxJson.Default.LtxTransformerConfig, LtxTransformerConfig.Defaults);
        AutoencoderConfig = ModelConfigJson.Read(folder.Config("vae"), LtxJson.Default.LtxAutoencoderConfig, LtxAutoencoderConfig.Defaults);
        Scheduler = SchedulerConfig.Read(folder.Config("scheduler"));
        TransformerConfig.Validate();
        AutoencoderConfig.Validate();
        var violations = new ConfigViolations(folder.Path);
        violations.Require(TransformerConfig.InChannels == AutoencoderConfig.LatentChannels, $"the transformer reads {TransformerConfig.InChannels} latent channels, the VAE makes {AutoencoderConfig.LatentChannels}");
        violations.Require(TransformerConfig.PatchSize == 1 && TransformerConfig.PatchSizeT == 1, "the transformer must read single latents (`patch_size` and `patch_size_t` of 1)");
        violations.ThrowIfAny();
        _transformer = networks.OnDemand(() => networks.Load("transformer", p => new LtxTransformer(p, TransformerConfig)));
        _autoencoder = networks.OnDemand(() => networks.Load("vae", p => new LtxAutoencoder(p, AutoencoderConfig)));
        _textEncoder = networks.OnDemand(() => T5EncoderModel.Load(networks));
    }

    /// <summary>Its <c>model_index.json</c>.</summary>
    public LtxPipelineIndex Index { get; }

    public LtxTransformerConfig TransformerConfig { get; }

    public LtxAutoencoderConfig AutoencoderConfig { get; }

    /// <summary>The model's own sampler.</summary>
    public SchedulerConfig Scheduler { get; }

    /// <summary>Opens a model; weights stay on disk until they are needed, so the loader must outlive the pipeline.</summary>
    /// <exception cref="ConfigException">A configuration is wrong, or the components do not fit together.</exception>
    public static LtxPipeline Open(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var index = ModelConfigJson.Read(networks.Folder.IndexText(), LtxJson.Default.LtxPipelineIndex);
        index.Validate();
        return new LtxPipeline(networks, index);
    }

    /// <summary>A trajectory of the model's own sampler for clips of <paramref name="tokens"/> tokens.</summary>
    public StepwiseSampler CreateSampler(int steps, long tokens)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(steps);
        if (Index.IsCondition) return PublishedSamplers.Create(Scheduler, new SamplingOptions(steps) { Timesteps = LinearQuadratic(steps) });
        double[] even = [.. Enumerable.Range(0, steps).Select(i => steps == 1 ? 1 : 1 + (1.0 / steps - 1) * i / (steps - 1))];
        return PublishedSamplers.Create(Scheduler, new SamplingOptions(steps) { Sigmas = even, Mu = Scheduler.UseDynamicShifting == true ? Mu(tokens) : null });
    }

    /// <summary>Embeds token ids.</summary>
    /// <param name="ids">int64 [B, K]; padding is seen by the encoder, as in training.</param>
    /// <param name="mask">1 at real tokens, [B, K]: what the transformer may attend to.</param>
    public LtxText EncodeText(Tensor ids, Tensor mask)
    {
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        return new LtxText(_textEncoder.Value.Forward(ids.To(_device)), mask.To(DType.Float32).To(_device));
    }

    /// <summary>Frees the text encoder: it is the largest network of the small models.</summary>
    public void ReleaseTextEncoder() => _textEncoder.Release();

    /// <summary>Frees the transformer.</summary>
    public void ReleaseTransformer() => _transformer.Release();

    /// <summary>Integrates from noise to the latents of a clip, [1, C, f, h, w] in float32, as the transformer sees them.</summary>
    /// <param name="text">The prompt.</param>
    /// <param name="negative">What to lead away from; null without guidance.</param>
    /// <param name="known">Frames that the clip is to show.</param>
    /// <param name="noise">Standard normal noise [1, C, f, h, w].</param>
    /// <param name="frameRate">Frames per second: the coordinates are seconds.</param>
    /// <param name="sampler">A fresh trajectory of <see cref="CreateSampler"/>.</param>
    /// <param name="guidance">Guidance scale; 1 is none.</param>
    /// <param name="random">Draws the noise of known frames; needed with any.</param>
    /// <param name="onStep">Called after every step with its number from 0 and its tokens, those of the clip behind those of keyframes.</param>
    /// <param name="cache">Step caching; null computes every call.</param>
    /// <param name="cancellationToken">Looked at before every network call.</param>
    public Tensor Sample(LtxText text, LtxText? negative, IReadOnlyList<LtxKnownFrames> known, Tensor noise, double frameRate, StepwiseSampler sampler, double guidance,
        Generator? random = null, Action<int, StepwiseResult>? onStep = null, StepCache? cache = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(known);
        ArgumentNullException.ThrowIfNull(sampler);
        if (known.Count > 0) ArgumentNullException.ThrowIfNull(random);
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        var (_, _, f, h, w) = noise.Dims5();
        var tokens = Tokens(known, noise.To(_device), frameRate, random);
        Tensor x = tokens.Latents.Alias();
        for (int call = 0; call < sampler.Timesteps.Count; call++)
        {
            using var step = TensorScope.Enter();
            double t = sampler.Timesteps[call];
            if (known.Count > 0 && Index.IsCondition) x = Stir(x, tokens, t / TrainingSteps, random!);
            var velocity = Velocity(x, known.Count > 0 ? ((1 - tokens.Strength) * TrainingSteps).Clamp(max: t) : Tensor.Full([1], t, device: _device), text, negative, tokens.Coordinates, guidance, guides => cache?.For(guides ? 1 : 0, whole: call == sampler.Timesteps.Count - 1), cancellationToken);
            var result = sampler.Step(velocity, call, x, () => throw new InvalidOperationException("Flow samplers of LTX-Video draw no noise."));
            onStep?.Invoke(call, result);
            // Known tokens begin to move at the level that their strength leaves to them.
            var next = known.Count > 0 ? Tensor.Where((1 - tokens.Strength).Gt(t / TrainingSteps - LevelTolerance).Unsqueeze(-1), result.Next, x) : result.Next;
            x = step.Keep(next.Alias());
        }
        return scope.Keep(LtxTokens.Unpack(x.Narrow(1, tokens.InFront, f * h * w), f, h, w));
    }

    /// <summary>Normalized latents of frames [1, 3, F, H, W] in [−1, 1], F of 1 + a multiple of the temporal compression.</summary>
    public Tensor EncodeFrames(Tensor pixels)
    {
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        return scope.Keep(_autoencoder.Value.NormalizeLatents(_autoencoder.Value.EncodeMean(pixels.To(_device))));
    }

    /// <summary>Pixels [B, 3, F, H, W] around [−1, 1] of latents of <see cref="Sample"/>.</summary>
    /// <param name="latents">[B, C, f, h, w]</param>
    /// <param name="random">Draws the noise that a decoder with a noise level is given.</param>
    public Tensor Decode(Tensor latents, Generator random)
    {
        ArgumentNullException.ThrowIfNull(random);
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        Tensor? whole = null;
        DecodeInParts(latents, random, VaeTiling.Off, part => whole = part.Alias().Own());
        using var decoded = whole!;
        return scope.Keep(decoded.Alias());
    }

    /// <summary>The same in consecutive parts [B, 3, n, H, W], each handed to <paramref name="use"/> and freed after it; in one part where tiling does not apply, and the same clip in any case.</summary>
    public void DecodeInParts(Tensor latents, Generator random, VaeTiling tiling, Action<Tensor> use)
    {
        ArgumentNullException.ThrowIfNull(random);
        using var inference = GradMode.Inference();
        using var autocast = Autocast.Enter(_compute);
        using var scope = TensorScope.Enter();
        var vae = AutoencoderConfig;
        long t = vae.TemporalCompression, s = vae.SpatialCompression;
        long? together = tiling.Applies(LtxAutoencoder.DecodeBytes(vae, 1 + t * (latents.Size(2) - 1), s * latents.Size(3), s * latents.Size(4))) ? null : latents.Size(2);
        var z = _autoencoder.Value.DenormalizeLatents(latents);
        if (!vae.TimestepConditioning)
        {
            _autoencoder.Value.DecodeInParts(z, use, latentFramesPerPart: together);
            return;
        }
        z = z * (1 - DecodeNoise) + random.Normal(z.Shape).To(_device) * DecodeNoise;
        _autoencoder.Value.DecodeInParts(z, use, Tensor.Full([z.Size(0)], DecodeTimestep, device: _device), random, together);
    }

    /// <summary>Frees every network.</summary>
    public void Dispose()
    {
        _transformer.Dispose();
        _autoencoder.Dispose();
        _textEncoder.Dispose();
    }

    private Tensor Velocity(Tensor x, Tensor timestep, LtxText text, LtxText? negative, Tensor coordinates, double guidance, Func<bool, StepCache.Branch?> branch, CancellationToken cancellationToken)
    {
        using var scope = TensorScope.Enter();
        Tensor Ask(LtxText what, bool guides)
        {
            cancellationToken.ThrowIfCancellationRequested();
            return _transformer.Value.Forward(x, timestep, what.Embeddings, what.Mask, coordinates, branch(guides));
        }
        var velocity = Ask(text, guides: true);
        if (guidance == 1 || negative is null) return scope.Keep(velocity);
        var unguided = Ask(negative, guides: false);
        return scope.Keep(unguided + (velocity - unguided) * guidance);
    }

    // Noise with known frames in it. At the beginning they take the place of the clip's tokens, elsewhere they stand in front of them.
    private LtxTokens Tokens(IReadOnlyList<LtxKnownFrames> known, Tensor noise, double frameRate, Generator? random)
    {
        using var scope = TensorScope.Enter();
        var (_, _, f, h, w) = noise.Dims5();
        var latents = noise;
        var strength = Tensor.Zeros([1, 1, f, h, w], device: _device);
        var front = new List<(Tensor Latents, Tensor Strength, Tensor Coordinates)>();
        foreach (var frames in known)
        {
            var clean = EncodeFrames(frames.Pixels);
            long n = clean.Size(2);
            if (frames.Frame == 0)
            {
                latents = Tensor.Cat([latents.Narrow(2, 0, n).Lerp(clean, frames.Strength), latents.Narrow(2, n, f - n)], 2);
                strength = Tensor.Cat([Tensor.Full([1, 1, n, h, w], frames.Strength, device: _device), strength.Narrow(2, n, f - n)], 2);
                continue;
            }
            var mixed = random!.Normal(clean.Shape).To(_device).Lerp(clean, frames.Strength);
            front.Add((LtxTokens.Pack(mixed), Tensor.Full([1, n * h * w], frames.Strength, device: _device), Coordinates(n, h, w, frames.Frame, frameRate)));
        }
        Tensor[] all = [.. front.Select(c => c.Latents), LtxTokens.Pack(latents)], strengths = [.. front.Select(c => c.Strength), strength.View(1, f * h * w)];
        Tensor[] coordinates = [.. front.Select(c => c.Coordinates), Coordinates(f, h, w, 0, frameRate)];
        return new LtxTokens(scope.Keep(Tensor.Cat(all, 1)), scope.Keep(Tensor.Cat(strengths, 1)), scope.Keep(Tensor.Cat(coordinates, 0)), front.Sum(c => c.Latents.Size(1)));
    }

    private Tensor Coordinates(long frames, long rows, long columns, int firstFrame, double frameRate)
    {
        using var scope = TensorScope.Enter();
        int t = AutoencoderConfig.TemporalCompression, s = AutoencoderConfig.SpatialCompression;
        if (!Index.IsCondition) return scope.Keep(LtxRope.Grid(frames, rows, columns, t / frameRate, s, s).To(_device));
        // A latent frame begins at its first picture: the clip's first one stands alone.
        var grid = LtxRope.Grid(frames, rows, columns, t, s, s);
        var (time, space) = (grid.Narrow(1, 0, 1), grid.Narrow(1, 1, 2));
        return scope.Keep(Tensor.Cat([((time + (1 - t)).Clamp(min: 0) + firstFrame) * (1 / frameRate), space], 1).To(_device));
    }

    // A little noise on what is kept, less at every step: without it a clip of one known frame stands still.
    private static Tensor Stir(Tensor x, LtxTokens tokens, double level, Generator random)
    {
        using var scope = TensorScope.Enter();
        var stirred = tokens.Latents + random.Normal(x.Shape).To(x.Device) * (MotionNoise * level * level);
        return scope.Keep(Tensor.Where(tokens.Strength.Gt(1 - LevelTolerance).Unsqueeze(-1), stirred, x));
    }

    // μ of the dynamic shift: linear in the number of tokens.
    private double Mu(long tokens)
    {
        double baseTokens = Scheduler.BaseImageSeqLen ?? 256, maxTokens = Scheduler.MaxImageSeqLen ?? 4096, low = Scheduler.BaseShift ?? 0.5, high = Scheduler.MaxShift ?? 1.15;
        return low + (high - low) * (tokens - baseTokens) / (maxTokens - baseTokens);
    }

    // Half the steps share the first 2.5 % of the way, the others take quadratically growing parts.
    private static double[] LinearQuadratic(int steps)
    {
        const double Threshold = 0.025;
        if (steps < 2) return [TrainingSteps];
        int linear = steps / 2, quadratic = steps - linear;
        double rest = linear - Threshold * steps, a = rest / (linear * (double)quadratic * quadratic), b = Threshold / linear - 2 * rest / ((double)quadratic * quadratic), c = a * linear * linear;
        return [.. Enumerable.Range(0, steps).Select(i => TrainingSteps * (1 - (i < linear ? i * Threshold / linear : a * i * i + b * i + c)))];
    }
}

// From text and noise to a picture: latents of noise → denoised latents → pixels.
// Papers: Rombach et al., "Latent Diffusion", arXiv:2112.10752; Podell et al., "SDXL", arXiv:2307.01952; Meng et al., "SDEdit", arXiv:2108.01073
// (image-to-image); Song et al., "DDIM", arXiv:2010.02502, section 4.3, and Hertz et al., "Prompt-to-Prompt", arXiv:2208.01626, section 4
// (inversion of a picture under the words that describe it, without guidance); Lugmayr et al., "RePaint", arXiv:2201.09865, section 4.1 (inpainting by a network that was not trained for it).
// Procedure follows huggingface/diffusers d035dcd7, pipelines/stable_diffusion and stable_diffusion_xl.
//
// Shapes    B pictures  G predictions per picture (2 with guidance, else 1)  c latent channels  h,w latent height, width  H,W height, width
// Numerics  latents and sampling are float32; the networks run in the type of their weights.

using Kinora.Engine;
using Kinora.Models.Diffusion.Guidance;
using Kinora.Models.Diffusion.Samplers.Stepwise;
using Kinora.Models.Generation;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>U-Net and autoencoder of a Stable Diffusion model. Owns their parameters; every call brings its own inputs.</summary>
public sealed class StableDiffusionPipeline(OnDemand<UNet2DCondition> unet, UNet2DConditionConfig unetConfig, OnDemand<AutoencoderKl> vae, AutoencoderKlConfig vaeConfig, Device device) : IDisposable
{
    // Latent consistency models embed 1000 · (g − 1): Luo et al., arXiv:2310.04378, section 4.3.
    private const double GuidanceEmbeddingScale = 1000;

    /// <summary>Networks that are in memory.</summary>
    public StableDiffusionPipeline(UNet2DCondition unet, AutoencoderKl vae, Device device)
        : this(new OnDemand<UNet2DCondition>(() => unet), unet.Config, new OnDemand<AutoencoderKl>(() => vae), vae.Config, device)
    {
        _ = (UNet, Autoencoder);
    }

    public UNet2DCondition UNet => unet.Value;

    public AutoencoderKl Autoencoder => vae.Value;

    public UNet2DConditionConfig UNetConfig => unetConfig;

    public AutoencoderKlConfig AutoencoderConfig => vaeConfig;

    /// <summary>Makes latents [B, c, h, w] as diffusion sees them.</summary>
    /// <param name="inputs">What to make.</param>
    /// <param name="onStep">Called after every network call with their number so far, from 1, and what it made.</param>
    /// <param name="cancellationToken">Looked at before every network call.</param>
    public Tensor Sample(StableDiffusionInputs inputs, Action<int, StepwiseResult>? onStep = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        using var scope = TensorScope.Enter();
        Check(inputs);
        using StepwiseSampler sampler = PublishedSamplers.Create(inputs.Scheduler, new SamplingOptions(inputs.Steps));
        var redraws = inputs.Known is not null && !(inputs.Mask is not null && inputs.Strength >= 1);
        int calls = sampler.Timesteps.Count, begin = redraws ? FirstCall(inputs, calls) : 0;
        var noise = inputs.Noise.To(device);                                                     // [B, c, h, w]
        var made = 0;
        var x = !redraws ? noise * sampler.InitialNoiseScale
            : inputs.Source is null ? sampler.AddNoise(inputs.Known!, noise, sampler.Timesteps[begin])
            : Invert(inputs, calls - begin, result => onStep?.Invoke(++made, result), cancellationToken);
        var predict = Predictor(inputs);
        // A network trained for inpainting reads what stays; another one is shown it anew after every step.
        var blends = inputs.Mask is not null && unetConfig.InChannels == vaeConfig.LatentChannels;
        for (var call = begin; call < calls; call++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var step = TensorScope.Enter();
            var result = sampler.Step(predict(sampler.ScaleInput(x, call), sampler.Timesteps[call]), call, x, inputs.Draw);
            var next = result.Next;
            if (blends)
            {
                var kept = call + 1 < calls ? sampler.AddNoise(inputs.Known!, noise, sampler.Timesteps[call + 1]) : inputs.Known!;
                next = kept * (1 - inputs.Mask!) + next * inputs.Mask!;
            }
            onStep?.Invoke(++made, result with { Next = next });
            TensorScope.Replace(ref x, step.Keep(next));
        }
        return scope.Keep(x);
    }

    /// <summary>Network calls that <see cref="Sample"/> makes, without those of an inversion, which are as many again.</summary>
    public static int CountCalls(SchedulerConfig scheduler, int steps, double? strength, bool masked)
    {
        using StepwiseSampler sampler = PublishedSamplers.Create(scheduler, new SamplingOptions(steps));
        int calls = sampler.Timesteps.Count;
        return strength is { } s && !(masked && s >= 1) ? calls - FirstCall(steps, s, calls) : calls;
    }

    // The latents that the sampler would turn into the given picture under the words that describe it, so many steps from its end.
    private Tensor Invert(StableDiffusionInputs inputs, int steps, Action<StepwiseResult> onStep, CancellationToken cancellationToken)
    {
        using var scope = TensorScope.Enter();
        using StepwiseSampler inversion = PublishedSamplers.Create(inputs.Scheduler with { ClassName = "DDIMInverseScheduler" }, new SamplingOptions(inputs.Steps));
        var predict = Predictor(inputs with { Text = inputs.Source!, Negative = null });
        var x = inputs.Known!.Alias();
        for (var call = 0; call < steps; call++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var step = TensorScope.Enter();
            var result = inversion.Step(predict(x, inversion.Timesteps[call]), call, x, inputs.Draw);
            onStep(result);
            TensorScope.Replace(ref x, step.Keep(result.Next));
        }
        return scope.Keep(x);
    }

    /// <summary>Pictures [B, 3, H, W] around [−1, 1] from latents of <see cref="Sample"/>.</summary>
    /// <param name="latents">[B, c, h, w] as diffusion sees them.</param>
    /// <param name="inStrips">Whether the autoencoder works strip by strip.</param>
    public Tensor Decode(Tensor latents, bool inStrips = false)
    {
        using var scope = TensorScope.Enter();
        AutoencoderKl codec = vae.Value;
        return scope.Keep(codec.Decode(codec.Denormalize(latents.To(device)), inStrips));
    }

    /// <summary>Latents as diffusion sees them, [B, c, h, w], of pictures [B, 3, H, W] in [−1, 1].</summary>
    /// <param name="pictures">H and W are multiples of the compression.</param>
    /// <param name="noise">Standard normal, [B, c, h, w]: the encoder's posterior is drawn from.</param>
    /// <param name="inStrips">Whether the autoencoder works strip by strip.</param>
    public Tensor Encode(Tensor pictures, Tensor noise, bool inStrips = false)
    {
        using var scope = TensorScope.Enter();
        AutoencoderKl codec = vae.Value;
        DiagonalGaussian posterior = codec.Encode(pictures.To(device), inStrips);
        return scope.Keep(codec.Normalize(posterior.Sample(noise.To(device))));
    }

    /// <summary>Frees the networks.</summary>
    public void Dispose()
    {
        unet.Dispose();
        vae.Dispose();
    }

    // (scaled latents [B, c, h, w], timestep) → guided prediction [B, c, h, w]
    private Func<Tensor, double, Tensor> Predictor(StableDiffusionInputs inputs)
    {
        long b = inputs.Noise.Size(0);
        var embedsGuidance = unetConfig.TimeCondProjDim is not null;
        var guided = inputs.Negative is not null && inputs.Guidance != 1 && !embedsGuidance;
        var text = guided ? inputs.Text.After(inputs.Negative!) : inputs.Text;
        var conditions = new UNetConditions
        {
            PooledText = text.Pooled,
            TimeIds = TimeIds(inputs, b, guided),
            TimestepCondition = embedsGuidance
                ? TimestepPhases.Forward(Tensor.Full([b], (inputs.Guidance - 1) * GuidanceEmbeddingScale, device: device), unetConfig.TimeCondProjDim!.Value, flipSinToCos: false, freqShift: 1)
                : null,
        };
        return (x, timestep) =>
        {
            using var scope = TensorScope.Enter();
            if (inputs.MaskedKnown is not null && unetConfig.InChannels > x.Size(1))
                x = Tensor.Cat([x, inputs.Mask!.Expand(b, 1, x.Size(2), x.Size(3)), inputs.MaskedKnown], 1); // [B, 2c + 1, h, w]
            var t = Tensor.Full([1], timestep, device: device);
            if (guided) x = Tensor.Cat([x, x], 0);                                               // [G·B, ·, h, w]
            var predicted = unet.Value.Forward(x, t, text.States, Controlled(inputs, conditions, x, t, text));
            if (!guided) return scope.Keep(predicted);
            var both = predicted.Chunk(2, 0);
            return scope.Keep(ClassifierFreeGuidance.Combine(both[0], both[1], inputs.Guidance, inputs.GuidanceRescale));
        };
    }

    private static UNetConditions Controlled(StableDiffusionInputs inputs, UNetConditions conditions, Tensor x, Tensor timestep, StableDiffusionText text)
    {
        if (inputs.ControlNet is not { } net) return conditions;
        var picture = inputs.ControlPicture!;
        var latents = x.Narrow(1, 0, net.Config.InChannels);                                     // without the mask of inpainting
        var (down, mid) = net.Forward(latents, timestep, text.States, picture.Expand(x.Size(0), picture.Size(1), picture.Size(2), picture.Size(3)), inputs.ControlStrength, conditions);
        return conditions with { DownResiduals = down, MidResidual = mid };
    }

    private Tensor? TimeIds(StableDiffusionInputs inputs, long batch, bool guided)
    {
        if (inputs.TimeIds is not { } own) return null;
        IEnumerable<double> rows = Enumerable.Repeat(own, (int)batch).SelectMany(row => row);
        if (guided) rows = Enumerable.Repeat(inputs.NegativeTimeIds ?? own, (int)batch).SelectMany(row => row).Concat(rows);
        return Tensor.FromArray<float>([.. rows.Select(v => (float)v)], guided ? 2 * batch : batch, own.Count).To(device); // [G·B, N]
    }

    private static int FirstCall(StableDiffusionInputs inputs, int calls) => FirstCall(inputs.Steps, inputs.Strength, calls);

    // Of N steps the last strength · N are made. Samplers of second order call the network twice a step.
    private static int FirstCall(int steps, double strength, int calls)
    {
        var skipped = steps - Math.Min((int)(steps * strength), steps);
        return Math.Min(calls - 1, skipped * (steps > 2 && calls >= 2 * steps - 1 ? 2 : 1));
    }

    private void Check(StableDiffusionInputs inputs)
    {
        int c = vaeConfig.LatentChannels, read = unetConfig.InChannels;
        if (inputs.Noise.Dim != 4 || inputs.Noise.Size(1) != c)
            throw new ShapeException($"StableDiffusionPipeline: expected noise [B, {c}, h, w], got [{string.Join(", ", inputs.Noise.Shape)}].");
        if (inputs.ControlNet is not null != inputs.ControlPicture is not null)
            throw new ShapeException("StableDiffusionPipeline: a ControlNet and what it reads go together.");
        if (inputs.Source is not null && (inputs.Known is null || inputs.Mask is not null || inputs.Scheduler.ClassName != "DDIMScheduler"))
            throw new ShapeException("StableDiffusionPipeline: an inversion needs latents of a picture, the DDIM sampler, and no mask.");
        if (inputs.Mask is not null && inputs.Known is null)
            throw new ShapeException("StableDiffusionPipeline: a mask was given without latents of a picture.");
        if (read != c && (inputs.Mask is null || inputs.MaskedKnown is null || read != 2 * c + 1))
            throw new ShapeException($"StableDiffusionPipeline: the network reads {read} channels and latents have {c}; one that was trained for inpainting needs a mask and the masked picture.");
    }
}

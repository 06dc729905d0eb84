// From text to a clip in the latent space of Stable Diffusion: latents of noise → latents of a clip → frames. What the systems that
// put motion into it have in common; they differ in the denoiser.
// Papers: Guo et al., "AnimateDiff", arXiv:2307.04725; Wang et al., "ModelScope Text-to-Video", arXiv:2308.06571. Long clips by overlapping
// windows whose predictions are averaged: Wang et al., "Gen-L-Video", arXiv:2305.18264, section 4.1.
// Source of the procedure: huggingface/diffusers d035dcd7, pipelines/animatediff and pipelines/text_to_video_synthesis.
//
// Shapes    B clips (1)  F frames  C latent channels  H,W height, width  h,w latent height, width  K text tokens  E width of the text
// Numerics  Latents and sampling are float32; networks run in the type of their weights; noise levels are double on the host.

using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Diffusion.Samplers.Stepwise;

namespace Kinora.Models.Systems.StableDiffusion;

/// <summary>What a clip's latents are denoised by: (latents [B, C, F, h, w], timesteps [1], text [B, K, E] or for every frame [B·F, K, E]) → prediction [B, C, F, h, w].</summary>
public delegate Tensor ClipDenoiser(Tensor latents, Tensor timestep, Tensor text);

/// <summary>What <see cref="LatentClipPipeline"/> should make.</summary>
public sealed record LatentClipRequest
{
    /// <summary>Output of the text encoder for the prompt, [1, K, E], or for the prompt of every frame, [F, K, E].</summary>
    public required Tensor Text { get; init; }
    /// <summary>The same for what to lead away from.</summary>
    public required Tensor NegativeText { get; init; }
    /// <summary>Standard normal noise to start from, [1, C, F, h, w].</summary>
    public required Tensor Noise { get; init; }
    /// <summary>Decides the sampler.</summary>
    public required SchedulerConfig Scheduler { get; init; }
    /// <summary>Sampling steps.</summary>
    public required int Steps { get; init; }
    /// <summary>Guidance scale; at most 1 means none.</summary>
    public required double Guidance { get; init; }
    /// <summary>Draws the noise that stochastic samplers add on the way.</summary>
    public required Generator StepNoise { get; init; }
}

/// <summary>Text-to-video in the latent space of Stable Diffusion. Immutable: calls do not influence each other.</summary>
public sealed class LatentClipPipeline : IDisposable
{
    private readonly ClipDenoiser _denoiser;
    private readonly AutoencoderKl _vae;
    private readonly Device _device;
    private readonly IReadOnlyList<ParameterStore> _denoiserWeights;

    /// <param name="denoiser">The network.</param>
    /// <param name="denoiserWeights">Its parameters, which the pipeline owns like those of the other parts.</param>
    /// <param name="windows">How the denoiser sees long clips.</param>
    /// <param name="vae">Between frames and latents.</param>
    /// <param name="device">Where the networks are.</param>
    public LatentClipPipeline(ClipDenoiser denoiser, IReadOnlyList<ParameterStore> denoiserWeights, FrameWindows windows, AutoencoderKl vae, Device device) =>
        (_denoiser, _denoiserWeights, Windows, _vae, _device) = (denoiser, denoiserWeights, windows, vae, device);

    /// <summary>How the denoiser sees long clips.</summary>
    public FrameWindows Windows { get; }

    /// <summary>Pixels of a latent's side.</summary>
    public int SpatialCompression => _vae.Config.SpatialCompression;

    /// <summary>Latents of a picture [1, 3, H, W] in [−1, 1] as sampling sees those of frames, [1, C, h, w].</summary>
    public Tensor EncodePicture(Tensor picture)
    {
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        return scope.Keep(_vae.Normalize(_vae.Encode(picture.To(_device)).Mean));
    }

    /// <summary>Noise for a clip of a size, [1, C, F, h, w].</summary>
    public Tensor DrawNoise(Generator generator, int frames, int height, int width)
    {
        ArgumentNullException.ThrowIfNull(generator);
        int pixels = _vae.Config.SpatialCompression;
        return generator.Normal(1, _vae.Config.LatentChannels, frames, height / pixels, width / pixels);
    }

    /// <summary>Makes the latents of a clip, [1, C, F, h, w] in float32.</summary>
    /// <param name="request">What to make.</param>
    /// <param name="onStep">Called after every network call of the sampler with its number from 0 and its result.</param>
    /// <param name="cancellationToken">Looked at before every network call.</param>
    public Tensor Sample(LatentClipRequest request, Action<int, StepwiseResult>? onStep = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        using StepwiseSampler sampler = PublishedSamplers.Create(request.Scheduler, new SamplingOptions(request.Steps));
        Tensor start = request.Noise.To(_device) * sampler.InitialNoiseScale;

        Tensor Predict(Tensor x, double timestep)                                                // [1, C, F, h, w]
        {
            using var call = TensorScope.Enter();
            Tensor t = Tensor.Full([1], timestep, device: _device);
            return call.Keep(Windows.Average(x, (part, first) =>
            {
                using var window = TensorScope.Enter();
                Tensor guidedBy = Network(part, request.Text.Size(0) == 1 ? request.Text : request.Text.Narrow(0, first, part.Size(2)));
                if (request.Guidance <= 1)
                {
                    return window.Keep(guidedBy);
                }
                Tensor without = Network(part, request.NegativeText);
                return window.Keep(without + (guidedBy - without) * request.Guidance);
            }));

            Tensor Network(Tensor part, Tensor text)
            {
                cancellationToken.ThrowIfCancellationRequested();
                return _denoiser(part, t, text);
            }
        }

        long[] shape = start.Shape;
        return scope.Keep(sampler.Sample(Predict, start, () => request.StepNoise.Normal(shape).To(_device), onStep: onStep));
    }

    /// <summary>Turns latents into frames, part by part: [1, 3, n, H, W] around [−1, 1], freed after each call of <paramref name="use"/>.</summary>
    /// <param name="latents">[1, C, F, h, w].</param>
    /// <param name="framesAtOnce">Frames decoded together; it changes memory, not the result.</param>
    /// <param name="use">Called with each part in order.</param>
    /// <param name="inStrips">Whether the autoencoder works strip by strip.</param>
    /// <param name="cancellationToken">Looked at before every part.</param>
    public void Decode(Tensor latents, int framesAtOnce, Action<Tensor> use, bool inStrips = false, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(latents);
        ArgumentNullException.ThrowIfNull(use);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(framesAtOnce);
        using var inference = GradMode.Inference();
        using var scope = TensorScope.Enter();
        Tensor z = _vae.Denormalize(latents.Select(0, 0).Transpose(0, 1));                       // [F, C, h, w]
        for (long start = 0; start < z.Size(0); start += framesAtOnce)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using var part = TensorScope.Enter();
            Tensor frames = _vae.Decode(z.Narrow(0, start, Math.Min(framesAtOnce, z.Size(0) - start)), inStrips);
            use(frames.Transpose(0, 1).Unsqueeze(0));                                            // [1, 3, n, H, W]
        }
    }

    /// <summary>Frees the networks.</summary>
    public void Dispose()
    {
        foreach (ParameterStore store in _denoiserWeights)
        {
            store.Dispose();
        }
        _vae.Path.Store.Dispose();
    }
}

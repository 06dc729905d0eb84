using Kinora.Engine;
using Kinora.Engine.Random;

namespace Kinora.Models.Systems.Ltx;

// LTX-Video's autoencoder: 1 + 8k frames become 1 + k latent frames of a thirty-second of the side. The encoder is causal, the decoder is
// not; from 0.9.1 the decoder takes a noise level and finishes the denoising.
// Paper: HaCohen et al., "LTX-Video", arXiv:2501.00103, section 2.1. Parameter names follow huggingface/diffusers d035dcd7, autoencoder_kl_ltx.py.
//
// Shapes    B batch  F frames  H,W height, width  C channels; inside, channels are last in memory: [B, F, H, W, C].
//           At the boundary clips and latents are [B, C, F, H, W].
// Numerics  convolutions run in the autocast type and the residual stream keeps it; norms accumulate in float32; time embeddings, moments and
//           clips are float32.
public sealed class LtxAutoencoder : Module
{
    private readonly LtxEncoder _encoder;
    private readonly LtxDecoder _decoder;
    private readonly Tensor _latentsMean, _latentsStd;

    public LtxAutoencoder(ParameterPath path, LtxAutoencoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _latentsMean = path.Create("latents_mean", [config.LatentChannels], Init.Zeros, DType.Float32);
        _latentsStd = path.Create("latents_std", [config.LatentChannels], Init.Ones, DType.Float32);
        _encoder = new LtxEncoder(path["encoder"], config);
        _decoder = new LtxDecoder(path["decoder"], config);
    }

    public LtxAutoencoderConfig Config { get; }

    /// <summary>
    /// Mean and log variance of the latents of clips, one after the other in the channels: [B, 2Z, f, h, w] in float32. All channels of a position
    /// share one log variance.
    /// </summary>
    /// <param name="x">Clips [B, 3, F, H, W] in [−1, 1]; F = 1 + 8k, H and W multiples of the spatial compression.</param>
    public Tensor EncodeMoments(Tensor x)
    {
        using var scope = TensorScope.Enter();
        int t = Config.TemporalCompression, s = Config.SpatialCompression;
        if (x.Dim != 5 || x.Size(1) != Config.InChannels || x.Size(2) < 1 || (x.Size(2) - 1) % t != 0 || x.Size(3) % s != 0 || x.Size(4) % s != 0)
            throw new ShapeException($"LtxAutoencoder: expected clips [B, {Config.InChannels}, 1 + {t}k, {s}m, {s}n], got [{string.Join(", ", x.Shape)}]. Crop or resize the clip first.");
        var moments = _encoder.Forward(x.Permute(0, 2, 3, 4, 1)).To(DType.Float32);              // [B, f, h, w, Z + 1]
        var (b, f, h, w, _) = moments.Dims5();
        var logVariance = moments.Narrow(4, Config.LatentChannels, 1).Expand(b, f, h, w, Config.LatentChannels);
        return scope.Keep(Tensor.Cat([moments.Narrow(4, 0, Config.LatentChannels), logVariance], 4).Permute(0, 4, 1, 2, 3).Contiguous());
    }

    /// <summary>The mode of the latents of clips, not normalized: [B, Z, f, h, w]. See <see cref="EncodeMoments"/>.</summary>
    public Tensor EncodeMean(Tensor x)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(EncodeMoments(x).Narrow(1, 0, Config.LatentChannels).Contiguous());
    }

    /// <summary>Clips [B, 3, F, H, W], around [−1, 1] but not clamped, from latents [B, Z, f, h, w] that are not normalized.</summary>
    /// <param name="z">The latents.</param>
    /// <param name="timestep">The noise level in them, [B] in [0, 1]: for a decoder that takes one, else null.</param>
    /// <param name="noise">Where the stages that inject noise take it from; null leaves it out.</param>
    public Tensor Decode(Tensor z, Tensor? timestep = null, Generator? noise = null)
    {
        using var scope = TensorScope.Enter();
        if (z.Dim != 5 || z.Size(1) != Config.LatentChannels)
            throw new ShapeException($"LtxAutoencoder: expected latents [B, {Config.LatentChannels}, f, h, w], got [{string.Join(", ", z.Shape)}].");
        if (timestep is null == Config.TimestepConditioning || (timestep is not null && (timestep.Dim != 1 || timestep.Size(0) != z.Size(0))))
            throw new ShapeException(Config.TimestepConditioning ? $"LtxAutoencoder: this decoder needs a noise level for each clip, [{z.Size(0)}]." : "LtxAutoencoder: this decoder takes no noise level.");
        var x = _decoder.Forward(z.Permute(0, 2, 3, 4, 1).Contiguous(), timestep, noise).To(DType.Float32);
        return scope.Keep(x.Permute(0, 4, 1, 2, 3).Contiguous());
    }

    /// <summary>(z − mean) · factor / std per channel: what the transformer sees.</summary>
    public Tensor NormalizeLatents(Tensor z)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep((z - _latentsMean.View(-1, 1, 1, 1)) * Config.ScalingFactor / _latentsStd.View(-1, 1, 1, 1));
    }

    /// <summary>The inverse of <see cref="NormalizeLatents"/>.</summary>
    public Tensor DenormalizeLatents(Tensor z)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(z * _latentsStd.View(-1, 1, 1, 1) / Config.ScalingFactor + _latentsMean.View(-1, 1, 1, 1));
    }
}

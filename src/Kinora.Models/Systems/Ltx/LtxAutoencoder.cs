using Kinora.Engine;
using Kinora.Engine.Random;
using Kinora.Models.Generation;
using Kinora.Models.Modules;

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
    private const long PartPositions = 1 << 20;                  // of the finest stage in a part of a clip
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
        Check(z, timestep);
        using var stream = LtxStream.Whole();
        return scope.Keep(DecodePart(z, timestep, noise, stream));
    }

    private Tensor DecodePart(Tensor z, Tensor? timestep, Generator? noise, LtxStream stream)
    {
        using var scope = TensorScope.Enter();
        var x = _decoder.Forward(z.Permute(0, 2, 3, 4, 1).Contiguous(), timestep, noise, stream).To(DType.Float32);
        return scope.Keep(x.Permute(0, 4, 1, 2, 3).Contiguous());
    }

    private void Check(Tensor z, Tensor? timestep)
    {
        if (z.Dim != 5 || z.Size(1) != Config.LatentChannels)
            throw new ShapeException($"LtxAutoencoder: expected latents [B, {Config.LatentChannels}, f, h, w], got [{string.Join(", ", z.Shape)}].");
        if (timestep is null == Config.TimestepConditioning || (timestep is not null && (timestep.Dim != 1 || timestep.Size(0) != z.Size(0))))
            throw new ShapeException(Config.TimestepConditioning ? $"LtxAutoencoder: this decoder needs a noise level for each clip, [{z.Size(0)}]." : "LtxAutoencoder: this decoder takes no noise level.");
    }

    /// <summary>
    /// The same clip as <see cref="Decode"/>, in consecutive parts [B, 3, n, H, W], each handed to <paramref name="use"/> and freed after it: memory
    /// does not grow with the length.
    /// </summary>
    /// <param name="z">[B, Z, f, h, w], not normalized.</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="timestep">As in <see cref="Decode"/>.</param>
    /// <param name="noise">As in <see cref="Decode"/>.</param>
    /// <param name="latentFramesPerPart">How many latent frames run at once; null for as many as keep a part small.</param>
    public void DecodeInParts(Tensor z, Action<Tensor> use, Tensor? timestep = null, Generator? noise = null, long? latentFramesPerPart = null)
    {
        ArgumentNullException.ThrowIfNull(use);
        Check(z, timestep);
        using var stream = new LtxStream();
        long total = z.Size(2), step = latentFramesPerPart ?? LatentFramesPerPart(Config, z.Size(3), z.Size(4));
        for (long start = 0; start < total; start += step)
        {
            using var scope = TensorScope.Enter();
            long count = Math.Min(step, total - start);
            stream.IsLastPart = start + count == total;
            // The decoder sees later frames, so the first parts may only fill it.
            var part = DecodePart(z.Narrow(2, start, count), timestep, noise, stream);
            if (part.Size(2) > 0) use(part);
        }
    }

    private static long LatentFramesPerPart(LtxAutoencoderConfig config, long latentHeight, long latentWidth)
    {
        long side = config.SpatialCompression / config.PatchSize;
        return Math.Max(1, PartPositions / (config.TemporalCompression * latentHeight * latentWidth * side * side));
    }

    /// <summary>About how many bytes of activations decoding a whole clip holds at once beside the weights.</summary>
    public static long DecodeBytes(LtxAutoencoderConfig config, long frames, long height, long width)
    {
        ArgumentNullException.ThrowIfNull(config);
        const int Maps = 6;                                     // maps of the finest stage alive at once
        return frames * (height / config.PatchSize) * (width / config.PatchSize) * config.DecoderBlockOutChannels[0] * sizeof(float) * Maps;
    }

    /// <summary>Bytes of everything that is alive at the peak of decoding, beside the weights: maps of the finest stage, and in parts what layers hold back.</summary>
    internal static long DecodePeakBytes(LtxAutoencoderConfig config, long latentFrames, long latentHeight, long latentWidth, VaeTiling tiling, DType type)
    {
        // In maps of the finest stage: within a block. At the end: the pixels, folded and unfolded, and in float32.
        const double Maps = 8, Pixels = 1.5;
        int t = config.TemporalCompression, s = config.SpatialCompression;
        bool inParts = tiling.Applies(DecodeBytes(config, 1 + t * (latentFrames - 1), s * latentHeight, s * latentWidth));
        long together = inParts ? Math.Min(latentFrames, LatentFramesPerPart(config, latentHeight, latentWidth)) : latentFrames;
        long side = s / config.PatchSize, positions = t * together * latentHeight * latentWidth * side * side;
        int width = config.DecoderBlockOutChannels[0] / config.UpsampleFactor[0];
        double block = Maps * width * type.ItemSize(), end = config.OutChannels * config.PatchSize * config.PatchSize * Pixels * (sizeof(float) + type.ItemSize());
        return (long)(positions * Math.Max(block, end)) + (inParts ? LtxDecoder.HeldBytes(config, latentHeight, latentWidth, type) : 0);
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

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
    // Tiles as the reference has them; stretches of frames that share a third.
    private const int TilePixels = 512, StridePixels = 448, StretchLatents = 12, StretchStride = 8;
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

    /// <summary>
    /// A clip in consecutive parts [B, 3, n, H, W], each handed to <paramref name="use"/> and freed after it. Tiled, it goes in overlapping
    /// tiles of the picture and stretches of frames, both cross-faded: memory grows neither with the size nor with the length, and the clip is
    /// nearly that of <see cref="Decode"/>. Whole, it is that clip in one part, since the decoder sees later frames.
    /// </summary>
    /// <param name="z">[B, Z, f, h, w], not normalized.</param>
    /// <param name="tiled">Whether to work in tiles and stretches.</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="timestep">As in <see cref="Decode"/>.</param>
    /// <param name="noise">As in <see cref="Decode"/>.</param>
    public void DecodeInParts(Tensor z, bool tiled, Action<Tensor> use, Tensor? timestep = null, Generator? noise = null)
    {
        ArgumentNullException.ThrowIfNull(use);
        using var scope = TensorScope.Enter();
        if (!tiled || z.Dim != 5)
        {
            use(Decode(z, timestep, noise));
            return;
        }
        int s = Config.SpatialCompression, t = Config.TemporalCompression, tile = Math.Max(1, TilePixels / s), stride = Math.Max(1, StridePixels / s);
        var tiling = PictureTiling.Of(z.Size(3), z.Size(4), (tile, tile), (stride, stride));
        long total = z.Size(2);
        Tensor? tail = null;                                                                     // the end of the part before, which this one continues
        for (long start = 0; ; start += StretchStride)
        {
            using var part = TensorScope.Enter();
            // The first latent frame of a stretch is one frame of the clip; after the clip's first it is there only to be seen.
            long count = Math.Min(StretchLatents + 1, total - start);
            bool last = start + count == total;
            var latents = z.Narrow(2, start, count);
            var clip = tiling.Join([.. tiling.Tiles.Select(place => Decode(PictureTiling.Cut(latents, place), timestep, noise))], s); // [B, 3, 1 + t(n − 1), H, W]
            if (start > 0) clip = clip.Narrow(2, 1, clip.Size(2) - 1);
            if (tail is not null)
            {
                clip = PictureTiling.Fade(tail, clip, 2, tail.Size(2));
                tail.Dispose();
                tail = null;
            }
            long kept = last ? clip.Size(2) : t * StretchStride + (start == 0 ? 1 : 0);
            use(clip.Narrow(2, 0, kept));
            if (last) return;
            tail = part.Keep(clip.Narrow(2, kept, clip.Size(2) - kept).Clone());
        }
    }

    /// <summary>About how many bytes of activations decoding a whole clip holds at once beside the weights.</summary>
    public static long DecodeBytes(LtxAutoencoderConfig config, long frames, long height, long width)
    {
        ArgumentNullException.ThrowIfNull(config);
        const int Maps = 6;                                     // maps of the finest stage alive at once
        return frames * (height / config.PatchSize) * (width / config.PatchSize) * config.DecoderBlockOutChannels[0] * sizeof(float) * Maps;
    }

    /// <summary>The same with tiles where they apply.</summary>
    internal static long DecodeBytes(LtxAutoencoderConfig config, long frames, long height, long width, VaeTiling tiling) => tiling.Applies(DecodeBytes(config, frames, height, width))
        ? DecodeBytes(config, Math.Min(frames, 1 + StretchLatents * config.TemporalCompression), Math.Min(height, TilePixels), Math.Min(width, TilePixels))
        : DecodeBytes(config, frames, height, width);

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

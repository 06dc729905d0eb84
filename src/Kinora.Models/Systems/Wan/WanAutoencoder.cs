using Kinora.Engine;
using Kinora.Models.Generation;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Wan;

// Wan's causal video autoencoder: 1 + 4k frames become 1 + k latent frames of an eighth (2.1) or a sixteenth (2.2) of the side.
// Paper: Wan Team, arXiv:2503.20314, section 4.1. Parameter names follow huggingface/diffusers d035dcd7, autoencoder_kl_wan.py.
//
// The reference runs the encoder on frame 0 and then on groups of four, the decoder on one latent frame at a time, with a cache of past
// frames in every convolution. Written for a whole sequence that is: causal convolutions with zeros before the first frame; a reduction in
// time that lets frame 0 pass and convolves (0, 1, 2), (2, 3, 4), ...; an expansion in time that lets frame 0 pass and never sees it.
// Here any number of frames runs at once, and CausalHistory carries the past from part to part.
//
// Shapes    B batch  F frames  H,W height, width  C channels; inside, channels are last in memory: [B, F, H, W, C].
//           At the boundary clips and latents are [B, C, F, H, W].
// Numerics  convolutions run in the autocast type and the residual stream keeps it; norms accumulate in float32; moments and clips are float32.
public sealed class WanAutoencoder : Module
{
    private const int DecoderMaps = 6;                          // maps of the finest stage alive at once
    private readonly WanEncoder _encoder;
    private readonly WanDecoder _decoder;
    private readonly PointwiseConv _quantConv, _postQuantConv;

    public WanAutoencoder(ParameterPath path, WanAutoencoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _encoder = new WanEncoder(path["encoder"], config);
        _quantConv = new PointwiseConv(path["quant_conv"], 2 * config.ZDim, 2 * config.ZDim, dimensions: 3);
        _postQuantConv = new PointwiseConv(path["post_quant_conv"], config.ZDim, config.ZDim, dimensions: 3);
        _decoder = new WanDecoder(path["decoder"], config);
    }

    public WanAutoencoderConfig Config { get; }

    /// <summary>Mean and log variance of the latents of clips, one after the other in the channels: [B, 2Z, f, h, w] in float32.</summary>
    /// <param name="x">Clips [B, 3, F, H, W] in [−1, 1]; F = 1 + 4k, H and W multiples of the spatial factor.</param>
    /// <param name="latentFramesPerPart">How many latent frames run at once; memory grows with it.</param>
    /// <param name="inStrips">Works strip by strip: the same to rounding, in less memory and more time.</param>
    public Tensor EncodeMoments(Tensor x, int latentFramesPerPart = int.MaxValue, bool inStrips = false) =>
        EncodeMoments(x, latentFramesPerPart, inStrips ? FeatureRows.ClipPositions : FeatureRows.Whole);

    /// <param name="x">[B, 3, F, H, W]</param>
    /// <param name="latentFramesPerPart">How many latent frames run at once.</param>
    /// <param name="positions">Of a strip.</param>
    internal Tensor EncodeMoments(Tensor x, int latentFramesPerPart, long positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(latentFramesPerPart);
        using var scope = TensorScope.Enter();
        CheckClip(x);
        using var history = new CausalHistory();
        var parts = new List<Tensor>();
        long frames = x.Size(2), step = Config.ScaleFactorTemporal * (long)latentFramesPerPart;
        for (long start = 0, end; start < frames; start = end)
        {
            end = Math.Min(frames, start == 0 ? step - Config.ScaleFactorTemporal + 1 : start + step);
            using var part = TensorScope.Enter();
            var folded = WanPatches.Fold(x.Narrow(2, start, end - start).Permute(0, 2, 3, 4, 1), Config.Patch);
            parts.Add(part.Keep(_quantConv.Forward(_encoder.Forward(folded, history, positions)).To(DType.Float32)));
            history.Advance();
        }
        return scope.Keep(Tensor.Cat(parts, 1).Permute(0, 4, 1, 2, 3).Contiguous());             // [B, 2Z, f, h, w]
    }

    /// <summary>The mode of the latents of clips, not normalized: [B, Z, f, h, w]. See <see cref="EncodeMoments"/>.</summary>
    public Tensor EncodeMean(Tensor x, int latentFramesPerPart = int.MaxValue, bool inStrips = false)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(EncodeMoments(x, latentFramesPerPart, inStrips).Narrow(1, 0, Config.ZDim).Contiguous());
    }

    /// <summary>Clips [B, 3, F, H, W], clamped to [−1, 1], from latents [B, Z, f, h, w] that are not normalized.</summary>
    public Tensor Decode(Tensor z)
    {
        using var scope = TensorScope.Enter();
        CheckLatents(z);
        using var history = new CausalHistory();
        return scope.Keep(DecodePart(z, history, FeatureRows.Whole));
    }

    /// <summary>
    /// The same clip as <see cref="Decode"/>, in consecutive parts of <paramref name="latentFramesPerPart"/> latent frames, so that memory does not
    /// grow with the length. Each part [B, 3, n, H, W] is handed to <paramref name="use"/> and freed after it.
    /// </summary>
    /// <param name="z">[B, Z, f, h, w]</param>
    /// <param name="latentFramesPerPart">How many latent frames run at once.</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="inStrips">Works strip by strip: the same to rounding, in less memory and more time.</param>
    public void DecodeInParts(Tensor z, int latentFramesPerPart, Action<Tensor> use, bool inStrips = false) =>
        DecodeInParts(z, latentFramesPerPart, use, inStrips ? FeatureRows.ClipPositions : FeatureRows.Whole);

    /// <param name="z">[B, Z, f, h, w]</param>
    /// <param name="latentFramesPerPart">How many latent frames run at once.</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="positions">Of a strip.</param>
    internal void DecodeInParts(Tensor z, int latentFramesPerPart, Action<Tensor> use, long positions)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(latentFramesPerPart);
        ArgumentNullException.ThrowIfNull(use);
        CheckLatents(z);
        using var history = new CausalHistory();
        for (long start = 0, total = z.Size(2); start < total; start += latentFramesPerPart)
        {
            using var scope = TensorScope.Enter();
            use(DecodePart(z.Narrow(2, start, Math.Min(latentFramesPerPart, total - start)), history, positions));
            history.Advance();
        }
    }

    /// <summary>About how many bytes of activations decoding holds at once beside the weights.</summary>
    /// <param name="config">The autoencoder.</param>
    /// <param name="latentFrames">Latent frames decoded at once.</param>
    /// <param name="latentHeight">Height of a frame's latents.</param>
    /// <param name="latentWidth">Likewise.</param>
    /// <param name="type">Type of matrix products.</param>
    public static long DecodeBytes(WanAutoencoderConfig config, long latentFrames, long latentHeight, long latentWidth, DType type = DType.Float32)
    {
        ArgumentNullException.ThrowIfNull(config);
        long positions = latentFrames * config.ScaleFactorTemporal * latentHeight * latentWidth * config.ScaleFactorSpatial * config.ScaleFactorSpatial / (config.Patch * config.Patch);
        return positions * config.DecoderDim * (sizeof(float) + type.ItemSize() * DecoderMaps);
    }

    /// <summary>Bytes of everything that is alive at the peak of decoding, beside the weights: maps of the finest stage and what causal layers remember.</summary>
    internal static long DecodePeakBytes(WanAutoencoderConfig config, long latentFrames, long latentHeight, long latentWidth, VaeTiling tiling, DType type)
    {
        // In maps of the finest stage, measured. Whole: within a block, norms, activations and convolutions with the past in front. In strips: a
        // block's input and output, the past to come of one convolution, and what a strip takes.
        const double WholeMaps = 7.5, HeldMaps = 2.5, StripMaps = 14;
        long positions = latentFrames * config.ScaleFactorTemporal * latentHeight * latentWidth * config.ScaleFactorSpatial * config.ScaleFactorSpatial / (config.Patch * config.Patch);
        double maps = tiling.Applies(DecodeBytes(config, latentFrames, latentHeight, latentWidth)) ? HeldMaps * positions + StripMaps * Math.Min(positions, FeatureRows.ClipPositions) : WholeMaps * positions;
        return (long)(config.DecoderDim * type.ItemSize() * maps) + WanDecoder.HistoryBytes(config, latentHeight, latentWidth, type);
    }

    /// <summary>(z − mean) / std per channel: what the transformer sees.</summary>
    public Tensor NormalizeLatents(Tensor z)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep((z - PerChannel(Config.LatentsMean, z)) / PerChannel(Config.LatentsStd, z));
    }

    /// <summary>The inverse of <see cref="NormalizeLatents"/>.</summary>
    public Tensor DenormalizeLatents(Tensor z)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(z * PerChannel(Config.LatentsStd, z) + PerChannel(Config.LatentsMean, z));
    }

    /// <summary>Floating point operations to decode one clip (a multiply-add counts as two; convolutions of 3×3×3 and 3×3 only).</summary>
    public static double DecodeFlops(WanAutoencoderConfig config, long latentFrames, long latentHeight, long latentWidth) => WanDecoder.Flops(config, latentFrames, latentHeight, latentWidth);

    private Tensor DecodePart(Tensor z, CausalHistory history, long positions)
    {
        using var scope = TensorScope.Enter();
        var h = _decoder.Forward(_postQuantConv.Forward(z.Permute(0, 2, 3, 4, 1).Contiguous()), history, positions);
        var x = WanPatches.Unfold(h.To(DType.Float32), Config.Patch).Clamp(-1, 1);               // [B, F, H, W, 3]
        return scope.Keep(x.Permute(0, 4, 1, 2, 3).Contiguous());
    }

    private static Tensor PerChannel(IReadOnlyList<double> values, Tensor like) =>
        Tensor.FromArray<float>([.. values.Select(v => (float)v)], values.Count, 1, 1, 1).To(like.Device);

    private void CheckClip(Tensor x)
    {
        int t = Config.ScaleFactorTemporal, s = Config.ScaleFactorSpatial, c = Config.PictureChannels;
        if (x.Dim != 5 || x.Size(1) != c || x.Size(2) < 1 || (x.Size(2) - 1) % t != 0 || x.Size(3) % s != 0 || x.Size(4) % s != 0)
            throw new ShapeException($"WanAutoencoder: expected clips [B, {c}, 1 + {t}k, {s}m, {s}n], got [{string.Join(", ", x.Shape)}]. Crop or resize the clip first.");
    }

    private void CheckLatents(Tensor z)
    {
        if (z.Dim != 5 || z.Size(1) != Config.ZDim)
            throw new ShapeException($"WanAutoencoder: expected latents [B, {Config.ZDim}, f, h, w], got [{string.Join(", ", z.Shape)}].");
    }
}

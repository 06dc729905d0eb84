using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Models.Generation;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.CogVideoX;

// CogVideoX's causal video autoencoder: 1 + 4k frames become 1 + k latent frames of an eighth of the side.
// Paper: Yang et al., arXiv:2408.06072, section 2.1. Parameter names follow huggingface/diffusers d035dcd7, autoencoder_kl_cogvideox.py.
//
// Clips run in parts of eight frames, latents in parts of two, the first part taking what is left over; convolutions carry the last two
// frames from part to part. Group norms see one part, so the parts belong to the numbers: a clip at once would come out otherwise.
//
// Shapes    B batch  F frames  H,W height, width  Z latent channels  f,h,w latent frames, height, width; at the boundary [B, C, F, H, W]
// Numerics  as CogVideoXCoderLayers; moments and clips are float32.
public sealed class CogVideoXAutoencoder : Module
{
    private const int FramesPerPart = 8, LatentFramesPerPart = 2;
    private readonly CogVideoXEncoder _encoder;
    private readonly CogVideoXDecoder _decoder;

    public CogVideoXAutoencoder(ParameterPath path, CogVideoXAutoencoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _encoder = new CogVideoXEncoder(path["encoder"], config);
        _decoder = new CogVideoXDecoder(path["decoder"], config);
    }

    public CogVideoXAutoencoderConfig Config { get; }

    /// <summary>Mean and log variance of the latents of clips, one after the other in the channels, not scaled: [B, 2Z, f, h, w] in float32.</summary>
    /// <param name="x">Clips [B, 3, F, H, W] in [−1, 1]; H and W multiples of the spatial compression.</param>
    /// <param name="inStrips">Works strip by strip: the same to rounding, in less memory and more time.</param>
    public Tensor EncodeMoments(Tensor x, bool inStrips = false) => EncodeMoments(x, inStrips ? FeatureRows.ClipPositions : FeatureRows.Whole);

    /// <param name="x">[B, 3, F, H, W]</param>
    /// <param name="positions">Of a strip.</param>
    internal Tensor EncodeMoments(Tensor x, long positions)
    {
        using var scope = TensorScope.Enter();
        var s = Config.SpatialCompression;
        if (x.Dim != 5 || x.Size(1) != Config.InChannels || x.Size(3) % s != 0 || x.Size(4) % s != 0)
            throw new ShapeException($"CogVideoXAutoencoder: expected clips [B, {Config.InChannels}, F, {s}m, {s}n], got {x}. Crop or resize the clip first.");
        using var history = new CausalHistory();
        var parts = new List<Tensor>();
        foreach (var (start, count) in Parts(x.Size(2), FramesPerPart))
        {
            using var part = TensorScope.Enter();
            var frames = x.Narrow(2, start, count).Permute(0, 2, 3, 4, 1).Contiguous();
            parts.Add(part.Keep(_encoder.Forward(frames, history, positions).To(DType.Float32)));
            history.Advance();
        }
        return scope.Keep(Tensor.Cat(parts, 1).Permute(0, 4, 1, 2, 3).Contiguous());
    }

    /// <summary>Clips [B, 3, F, H, W], not clamped, from latents that are not scaled.</summary>
    /// <param name="z">[B, Z, f, h, w]</param>
    public Tensor Decode(Tensor z)
    {
        using var scope = TensorScope.Enter();
        var parts = new List<Tensor>();
        try
        {
            DecodeInParts(z, part => parts.Add(part.Alias().Own()));
            return scope.Keep(Tensor.Cat(parts, 2));
        }
        finally
        {
            foreach (var part in parts) part.Dispose();
        }
    }

    /// <summary>
    /// The same clip as <see cref="Decode"/>, in consecutive parts, so that memory does not grow with the length. Each part [B, 3, n, H, W] is
    /// handed to <paramref name="use"/> and freed after it.
    /// </summary>
    /// <param name="z">[B, Z, f, h, w]</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="inStrips">Works strip by strip: the same to rounding, in less memory and more time.</param>
    public void DecodeInParts(Tensor z, Action<Tensor> use, bool inStrips = false) => DecodeInParts(z, use, inStrips ? FeatureRows.ClipPositions : FeatureRows.Whole);

    /// <param name="z">[B, Z, f, h, w]</param>
    /// <param name="use">Takes the parts.</param>
    /// <param name="positions">Of a strip.</param>
    internal void DecodeInParts(Tensor z, Action<Tensor> use, long positions)
    {
        ArgumentNullException.ThrowIfNull(use);
        if (z.Dim != 5 || z.Size(1) != Config.LatentChannels)
            throw new ShapeException($"CogVideoXAutoencoder: expected latents [B, {Config.LatentChannels}, f, h, w], got {z}.");
        using var history = new CausalHistory();
        foreach (var (start, count) in Parts(z.Size(2), LatentFramesPerPart))
        {
            using var scope = TensorScope.Enter();
            var latents = z.Narrow(2, start, count).Permute(0, 2, 3, 4, 1).Contiguous();         // [B, n, h, w, Z]
            use(_decoder.Forward(latents, history, positions).To(DType.Float32).Permute(0, 4, 1, 2, 3).Contiguous());
            history.Advance();
        }
    }

    /// <summary>Loads the autoencoder of a model.</summary>
    public static CogVideoXAutoencoder Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = ModelConfigJson.Read(networks.Folder.Config("vae"), CogVideoXJson.Default.CogVideoXAutoencoderConfig, CogVideoXAutoencoderConfig.Defaults);
        return networks.Load("vae", p => new CogVideoXAutoencoder(p, config));
    }

    /// <summary>About how many bytes of activations decoding holds at once beside the weights.</summary>
    /// <param name="config">The autoencoder.</param>
    /// <param name="latentHeight">Height of a frame's latents.</param>
    /// <param name="latentWidth">Likewise.</param>
    public static long DecodeBytes(CogVideoXAutoencoderConfig config, long latentHeight, long latentWidth)
    {
        ArgumentNullException.ThrowIfNull(config);
        const int Maps = 6;                                     // maps of the finest stage alive at once
        return Positions(config, LatentFramesPerPart + 1, latentHeight, latentWidth) * config.BlockOutChannels[0] * sizeof(float) * Maps;
    }

    /// <summary>Bytes of everything that is alive at the peak of decoding, beside the weights: maps of the finest stage and what causal layers remember.</summary>
    internal static long DecodePeakBytes(CogVideoXAutoencoderConfig config, long latentFrames, long latentHeight, long latentWidth, VaeTiling tiling, DType type)
    {
        // In maps of the finest stage: its first block reads one of the width of the stage before.
        const double WholeMaps = 9, HeldMaps = 2.5, StripMaps = 10;
        long positions = Positions(config, Math.Min(latentFrames, LatentFramesPerPart + 1), latentHeight, latentWidth);
        double maps = tiling.Applies(DecodeBytes(config, latentHeight, latentWidth)) ? HeldMaps * positions + StripMaps * Math.Min(positions, FeatureRows.ClipPositions) : WholeMaps * positions;
        return (long)(config.BlockOutChannels[0] * type.ItemSize() * maps) + HistoryBytes(config, latentHeight, latentWidth, type);
    }

    // The two frames that every convolution over time remembers.
    private static long HistoryBytes(CogVideoXAutoencoderConfig config, long height, long width, DType type)
    {
        const int Frames = 2, MidConvolutions = 4;
        int[] widths = [.. config.BlockOutChannels.Reverse()];
        long channels = height * width * (config.LatentChannels + MidConvolutions * (long)widths[0]);
        for (var i = 0; i < widths.Length; i++)
        {
            channels += height * width * (widths[Math.Max(0, i - 1)] + (2L * config.LayersPerBlock + 1) * widths[i]);
            if (i < widths.Length - 1) (height, width) = (2 * height, 2 * width);
        }
        return Frames * type.ItemSize() * (channels + height * width * widths[^1]);              // and conv_out
    }

    // Of the finest stage; the clip's first latent frame is one frame.
    private static long Positions(CogVideoXAutoencoderConfig config, long latentFrames, long latentHeight, long latentWidth) =>
        (1 + (latentFrames - 1) * config.TemporalCompressionRatio) * latentHeight * latentWidth * config.SpatialCompression * config.SpatialCompression;

    /// <summary>Floating point operations of decoding one clip of latents (a multiply-add counts as two).</summary>
    public static double DecodeFlops(CogVideoXAutoencoderConfig config, long latentFrames, long height, long width)
    {
        const int MidConvolutions = 4;
        int[] widths = [.. config.BlockOutChannels.Reverse()];
        var (f, h, w) = (latentFrames, height, width);
        double total = CausalConv3d.Flops(f, h, w, config.LatentChannels, widths[0]) + MidConvolutions * (double)CausalConv3d.Flops(f, h, w, widths[0], widths[0]);
        for (var i = 0; i < widths.Length; i++)
        {
            int from = widths[Math.Max(0, i - 1)], to = widths[i];
            total += CausalConv3d.Flops(f, h, w, from, to) + (2.0 * config.LayersPerBlock + 1) * CausalConv3d.Flops(f, h, w, to, to);
            if (i == widths.Length - 1) continue;
            f = i < config.TemporalStages ? 1 + 2 * (f - 1) : f;
            (h, w) = (2 * h, 2 * w);
            total += FrameConv2d.Flops(f, h, w, to, to);
        }
        return total + CausalConv3d.Flops(f, h, w, widths[^1], config.OutChannels);
    }

    // Whole parts from the end; the first takes the remainder.
    private static IEnumerable<(long Start, long Count)> Parts(long total, int size)
    {
        long parts = Math.Max(1, total / size), first = total < size ? total : size + total % size;
        yield return (0, first);
        for (var i = 1; i < parts; i++) yield return (first + (i - 1) * size, size);
    }
}

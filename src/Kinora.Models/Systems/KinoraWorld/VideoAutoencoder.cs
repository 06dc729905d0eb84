using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.KinoraWorld;

// A causal video autoencoder: 1 + 4k frames become 1 + k latent frames of an eighth of the height and width. The first frame
// stands alone, so that an image is a clip of one frame, and no output depends on a later input.
// Papers: Kingma & Welling, arXiv:1312.6114 (the objective); Yu et al., "MAGVIT-v2", arXiv:2310.05737, section 3.2 (causal 3-D
// convolution); HaCohen et al., "LTX-Video", arXiv:2501.00103, section 2.1 (folding space and time into channels between stages,
// with the first frame doubled on the way down and its double dropped on the way up).
// Parameter names are our own.
//
// Stages run at 1/2, 1/4 and 1/8 of the picture's side and 1, 1/2 and 1/4 of the frame rate. The finest stage, with the most positions,
// has spatial convolutions only; the others have one causal 3×3×3 and one 3×3 convolution per block.
//
// Shapes    B batch  F frames  H,W height, width  C channels; inside, channels are last in memory: [B, F, H, W, C].
//           At the boundary clips and latents are [B, C, F, H, W] like everywhere else.
// Numerics  convolutions, linears and the residual stream run in the autocast type; RMS norms accumulate in float32; the block shortcut, the
//           posterior and the decoded clip are float32.
public sealed class VideoAutoencoder : Module
{
    private const double InitialLogVariance = -8;
    private readonly Encoder _encoder;
    private readonly Decoder _decoder;

    public VideoAutoencoder(ParameterPath path, VideoAutoencoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _encoder = new Encoder(path["encoder"], config);
        _decoder = new Decoder(path["decoder"], config);
    }

    public VideoAutoencoderConfig Config { get; }

    /// <summary>The posterior over latents of clips [B, C, F, H, W] in [−1, 1]; F = 1 + k · temporal, H and W multiples of the spatial compression.</summary>
    public LatentPosterior Encode(Tensor x)
    {
        using var scope = TensorScope.Enter();
        CheckClip(x);
        var (mean, logVariance) = _encoder.Forward(x.Permute(0, 2, 3, 4, 1));
        var posterior = LatentPosterior.Create(mean, logVariance);
        scope.Keep(posterior.Mean);
        scope.Keep(posterior.LogVariance);
        return posterior;                                                                        // 2 × [B, C, f, h, w]
    }

    /// <summary>Clips [B, 3, F, H, W], around [−1, 1] but not clamped, from latents [B, C, f, h, w].</summary>
    public Tensor Decode(Tensor z)
    {
        using var scope = TensorScope.Enter();
        CheckLatents(z);
        return scope.Keep(DecodePart(z, null));
    }

    /// <summary>
    /// The same clip as <see cref="Decode"/>, in consecutive parts of <paramref name="latentFramesPerPart"/> latent frames, so that memory does not
    /// grow with the length. Each part [B, 3, n, H, W] is handed to <paramref name="use"/> and freed after it.
    /// </summary>
    public void DecodeInParts(Tensor z, int latentFramesPerPart, Action<Tensor> use)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(latentFramesPerPart);
        CheckLatents(z);
        using var history = new CausalHistory();
        for (long start = 0, total = z.Size(2); start < total; start += latentFramesPerPart)
        {
            using var scope = TensorScope.Enter();
            var part = z.Narrow(2, (int)start, (int)Math.Min(latentFramesPerPart, total - start));
            use(DecodePart(part, history));
            history.Advance();
        }
    }

    private Tensor DecodePart(Tensor z, CausalHistory? history)
    {
        using var scope = TensorScope.Enter();
        var x = _decoder.Forward(z.Permute(0, 2, 3, 4, 1).Contiguous(), history).To(DType.Float32);
        return scope.Keep(x.Permute(0, 4, 1, 2, 3).Contiguous());                                // [B, 3, F, H, W]
    }

    /// <summary>(z − mean) / std per channel: what the generator learns to make.</summary>
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

    /// <summary>Floating point operations to encode one clip (a multiply-add counts as two; convolutions and linears only).</summary>
    public static long EncodeFlops(VideoAutoencoderConfig config, int frames, int height, int width) => Encoder.Flops(config, frames, height, width);

    /// <summary>Floating point operations to decode one clip.</summary>
    public static long DecodeFlops(VideoAutoencoderConfig config, int frames, int height, int width) => Decoder.Flops(config, frames, height, width);

    private static Tensor PerChannel(IReadOnlyList<double> values, Tensor like) =>
        Tensor.FromArray<float>([.. values.Select(v => (float)v)], values.Count, 1, 1, 1).To(like.Device);

    private void CheckClip(Tensor x)
    {
        var (_, c, f, h, w) = x.Dims5();
        int t = Config.TemporalCompression, s = Config.SpatialCompression;
        if (c != Config.InChannels || (f - 1) % t != 0 || h % s != 0 || w % s != 0 || f < 1 || h < s || w < s)
            throw new ShapeException($"VideoAutoencoder.Encode: expected [B, {Config.InChannels}, 1 + {t}k, {s}m, {s}n], got [{string.Join(", ", x.Shape)}]. Crop or resize the clip first.");
    }

    private void CheckLatents(Tensor z)
    {
        if (z.Dim != 5 || z.Size(1) != Config.LatentChannels)
            throw new ShapeException($"VideoAutoencoder.Decode: expected latents [B, {Config.LatentChannels}, f, h, w], got [{string.Join(", ", z.Shape)}].");
    }

    // x + conv2(silu(norm2(conv1(silu(norm1(x)))))). conv2 starts at zero: every block is the identity at the first step.
    private sealed class ResidualBlock : Module
    {
        private readonly RmsNorm _norm1, _norm2;
        private readonly CausalConv3d? _mix;
        private readonly FrameConv2d? _conv1;
        private readonly FrameConv2d _conv2;

        public ResidualBlock(ParameterPath path, int channels, bool acrossFrames, double eps) : base(path)
        {
            _norm1 = new RmsNorm(path["norm1"], channels, eps);
            if (acrossFrames) _mix = new CausalConv3d(path["conv1"], channels, channels, Init.KaimingUniform);
            else _conv1 = new FrameConv2d(path["conv1"], channels, channels, Init.KaimingUniform);
            _norm2 = new RmsNorm(path["norm2"], channels, eps);
            _conv2 = new FrameConv2d(path["conv2"], channels, channels, Init.Zeros);
        }

        public Tensor Forward(Tensor x, CausalHistory? history)                                  // [B, F, H, W, C]
        {
            using var scope = TensorScope.Enter();
            var h = F.Silu(_norm1.Forward(x));
            h = _mix is null ? _conv1!.Forward(h) : _mix.Forward(h, history);
            h = _conv2.Forward(F.Silu(_norm2.Forward(h)));
            return scope.Keep(x + h);
        }

        public static long Flops(bool acrossFrames, long f, long h, long w, long c) =>
            FrameConv2d.Flops(f, h, w, c, c) + (acrossFrames ? CausalConv3d.Flops(f, h, w, c, c) : FrameConv2d.Flops(f, h, w, c, c));
    }

    private sealed class Encoder : Module
    {
        private readonly int _patch;
        private readonly FrameConv2d _convIn;
        private readonly ResidualBlock[][] _stages;
        private readonly Linear[] _downs;
        private readonly RmsNorm _normOut;
        private readonly BlockShortcut _shortcut;
        private readonly Linear _mean, _logVariance;

        public Encoder(ParameterPath path, VideoAutoencoderConfig config) : base(path)
        {
            var widths = config.BlockOutChannels;
            _patch = config.PatchSize;
            _convIn = new FrameConv2d(path["conv_in"], config.InChannels * _patch * _patch, widths[0], Init.KaimingUniform);
            _stages = Stages(path["stages"], widths, config.EncoderLayersPerBlock, config.NormEps);
            _downs = [.. Enumerable.Range(0, widths.Count - 1).Select(i => new Linear(path["downs"][i], 8 * widths[i], widths[i + 1], init: Init.XavierUniform))];
            _normOut = new RmsNorm(path["norm_out"], widths[^1], config.NormEps);
            _mean = new Linear(path["mean"], widths[^1], config.LatentChannels, init: Init.Zeros);
            _shortcut = new BlockShortcut(path["shortcut"], config, decodes: false);
            // A narrow posterior to start with: noise as large as the signal teaches the decoder to ignore the latents.
            _logVariance = new Linear(path["log_variance"], widths[^1], config.LatentChannels, init: Init.Zeros, biasInit: Init.Constant(InitialLogVariance));
        }

        public (Tensor Mean, Tensor LogVariance) Forward(Tensor x)                               // [B, F, H, W, 3]
        {
            using var scope = TensorScope.Enter();
            var h = _convIn.Forward(SpaceTimeFolding.Fold(x, 1, _patch));                        // [B, F, H/2, W/2, C0]
            for (var i = 0; i < _stages.Length; i++)
            {
                if (i > 0) h = _downs[i - 1].Forward(SpaceTimeFolding.Fold(Tensor.Cat([h.Narrow(1, 0, 1), h], 1), 2, 2));
                foreach (var block in _stages[i]) h = block.Forward(h, null);
            }
            h = F.Silu(_normOut.Forward(h));
            var mean = _mean.Forward(h) + _shortcut.Encode(x);                                   // [B, f, h, w, C]
            var logVariance = _logVariance.Forward(h).To(DType.Float32);
            return (scope.Keep(mean.Permute(0, 4, 1, 2, 3)), scope.Keep(logVariance.Permute(0, 4, 1, 2, 3)));
        }

        public static long Flops(VideoAutoencoderConfig config, long f, long h, long w)
        {
            var widths = config.BlockOutChannels;
            (h, w) = (h / config.PatchSize, w / config.PatchSize);
            var total = FrameConv2d.Flops(f, h, w, config.InChannels * config.PatchSize * config.PatchSize, widths[0]);
            for (var i = 0; i < widths.Count; i++)
            {
                if (i > 0)
                {
                    (f, h, w) = ((f + 1) / 2, h / 2, w / 2);
                    total += 2 * f * h * w * 8 * widths[i - 1] * widths[i];
                }
                total += config.EncoderLayersPerBlock[i] * ResidualBlock.Flops(i > 0, f, h, w, widths[i]);
            }
            return total + 2 * f * h * w * widths[^1] * 2 * config.LatentChannels + BlockShortcut.Flops(config, f, h, w);
        }
    }

    private sealed class Decoder : Module
    {
        private readonly int _patch;
        private readonly CausalConv3d _convIn;
        private readonly ResidualBlock[][] _stages;
        private readonly Linear[] _ups;
        private readonly RmsNorm _normOut;
        private readonly FrameConv2d _convOut;
        private readonly BlockShortcut _shortcut;

        public Decoder(ParameterPath path, VideoAutoencoderConfig config) : base(path)
        {
            var widths = config.BlockOutChannels;
            _patch = config.PatchSize;
            _convIn = new CausalConv3d(path["conv_in"], config.LatentChannels, widths[^1], Init.KaimingUniform);
            _stages = Stages(path["stages"], widths, config.DecoderLayersPerBlock, config.NormEps);
            _ups = [.. Enumerable.Range(0, widths.Count - 1).Select(i => new Linear(path["ups"][i], widths[i + 1], 8 * widths[i], init: Init.XavierUniform))];
            _normOut = new RmsNorm(path["norm_out"], widths[0], config.NormEps);
            _convOut = new FrameConv2d(path["conv_out"], widths[0], config.InChannels * _patch * _patch, Init.Zeros);
            _shortcut = new BlockShortcut(path["shortcut"], config, decodes: true);
        }

        public Tensor Forward(Tensor z, CausalHistory? history)                                  // [B, f, h, w, C]
        {
            using var scope = TensorScope.Enter();
            var h = _convIn.Forward(z, history);
            for (var i = _stages.Length - 1; i >= 0; i--)
            {
                foreach (var block in _stages[i]) h = block.Forward(h, history);
                if (i > 0) h = DropCopies(SpaceTimeFolding.Unfold(_ups[i - 1].Forward(h), 2, 2), 1, history);
            }
            h = _convOut.Forward(F.Silu(_normOut.Forward(h)));
            return scope.Keep(SpaceTimeFolding.Unfold(h, 1, _patch) + _shortcut.Decode(z, history)); // [B, F, H, W, 3]
        }

        public static long Flops(VideoAutoencoderConfig config, long frames, long height, long width)
        {
            var widths = config.BlockOutChannels;
            long At(long n, int stage) => n / config.PatchSize >> stage;
            long FramesAt(int stage) => 1 + ((frames - 1) >> stage);
            var last = widths.Count - 1;
            var total = CausalConv3d.Flops(FramesAt(last), At(height, last), At(width, last), config.LatentChannels, widths[last]);
            for (var i = last; i >= 0; i--)
            {
                total += config.DecoderLayersPerBlock[i] * ResidualBlock.Flops(i > 0, FramesAt(i), At(height, i), At(width, i), widths[i]);
                if (i > 0) total += 2 * FramesAt(i) * At(height, i) * At(width, i) * widths[i] * 8 * widths[i - 1];
            }
            return total + FrameConv2d.Flops(frames, At(height, 0), At(width, 0), widths[0], config.InChannels * config.PatchSize * config.PatchSize)
                + BlockShortcut.Flops(config, FramesAt(last), At(height, last), At(width, last));
        }
    }

    // A linear map between a latent and the block of pixels that it stands for, beside the convolutions. It starts as a truncated cosine
    // transform, and the last layers of the convolutional paths start at zero: at the first step the autoencoder is a coarse block codec,
    // and the convolutions learn what that lacks.
    private sealed class BlockShortcut : Module
    {
        private readonly int _t, _s;
        private readonly Linear _linear;

        public BlockShortcut(ParameterPath path, VideoAutoencoderConfig config, bool decodes) : base(path)
        {
            (_t, _s) = (config.TemporalCompression, config.SpatialCompression);
            var pixels = BlockSize(config);
            var init = new BlockCosineInit(_t, _s, config.InChannels, decodes);
            _linear = decodes ? new Linear(path, config.LatentChannels, pixels, init: init) : new Linear(path, pixels, config.LatentChannels, init: init);
        }

        public Tensor Encode(Tensor x)                                                           // [B, F, H, W, 3]
        {
            using var scope = TensorScope.Enter();
            using var full = Autocast.Enter(null);
            var first = x.Narrow(1, 0, 1);
            var copies = first.Expand(first.Size(0), _t - 1, first.Size(2), first.Size(3), first.Size(4));
            // Dividing here and not in the weights keeps these near one, where an optimizer's step is small.
            return scope.Keep(_linear.Forward(SpaceTimeFolding.Fold(Tensor.Cat([copies, x], 1), _t, _s)) / (_t * _s * _s)); // [B, f, h, w, C]
        }

        public Tensor Decode(Tensor z, CausalHistory? history)                                   // [B, f, h, w, C]
        {
            using var scope = TensorScope.Enter();
            using var full = Autocast.Enter(null);
            return scope.Keep(DropCopies(SpaceTimeFolding.Unfold(_linear.Forward(z.To(DType.Float32)), _t, _s), _t - 1, history));
        }

        public static long Flops(VideoAutoencoderConfig config, long f, long h, long w) => 2 * f * h * w * BlockSize(config) * config.LatentChannels;

        private static int BlockSize(VideoAutoencoderConfig config) =>
            config.TemporalCompression * config.SpatialCompression * config.SpatialCompression * config.InChannels;
    }

    // The clip's first frame came out more than once; it stands alone.
    private static Tensor DropCopies(Tensor x, int copies, CausalHistory? history) =>
        history is { IsFirstPart: false } ? x : x.Narrow(1, copies, (int)x.Size(1) - copies).Contiguous();

    private static ResidualBlock[][] Stages(ParameterPath path, IReadOnlyList<int> widths, IReadOnlyList<int> layers, double eps) =>
        [.. widths.Select((width, i) => Enumerable.Range(0, layers[i]).Select(j => new ResidualBlock(path[i][j], width, acrossFrames: i > 0, eps)).ToArray())];
}

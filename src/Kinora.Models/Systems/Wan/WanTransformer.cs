using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Diffusion;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Wan;

// Wan's diffusion transformer over video latents: full space-time self-attention, cross-attention to text and, in the image-to-video
// models, to the tokens of an image encoder.
// Paper: Wan Team, "Wan: Open and Advanced Large-Scale Video Generative Models", arXiv:2503.20314, section 4.2.
// Parameter names follow huggingface/diffusers d035dcd7, transformer_wan.py.
//
// Shapes    B batch  C latent channels  f,h,w latent frames, height, width  S tokens, in (frame, row, column) order  D hidden size
//           K text tokens  E text width  I image tokens  J image width  H heads  G noise levels of one sample: 1, one a frame, or one a token
// Numerics  residual stream, modulation, norms, time embedding and output are float32; linears and attention run in the autocast type.
public sealed class WanTransformer : Module
{
    private const double TableStd = 0.02, RopeTheta = 10_000, ImageNormEps = 1e-5;
    private readonly Rope3D _rope;
    private readonly PatchEmbedding _patchEmbedding;
    private readonly TimeEmbedder _timeEmbedder;
    private readonly Linear _timeProj, _textEmbedder1, _textEmbedder2, _projOut;
    private readonly Tensor _scaleShiftTable;
    private readonly ImageEmbedder? _imageEmbedder;
    private readonly WanBlock[] _blocks;

    public WanTransformer(ParameterPath path, WanTransformerConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        int d = config.HiddenSize;
        _rope = new Rope3D(config.AttentionHeadDim, RopeTheta);
        _patchEmbedding = new PatchEmbedding(path["patch_embedding"], config);
        var condition = path["condition_embedder"];
        _timeEmbedder = new TimeEmbedder(condition["time_embedder"].As(DType.Float32), config.FreqDim, d);
        _timeProj = new Linear(condition["time_proj"], d, 6 * d);
        _textEmbedder1 = new Linear(condition["text_embedder"]["linear_1"], config.TextDim, d, init: Init.Normal(TableStd));
        _textEmbedder2 = new Linear(condition["text_embedder"]["linear_2"], d, d, init: Init.Normal(TableStd));
        _imageEmbedder = config.ImageDim is { } imageDim ? new ImageEmbedder(condition["image_embedder"], imageDim, d, config.PosEmbedSeqLen) : null;
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(i => new WanBlock(path["blocks"][i], config))];
        _scaleShiftTable = path.Create("scale_shift_table", [1, 2, d], Init.Normal(1 / Math.Sqrt(d)), DType.Float32);
        _projOut = new Linear(path["proj_out"], d, config.OutPatchDim, init: Init.Zeros);
    }

    public WanTransformerConfig Config { get; }

    /// <summary>The velocity (noise − data) predicted for noisy latents, [B, C, f, h, w] in float32.</summary>
    /// <param name="x">Noisy latents with everything that is concatenated to them, [B, C, f, h, w]; f, h and w are multiples of the patch.</param>
    /// <param name="timestep">1000 σ, from 0 to 1000: [B], or [B, G] with G the number of token frames or of tokens.</param>
    /// <param name="text">Output of the text encoder [B, K, E], zero beyond the prompt; every position takes part.</param>
    /// <param name="image">Output of the image encoder: [B, I, J], and [2B, I/2, J] (first, last) where image positions are learned. Null where the model has no image encoder.</param>
    /// <param name="cache">Step caching; null computes every call.</param>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, Tensor? image = null, StepCache.Branch? cache = null)
    {
        using var scope = TensorScope.Enter();
        Check(x, timestep, text, image);
        var (b, _, f, h, w) = x.Dims5();
        int d = Config.HiddenSize;
        long frames = f / Config.PatchSize[0], rows = h / Config.PatchSize[1], columns = w / Config.PatchSize[2], s = frames * rows * columns;

        var stream = _patchEmbedding.Forward(x).Reshape(b, s, d);                                 // [B, S, D]
        var (temb, modulation) = EmbedTime(timestep);                                            // [B·G, D], [B·G, 6, D]
        var context = _textEmbedder2.Forward(F.GeluTanh(_textEmbedder1.Forward(text)));          // [B, K, D]
        var imageContext = image is null ? null : _imageEmbedder!.Forward(image);                // [B, I, D]
        var (cos, sin) = Angles(frames, rows, columns, x.Device);                                // [S, D/2]

        Tensor Through(Tensor h, WanBlock block) => block.Forward(h, modulation, context, imageContext, cos, sin);
        if (cache is not null) stream = cache.Forward(stream, _blocks, Through);
        else foreach (var block in _blocks) TensorScope.Replace(ref stream, Through(stream, block));

        var groups = temb.Size(0);
        var (shift, scale) = (temb.Unsqueeze(1) + _scaleShiftTable).Chunk2(1);                   // 2 × [B·G, 1, D]
        var y = F.LayerNormModulate(stream.View(groups, b * s / groups, d), shift.Reshape(groups, d), scale.Reshape(groups, d), Config.Eps, Autocast.Target);
        return scope.Keep(Unpatchify(_projOut.Forward(y).To(DType.Float32).Reshape(b, s, -1), frames, rows, columns)); // [B, C, f, h, w]
    }

    /// <summary>About how many bytes of activations one call holds at its peak beside the weights.</summary>
    /// <param name="config">The network.</param>
    /// <param name="tokens">Patches of the clip's latents.</param>
    /// <param name="type">Type of matrix products.</param>
    public static long ActivationBytes(WanTransformerConfig config, long tokens, DType type)
    {
        ArgumentNullException.ThrowIfNull(config);
        // The stream in float32 with its sum; queries, keys and values before and after their rotation; the perceptron's hidden layer twice.
        const int Stream = 3, Working = 7, Hidden = 2;
        return tokens * (config.HiddenSize * (sizeof(float) * (long)Stream + type.ItemSize() * Working) + config.FfnDim * (long)type.ItemSize() * Hidden);
    }

    /// <summary>Floating point operations of one sample's forward pass (a multiply-add counts as two; linears and attention only).</summary>
    public static long Flops(WanTransformerConfig config, int latentFrames, int latentHeight, int latentWidth, int textTokens, int imageTokens = 0)
    {
        long d = config.HiddenSize, k = textTokens;
        long s = (long)(latentFrames / config.PatchSize[0]) * (latentHeight / config.PatchSize[1]) * (latentWidth / config.PatchSize[2]);
        long condition = 2 * (config.FreqDim * d + d * d + 6 * d * d) + 2 * k * (config.TextDim * d + d * d)
            + 2 * (long)imageTokens * (config.ImageDim ?? 0) * ((config.ImageDim ?? 0) + d);
        return condition + config.NumLayers * WanBlock.Flops(config, s, k, imageTokens) + 2 * s * d * (config.PatchDim + config.OutPatchDim);
    }

    private Tensor Unpatchify(Tensor tokens, long frames, long rows, long columns)
    {
        using var scope = TensorScope.Enter();
        int p = Config.PatchSize[0], q = Config.PatchSize[1], r = Config.PatchSize[2], c = Config.OutChannels;
        var b = tokens.Size(0);
        var patches = tokens.Reshape(b, frames, rows, columns, p, q, r, c).Permute(0, 7, 1, 4, 2, 5, 3, 6); // [B, C, frames, p, rows, q, columns, r]
        return scope.Keep(patches.Reshape(b, c, frames * p, rows * q, columns * r));
    }

    private (Tensor Temb, Tensor Modulation) EmbedTime(Tensor timestep)
    {
        using var scope = TensorScope.Enter();
        int d = Config.HiddenSize;
        var temb = _timeEmbedder.Forward(timestep.Flatten());                                    // [B·G, D]
        var modulation = _timeProj.Forward(temb.Silu()).To(DType.Float32);                       // [B·G, 6D]
        return (scope.Keep(temb), scope.Keep(modulation.Reshape(-1, 6, d)));
    }

    // The rotation of a head, repeated for every head: queries and keys are normalized and turned over their full width at once.
    private (Tensor Cos, Tensor Sin) Angles(long frames, long rows, long columns, Device device)
    {
        using var scope = TensorScope.Enter();
        var (cos, sin) = _rope.Angles(frames, rows, columns, device);                            // [S, headDim/2]
        return (scope.Keep(cos.Repeat(1, Config.NumAttentionHeads)), scope.Keep(sin.Repeat(1, Config.NumAttentionHeads)));
    }

    private void Check(Tensor x, Tensor timestep, Tensor text, Tensor? image)
    {
        var (b, c, f, h, w) = x.Dims5();
        int p = Config.PatchSize[0], q = Config.PatchSize[1], r = Config.PatchSize[2];
        if (c != Config.InChannels || f % p != 0 || h % q != 0 || w % r != 0)
            throw new ShapeException($"WanTransformer: expected latents [B, {Config.InChannels}, {p}k, {q}m, {r}n], got [{string.Join(", ", x.Shape)}].");
        long frames = f / p, tokens = frames * (h / q) * (w / r);
        if (timestep.Size(0) != b || !(timestep.Dim == 1 || (timestep.Dim == 2 && (timestep.Size(1) == frames || timestep.Size(1) == tokens))))
            throw new ShapeException($"WanTransformer: expected timesteps [{b}], [{b}, {frames}] or [{b}, {tokens}], got [{string.Join(", ", timestep.Shape)}].");
        if (text.Dim != 3 || text.Size(0) != b || text.Size(2) != Config.TextDim)
            throw new ShapeException($"WanTransformer: expected text [{b}, K, {Config.TextDim}], got [{string.Join(", ", text.Shape)}].");
        if (image is null != _imageEmbedder is null)
            throw new ShapeException(image is null ? "WanTransformer: this model needs the tokens of its image encoder." : "WanTransformer: this model has no image encoder; pass no image tokens.");
        long images = Config.PosEmbedSeqLen is null ? b : 2 * b;
        if (image is not null && (image.Dim != 3 || image.Size(0) != images || image.Size(2) != Config.ImageDim))
            throw new ShapeException($"WanTransformer: expected image tokens [{images}, I, {Config.ImageDim}], got [{string.Join(", ", image.Shape)}].");
    }

    // A convolution whose stride is its extent is a matrix product of patches: [B, C, f, h, w] → [B, f/p, h/q, w/r, D] in float32.
    private sealed class PatchEmbedding : Module
    {
        private readonly IReadOnlyList<int> _patch;
        private readonly Tensor _weight, _bias;

        public PatchEmbedding(ParameterPath path, WanTransformerConfig config) : base(path)
        {
            _patch = config.PatchSize;
            _weight = path.Create("weight", [config.HiddenSize, config.InChannels, _patch[0], _patch[1], _patch[2]], Init.XavierUniform);
            _bias = path.Create("bias", [config.HiddenSize], Init.Zeros);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var (b, c, f, h, w) = x.Dims5();
            int p = _patch[0], q = _patch[1], r = _patch[2];
            var patches = x.Reshape(b, c, f / p, p, h / q, q, w / r, r).Permute(0, 2, 4, 6, 1, 3, 5, 7); // [B, f/p, h/q, w/r, C, p, q, r]
            var t = Autocast.Target ?? _weight.DType;
            var y = F.Linear(patches.Reshape(b, f / p, h / q, w / r, c * p * q * r).To(t), _weight.View(_weight.Size(0), -1).To(t), _bias.To(t)).To(DType.Float32);
            ForwardTrace.Report(this, y.Permute(0, 4, 1, 2, 3));
            return scope.Keep(y);
        }
    }

    // In float32 whatever surrounds it.
    private sealed class TimeEmbedder : Module
    {
        private readonly int _frequencies;
        private readonly Linear _linear1, _linear2;

        public TimeEmbedder(ParameterPath path, int frequencies, int dim) : base(path)
        {
            _frequencies = frequencies;
            _linear1 = new Linear(path["linear_1"], frequencies, dim, init: Init.Normal(TableStd));
            _linear2 = new Linear(path["linear_2"], dim, dim, init: Init.Normal(TableStd));
        }

        public Tensor Forward(Tensor t)                                                          // [N] → [N, D]
        {
            using var scope = TensorScope.Enter();
            using var full = Autocast.Enter(null);
            return scope.Keep(ForwardTrace.Report(this, _linear2.Forward(_linear1.Forward(SinusoidalEmbedding.Forward(t, _frequencies)).Silu())));
        }
    }

    // Norm, two-layer perceptron, norm; before them a learned position for every token of first and last frame.
    private sealed class ImageEmbedder : Module
    {
        private readonly Tensor? _positions;
        private readonly LayerNorm _norm1, _norm2;
        private readonly Linear _in, _out;

        public ImageEmbedder(ParameterPath path, int imageDim, int dim, int? positions) : base(path)
        {
            _norm1 = new LayerNorm(path["norm1"].As(DType.Float32), imageDim, ImageNormEps);
            _in = new Linear(path["ff"]["net"][0]["proj"], imageDim, imageDim);
            _out = new Linear(path["ff"]["net"][2], imageDim, dim);
            _norm2 = new LayerNorm(path["norm2"].As(DType.Float32), dim, ImageNormEps);
            _positions = positions is { } count ? path.Create("pos_embed", [1, count, imageDim], Init.Zeros, DType.Float32) : null;
        }

        public Tensor Forward(Tensor image)                                                      // [B, I, J] or [2B, I/2, J]
        {
            using var scope = TensorScope.Enter();
            if (_positions is not null) image = image.Reshape(-1, 2 * image.Size(1), image.Size(2)) + _positions;
            var x = _norm1.Forward(image.To(DType.Float32));
            x = _out.Forward(_in.Forward(x).Gelu());
            return scope.Keep(_norm2.Forward(x.To(DType.Float32)));                              // [B, I, D]
        }
    }
}

/// <summary>One block of <see cref="WanTransformer"/>: self-attention, cross-attention and a perceptron on the residual stream.</summary>
public sealed class WanBlock : Module
{
    private readonly double _eps;
    private readonly SelfAttention _attn1;
    private readonly LayerNorm? _norm2;
    private readonly CrossAttention _attn2;
    private readonly Linear _ffnIn, _ffnOut;
    private readonly Tensor _scaleShiftTable;

    public WanBlock(ParameterPath path, WanTransformerConfig config) : base(path)
    {
        int d = config.HiddenSize;
        _eps = config.Eps;
        _attn1 = new SelfAttention(path["attn1"], config);
        _norm2 = config.CrossAttnNorm ? new LayerNorm(path["norm2"].As(DType.Float32), d, config.Eps) : null;
        _attn2 = new CrossAttention(path["attn2"], config);
        _ffnIn = new Linear(path["ffn"]["net"][0]["proj"], d, config.FfnDim);
        _ffnOut = new Linear(path["ffn"]["net"][2], config.FfnDim, d);
        _scaleShiftTable = path.Create("scale_shift_table", [1, 6, d], Init.Normal(1 / Math.Sqrt(d)), DType.Float32);
    }

    /// <summary>x += gate · selfAttention(modulate(norm(x)));  x += crossAttention(norm2(x));  x += gate · ffn(modulate(norm(x))).</summary>
    /// <param name="x">Residual stream [B, S, D].</param>
    /// <param name="modulation">What the timestep says, [B·G, 6, D].</param>
    /// <param name="text">Text tokens [B, K, D].</param>
    /// <param name="image">Image tokens [B, I, D], or null.</param>
    /// <param name="cos">Rotation of every token over the full width, [S, D/2].</param>
    /// <param name="sin">Likewise.</param>
    public Tensor Forward(Tensor x, Tensor modulation, Tensor text, Tensor? image, Tensor cos, Tensor sin)
    {
        using var scope = TensorScope.Enter();
        var (b, s, d) = x.Dims3();
        long groups = modulation.Size(0), size = b * s / groups;
        var dtype = Autocast.Target ?? DType.Float32;
        var parts = (modulation + _scaleShiftTable).Unbind(1);                                   // 6 × [B·G, D]
        var (shiftMsa, scaleMsa, gateMsa, shiftFfn, scaleFfn, gateFfn) = (parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);

        x = x.View(groups, size, d);
        var h = _attn1.Forward(F.LayerNormModulate(x, shiftMsa, scaleMsa, _eps, dtype).View(b, s, d), cos, sin);
        x = F.GatedResidual(x, gateMsa, h.View(groups, size, d)).View(b, s, d);
        x = x + _attn2.Forward(_norm2 is null ? x : _norm2.Forward(x), text, image);
        x = x.View(groups, size, d);
        h = _ffnOut.Forward(F.GeluTanh(_ffnIn.Forward(F.LayerNormModulate(x, shiftFfn, scaleFfn, _eps, dtype))));
        return scope.Keep(ForwardTrace.Report(this, F.GatedResidual(x, gateFfn, h).View(b, s, d))); // [B, S, D]
    }

    /// <summary>Floating point operations for one sample (a multiply-add counts as two).</summary>
    public static long Flops(WanTransformerConfig config, long tokens, long textTokens, long imageTokens = 0)
    {
        long d = config.HiddenSize, context = textTokens + imageTokens;
        return 8 * tokens * d * d + 4 * tokens * tokens * d + 4 * tokens * d * d + 4 * context * d * d + 4 * tokens * context * d + 4 * tokens * d * config.FfnDim;
    }

    // Queries and keys are normalized over all heads together, then turned head by head.
    private sealed class SelfAttention : Module
    {
        private readonly int _numHeads;
        private readonly double _eps;
        private readonly Linear _toQ, _toK, _toV, _toOut;
        private readonly Tensor _normQ, _normK;

        public SelfAttention(ParameterPath path, WanTransformerConfig config) : base(path)
        {
            int d = config.HiddenSize;
            (_numHeads, _eps) = (config.NumAttentionHeads, config.Eps);
            _toQ = new Linear(path["to_q"], d, d);
            _toK = new Linear(path["to_k"], d, d);
            _toV = new Linear(path["to_v"], d, d);
            _toOut = new Linear(path["to_out"][0], d, d);
            _normQ = path["norm_q"].Create("weight", [d], Init.Ones, DType.Float32);
            _normK = path["norm_k"].Create("weight", [d], Init.Ones, DType.Float32);
        }

        public Tensor Forward(Tensor x, Tensor cos, Tensor sin)                                  // [B, S, D]
        {
            using var scope = TensorScope.Enter();
            var (b, s, d) = x.Dims3();
            var q = F.QkNormRope(_toQ.Forward(x).View(b, s, 1, d), _normQ, cos, sin, _eps).View(b, s, _numHeads, -1);
            var k = F.QkNormRope(_toK.Forward(x).View(b, s, 1, d), _normK, cos, sin, _eps).View(b, s, _numHeads, -1);
            var v = _toV.Forward(x).View(b, s, _numHeads, -1);                                   // [B, S, H, D/H]
            var h = F.ScaledDotProductAttention(q.Transpose(1, 2), k.Transpose(1, 2), v.Transpose(1, 2));
            return scope.Keep(_toOut.Forward(h.Transpose(1, 2).Reshape(b, s, d)));
        }
    }

    // The same queries attend to text and, with keys and values of their own, to the image; both answers are added.
    private sealed class CrossAttention : Module
    {
        private readonly int _numHeads;
        private readonly Linear _toQ, _toK, _toV, _toOut;
        private readonly RmsNorm _normQ, _normK;
        private readonly Linear? _addK, _addV;
        private readonly RmsNorm? _normAddedK;

        public CrossAttention(ParameterPath path, WanTransformerConfig config) : base(path)
        {
            int d = config.HiddenSize;
            _numHeads = config.NumAttentionHeads;
            _toQ = new Linear(path["to_q"], d, d);
            _toK = new Linear(path["to_k"], d, d);
            _toV = new Linear(path["to_v"], d, d);
            _toOut = new Linear(path["to_out"][0], d, d);
            _normQ = new RmsNorm(path["norm_q"].As(DType.Float32), d, config.Eps);
            _normK = new RmsNorm(path["norm_k"].As(DType.Float32), d, config.Eps);
            if (config.AddedKvProjDim is not { } added) return;
            _addK = new Linear(path["add_k_proj"], added, d);
            _addV = new Linear(path["add_v_proj"], added, d);
            _normAddedK = new RmsNorm(path["norm_added_k"].As(DType.Float32), d, config.Eps);
        }

        public Tensor Forward(Tensor x, Tensor text, Tensor? image)                              // [B, S, D], [B, K, D], [B, I, D]
        {
            using var scope = TensorScope.Enter();
            var (b, s, d) = x.Dims3();
            var q = Heads(_normQ.Forward(_toQ.Forward(x)));
            var h = F.ScaledDotProductAttention(q, Heads(_normK.Forward(_toK.Forward(text))), Heads(_toV.Forward(text))); // [B, H, S, D/H]
            if (image is not null)
                h = h + F.ScaledDotProductAttention(q, Heads(_normAddedK!.Forward(_addK!.Forward(image))), Heads(_addV!.Forward(image)));
            return scope.Keep(_toOut.Forward(h.Transpose(1, 2).Reshape(b, s, d)));
        }

        private Tensor Heads(Tensor x) => x.View(x.Size(0), x.Size(1), _numHeads, -1).Transpose(1, 2); // [B, H, S, D/H]
    }
}

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Diffusion;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.KinoraWorld;

// A diffusion transformer over video latents: full space-time self-attention, cross-attention to text, and a noise level of its own
// for every latent frame.
// Papers: Peebles & Xie, "DiT", arXiv:2212.09748, section 3.2 (adaLN-Zero); Chen et al., "PixArt-α", arXiv:2310.00426, section 2.3
// (adaLN-single: one projection for all blocks and a learned table in each); Wan, arXiv:2503.20314, section 4.2 (block order, 3-D rotary
// embedding); Chen et al., "Diffusion Forcing", arXiv:2407.01392 (a noise level per frame: a known frame has sigma 0, which makes
// image-to-video and continuation the same network).
// Names follow huggingface/diffusers 58eb52c0, transformer_wan.py, where a part is the same.
//
// The blocks see their input at unit variance and predict only what a linear estimate from the noisy value itself cannot know, also at
// unit variance (Karras et al., arXiv:2206.00364, section 5, for the path x = (1 − σ) data + σ ε and data of standard deviation s):
//     v̂ = (σ − (1 − σ) s²) / D · x − s / √D · F(x / √D),  D = (1 − σ)² s² + σ²
// Every gate, the cross-attention output and the last projection start at zero: at the first step each block is the identity and the
// velocity is the linear estimate.
//
// Shapes    B batch  C latent channels  f,h,w latent frames, height, width  S tokens of one frame  L = f·S tokens  D hidden size
//           K text tokens  E text width
// Numerics  residual stream, modulation and norms are float32; linears and attention run in the autocast type; the velocity is float32.
public sealed class VideoTransformer : Module
{
    private readonly Rope3D _rope;
    private readonly Linear _patchEmbedding, _timeProj, _projOut;
    private readonly Linear _timeEmbedder1, _timeEmbedder2, _pooledProjection;
    private readonly Linear _captionProjection1, _captionProjection2;
    private readonly Block[] _blocks;
    private readonly Tensor _scaleShiftTable;

    public VideoTransformer(ParameterPath path, VideoTransformerConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        int d = config.HiddenSize, e = config.CrossAttentionDim;
        _rope = new Rope3D(config.AttentionHeadDim, config.RopeTheta);
        _patchEmbedding = new Linear(path["patch_embedding"], config.PatchDim, d, init: Init.XavierUniform);
        var condition = path["condition_embedder"];
        _timeEmbedder1 = new Linear(condition["time_embedder"]["linear_1"], config.FreqDim, d, init: Init.XavierUniform);
        _timeEmbedder2 = new Linear(condition["time_embedder"]["linear_2"], d, d, init: Init.XavierUniform);
        _pooledProjection = new Linear(condition["pooled_projection"], config.CaptionChannels, d, init: Init.XavierUniform);
        _timeProj = new Linear(condition["time_proj"], d, 6 * d, init: Init.Zeros);
        _captionProjection1 = new Linear(condition["text_embedder"]["linear_1"], config.CaptionChannels, e, init: Init.XavierUniform);
        _captionProjection2 = new Linear(condition["text_embedder"]["linear_2"], e, e, init: Init.XavierUniform);
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(i => new Block(path["blocks"][i], config))];
        _scaleShiftTable = path.Create("scale_shift_table", [1, 2, d], Init.Zeros);
        _projOut = new Linear(path["proj_out"], d, config.PatchDim, init: Init.Zeros);
    }

    public VideoTransformerConfig Config { get; }

    /// <summary>The velocity (noise − data) that the network predicts for noisy latents, [B, C, f, h, w] in float32.</summary>
    /// <param name="x">Noisy latents [B, C, f, h, w]; h and w are multiples of the patch.</param>
    /// <param name="sigma">Noise level in [0, 1], [B] for whole clips or [B, f] for every frame.</param>
    /// <param name="text">Output of the text encoder [B, K, E].</param>
    /// <param name="textMask">True at real tokens, [B, K]; at least one in every row.</param>
    /// <param name="cache">Step caching; null computes every call.</param>
    public Tensor Forward(Tensor x, Tensor sigma, Tensor text, Tensor textMask, StepCache.Branch? cache = null)
    {
        using var scope = TensorScope.Enter();
        var (b, _, f, h, w) = x.Dims5();
        Check(x, sigma, text, textMask);
        int patchH = Config.PatchSize[1], patchW = Config.PatchSize[2], d = Config.HiddenSize;
        long rows = h / patchH, columns = w / patchW;

        var (temb, modulation) = EmbedTime(sigma, f, text, textMask);                            // [B·f, D], [B·f, 6, D]
        var context = _captionProjection2.Forward(F.GeluTanh(_captionProjection1.Forward(text))); // [B, K, E]
        var mask = textMask.Unsqueeze(1).Unsqueeze(1);                                           // [B, 1, 1, K]
        var (cos, sin) = _rope.Angles(f, rows, columns, x.Device);                               // [L, headDim/2]

        var level = sigma.Reshape(b, 1, sigma.Dim == 1 ? 1 : f, 1, 1);
        var std = Tensor.FromArray<float>([.. Config.LatentStd.Select(s => (float)s)], [1, Config.InChannels, 1, 1, 1]).To(x.Device);
        var inverse = (((1.0 - level) * std).Square() + level.Square()).Rsqrt();                 // 1 / std of x, [B, C, 1 or f, 1, 1]
        var known = (level - (1.0 - level) * std.Square()) * inverse;
        var stream = _patchEmbedding.Forward(Patchify(x * inverse)).To(DType.Float32);           // [B·f, S, D]
        Tensor Through(Tensor z, Block block) => block.Forward(z, b, modulation, context, mask, cos, sin);
        if (cache is not null) stream = cache.Forward(stream, _blocks, Through);
        else foreach (var block in _blocks) stream = Through(stream, block);

        var (shift, scale) = (temb.Unsqueeze(1) + _scaleShiftTable).Chunk2(1);                   // 2 × [B·f, 1, D]
        var y = F.LayerNormModulate(stream, shift.Reshape(b * f, d), scale.Reshape(b * f, d), Config.Eps, Autocast.Target);
        var unknown = Unpatchify(_projOut.Forward(y).To(DType.Float32), b, f, rows, columns);    // [B, C, f, h, w]
        return scope.Keep((x * known - unknown * std) * inverse);
    }

    /// <summary>Floating point operations of one sample's forward pass (a multiply-add counts as two; linears and attention only).</summary>
    public static long Flops(VideoTransformerConfig config, int latentFrames, int latentHeight, int latentWidth, int textTokens)
    {
        long d = config.HiddenSize, e = config.CrossAttentionDim, k = textTokens;
        long tokens = (long)latentFrames * (latentHeight / config.PatchSize[1]) * (latentWidth / config.PatchSize[2]);
        var condition = 2 * latentFrames * (config.FreqDim * d + d * d + 6 * d * d) + 2 * config.CaptionChannels * d + 2 * k * (config.CaptionChannels * e + e * e);
        var block = SelfAttention.Flops(tokens, d) + CrossAttention.Flops(tokens, k, d, e) + FeedForward.Flops(tokens, d, config.MlpDim);
        return condition + config.NumLayers * block + 4 * tokens * d * config.PatchDim;
    }

    // The embedding of each frame's noise level plus that of the pooled text, and what all blocks derive from it.
    private (Tensor Temb, Tensor Modulation) EmbedTime(Tensor sigma, long frames, Tensor text, Tensor textMask)
    {
        using var scope = TensorScope.Enter();
        const double SigmaToTimestep = 1000;                                                     // the range that the frequencies are made for
        var d = Config.HiddenSize;
        var perFrame = sigma.Dim == 1 ? sigma.Unsqueeze(1).Expand(sigma.Size(0), frames) : sigma;
        var phase = SinusoidalEmbedding.Forward(perFrame * SigmaToTimestep, Config.FreqDim);     // [B, f, P]
        var time = _timeEmbedder2.Forward(_timeEmbedder1.Forward(phase).Silu()).To(DType.Float32);
        var weights = textMask.To(DType.Float32).Unsqueeze(-1);                                  // [B, K, 1]
        var pooled = (text.To(DType.Float32) * weights).Sum([1]) / weights.Sum([1]);             // [B, E]
        var temb = time + _pooledProjection.Forward(pooled).To(DType.Float32).Unsqueeze(1);      // [B, f, D]
        var modulation = _timeProj.Forward(temb.Silu()).To(DType.Float32);                       // [B, f, 6D]
        return (scope.Keep(temb.Reshape(-1, d)), scope.Keep(modulation.Reshape(-1, 6, d)));
    }

    // [B, C, f, h, w] → [B·f, S, patchH·patchW·C]
    private Tensor Patchify(Tensor x)
    {
        using var scope = TensorScope.Enter();
        var (b, c, f, h, w) = x.Dims5();
        int p = Config.PatchSize[1], q = Config.PatchSize[2];
        var patches = x.Reshape(b, c, f, h / p, p, w / q, q).Permute(0, 2, 3, 5, 4, 6, 1);       // [B, f, h/p, w/q, p, q, C]
        return scope.Keep(patches.Reshape(b * f, h / p * (w / q), p * q * c));
    }

    private Tensor Unpatchify(Tensor tokens, long b, long f, long rows, long columns)
    {
        using var scope = TensorScope.Enter();
        int p = Config.PatchSize[1], q = Config.PatchSize[2], c = Config.InChannels;
        var patches = tokens.Reshape(b, f, rows, columns, p, q, c).Permute(0, 6, 1, 2, 4, 3, 5); // [B, C, f, rows, p, columns, q]
        return scope.Keep(patches.Reshape(b, c, f, rows * p, columns * q));
    }

    private void Check(Tensor x, Tensor sigma, Tensor text, Tensor textMask)
    {
        var (b, c, f, h, w) = x.Dims5();
        int p = Config.PatchSize[1], q = Config.PatchSize[2];
        if (c != Config.InChannels || h % p != 0 || w % q != 0)
            throw new ShapeException($"VideoTransformer: expected latents [B, {Config.InChannels}, f, {p}m, {q}n], got [{string.Join(", ", x.Shape)}].");
        if (!(sigma.Dim == 1 && sigma.Size(0) == b) && !(sigma.Dim == 2 && sigma.Size(0) == b && sigma.Size(1) == f))
            throw new ShapeException($"VideoTransformer: expected sigma [{b}] or [{b}, {f}], got [{string.Join(", ", sigma.Shape)}].");
        if (text.Dim != 3 || text.Size(0) != b || text.Size(2) != Config.CaptionChannels)
            throw new ShapeException($"VideoTransformer: expected text [{b}, K, {Config.CaptionChannels}], got [{string.Join(", ", text.Shape)}].");
        if (textMask.Dim != 2 || textMask.Size(0) != b || textMask.Size(1) != text.Size(1) || textMask.DType != DType.Bool)
            throw new ShapeException($"VideoTransformer: expected a boolean text mask [{b}, {text.Size(1)}], got {textMask}.");
    }

    // x += gate · selfAttention(modulate(norm(x)));  x += crossAttention(norm2(x), text);  x += gate · mlp(modulate(norm(x)))
    private sealed class Block : Module
    {
        private readonly double _eps;
        private readonly SelfAttention _attn1;
        private readonly LayerNorm _norm2;
        private readonly CrossAttention _attn2;
        private readonly FeedForward _ffn;
        private readonly Tensor _scaleShiftTable;

        public Block(ParameterPath path, VideoTransformerConfig config) : base(path)
        {
            var d = config.HiddenSize;
            _eps = config.Eps;
            _attn1 = new SelfAttention(path["attn1"], d, config.NumAttentionHeads, config.Eps);
            _norm2 = new LayerNorm(path["norm2"], d, config.Eps);
            _attn2 = new CrossAttention(path["attn2"], d, config.CrossAttentionDim, config.NumAttentionHeads, config.Eps, outInit: Init.Zeros);
            _ffn = new FeedForward(path["ffn"], d, config.MlpDim);
            // Together with the zero time projection: zero gates, so that the block is the identity at the first step.
            _scaleShiftTable = path.Create("scale_shift_table", [1, 6, d], Init.Zeros);
        }

        public Tensor Forward(Tensor x, long batch, Tensor modulation, Tensor context, Tensor mask, Tensor cos, Tensor sin) // [B·f, S, D], [B·f, 6, D]
        {
            using var scope = TensorScope.Enter();
            var (n, s, d) = x.Dims3();
            var tokens = n / batch * s;
            var dtype = Autocast.Target;
            var parts = (modulation + _scaleShiftTable).Unbind(1);                               // 6 × [B·f, D]
            var (shiftMsa, scaleMsa, gateMsa, shiftMlp, scaleMlp, gateMlp) = (parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);

            var h = F.LayerNormModulate(x, shiftMsa, scaleMsa, _eps, dtype).View(batch, tokens, d);
            x = F.GatedResidual(x, gateMsa, _attn1.Forward(h, cos, sin).View(n, s, d));
            h = _attn2.Forward(_norm2.Forward(x).View(batch, tokens, d), context, mask);         // [B, L, D]
            x = x + h.View(n, s, d);
            h = _ffn.Forward(F.LayerNormModulate(x, shiftMlp, scaleMlp, _eps, dtype));
            return scope.Keep(F.GatedResidual(x, gateMlp, h));                                   // [B·f, S, D]
        }
    }
}

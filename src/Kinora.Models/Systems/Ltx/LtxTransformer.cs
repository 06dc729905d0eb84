using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Diffusion;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Ltx;

// LTX-Video's diffusion transformer over tokens of video latents: self-attention with real-valued rotary coordinates, cross-attention to text.
// Paper: HaCohen et al., "LTX-Video: Realtime Video Latent Diffusion", arXiv:2501.00103, section 2.2.
// Parameter names follow huggingface/diffusers d035dcd7, transformer_ltx.py.
//
// Shapes    B batch  S tokens  C channels of a token  D hidden size  K text tokens  E text width  H heads  G noise levels of a sample: 1 or S
// Numerics  residual stream, modulation, norms, time embedding and output are float32; linears and attention run in the autocast type.
public sealed class LtxTransformer : Module
{
    private const double OutNormEps = 1e-6, MaskedScore = -10_000;
    private readonly InputProjection _projIn;
    private readonly TimeEmbed _timeEmbed;
    private readonly CaptionProjection _captionProjection;
    private readonly LtxBlock[] _blocks;
    private readonly Tensor _scaleShiftTable;
    private readonly Linear _projOut;

    public LtxTransformer(ParameterPath path, LtxTransformerConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        int d = config.HiddenSize;
        _projIn = new InputProjection(path["proj_in"], config.InChannels, d);
        _scaleShiftTable = path.Create("scale_shift_table", [2, d], Init.Normal(1 / Math.Sqrt(d)), DType.Float32);
        _timeEmbed = new TimeEmbed(path["time_embed"], d);
        _captionProjection = new CaptionProjection(path["caption_projection"], config.CaptionChannels, d);
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(i => new LtxBlock(path["transformer_blocks"][i], config))];
        _projOut = new Linear(path["proj_out"], d, config.OutChannels);
    }

    public LtxTransformerConfig Config { get; }

    /// <summary>The velocity (noise − data) predicted for noisy tokens, [B, S, C] in float32.</summary>
    /// <param name="x">Noisy tokens [B, S, C], in (frame, row, column) order.</param>
    /// <param name="timestep">1000 σ, from 0 to 1000: [B], or [B, S] for every token.</param>
    /// <param name="text">Output of the text encoder [B, K, E].</param>
    /// <param name="textMask">1 at real text tokens, 0 at padding: [B, K]; null when all take part.</param>
    /// <param name="coordinates">Second, row and column of every token, [S, 3]; see <see cref="LtxRope"/>.</param>
    /// <param name="cache">Step caching; null computes every call.</param>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, Tensor? textMask, Tensor coordinates, StepCache.Branch? cache = null)
    {
        using var scope = TensorScope.Enter();
        Check(x, timestep, text, textMask, coordinates);
        var (b, s, _) = x.Dims3();
        int d = Config.HiddenSize;
        var (cos, sin) = LtxRope.Angles(coordinates, d);                                         // [S, D/2]
        var mask = textMask is null ? null : ((1 - textMask.To(DType.Float32)) * MaskedScore).Unsqueeze(1).Unsqueeze(1); // [B, 1, 1, K]
        var stream = _projIn.Forward(x).To(DType.Float32);                                       // [B, S, D]
        var (modulation, embedded) = _timeEmbed.Forward(timestep.Flatten());                     // [B·G, 6D], [B·G, D]
        modulation = modulation.View(b, -1, 6, d);
        var context = _captionProjection.Forward(text);                                          // [B, K, D]
        Tensor Through(Tensor h, LtxBlock block) => block.Forward(h, modulation, context, mask, cos, sin);
        if (cache is not null) stream = cache.Forward(stream, _blocks, Through);
        else foreach (var block in _blocks) TensorScope.Replace(ref stream, Through(stream, block));

        long groups = embedded.Size(0);
        var (shift, scale) = (embedded.Unsqueeze(1) + _scaleShiftTable).Chunk2(1);               // 2 × [B·G, 1, D]
        var y = F.LayerNormModulate(stream.View(groups, b * s / groups, d), shift.Reshape(groups, d), scale.Reshape(groups, d), OutNormEps, Autocast.Target);
        return scope.Keep(_projOut.Forward(y).To(DType.Float32).Reshape(b, s, Config.OutChannels));
    }

    /// <summary>Floating point operations of one sample's forward pass (a multiply-add counts as two; linears and attention only).</summary>
    public static long Flops(LtxTransformerConfig config, long tokens, long textTokens)
    {
        long d = config.HiddenSize;
        long condition = 2 * (LtxTimestep.Frequencies * d + d * d + 6 * d * d) + 2 * textTokens * (config.CaptionChannels * d + d * d);
        return condition + config.NumLayers * LtxBlock.Flops(config, tokens, textTokens) + 2 * tokens * d * (config.InChannels + config.OutChannels);
    }

    private void Check(Tensor x, Tensor timestep, Tensor text, Tensor? textMask, Tensor coordinates)
    {
        var (b, s, c) = x.Dims3();
        if (c != Config.InChannels)
            throw new ShapeException($"LtxTransformer: expected tokens [B, S, {Config.InChannels}], got [{string.Join(", ", x.Shape)}].");
        if (timestep.Size(0) != b || !(timestep.Dim == 1 || (timestep.Dim == 2 && (timestep.Size(1) == s || timestep.Size(1) == 1))))
            throw new ShapeException($"LtxTransformer: expected timesteps [{b}] or [{b}, {s}], got [{string.Join(", ", timestep.Shape)}].");
        if (text.Dim != 3 || text.Size(0) != b || text.Size(2) != Config.CaptionChannels)
            throw new ShapeException($"LtxTransformer: expected text [{b}, K, {Config.CaptionChannels}], got [{string.Join(", ", text.Shape)}].");
        if (textMask is not null && (textMask.Dim != 2 || textMask.Size(0) != b || textMask.Size(1) != text.Size(1)))
            throw new ShapeException($"LtxTransformer: expected a text mask [{b}, {text.Size(1)}], got [{string.Join(", ", textMask.Shape)}].");
        if (coordinates.Dim != 2 || coordinates.Size(0) != s || coordinates.Size(1) != 3)
            throw new ShapeException($"LtxTransformer: expected coordinates [{s}, 3], got [{string.Join(", ", coordinates.Shape)}].");
    }

    private sealed class InputProjection : Module
    {
        private readonly Linear _linear;

        public InputProjection(ParameterPath path, int inFeatures, int outFeatures) : base(path) => _linear = new Linear(path, inFeatures, outFeatures);

        public Tensor Forward(Tensor x) => ForwardTrace.Report(this, _linear.Forward(x));
    }

    private sealed class TimeEmbed : Module
    {
        private readonly LtxTimestep _embedder;
        private readonly Linear _linear;

        public TimeEmbed(ParameterPath path, int dim) : base(path)
        {
            _embedder = new LtxTimestep(path["emb"]["timestep_embedder"], dim);
            _linear = new Linear(path["linear"], dim, 6 * dim);
        }

        public (Tensor Modulation, Tensor Embedded) Forward(Tensor t)                            // [N]
        {
            using var scope = TensorScope.Enter();
            var embedded = _embedder.Forward(t);
            return (scope.Keep(_linear.Forward(embedded.Silu()).To(DType.Float32)), scope.Keep(embedded)); // [N, 6D], [N, D]
        }
    }

    private sealed class CaptionProjection : Module
    {
        private readonly Linear _linear1, _linear2;

        public CaptionProjection(ParameterPath path, int captionDim, int dim) : base(path)
        {
            _linear1 = new Linear(path["linear_1"], captionDim, dim);
            _linear2 = new Linear(path["linear_2"], dim, dim);
        }

        public Tensor Forward(Tensor text)                                                       // [B, K, E]
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(ForwardTrace.Report(this, _linear2.Forward(F.GeluTanh(_linear1.Forward(text))))); // [B, K, D]
        }
    }
}

/// <summary>Timesteps as vectors: sinusoids of 256 frequencies through a two-layer perceptron, in float32 whatever surrounds it.</summary>
internal sealed class LtxTimestep : Module
{
    /// <summary>Width of the sinusoidal embedding.</summary>
    public const int Frequencies = 256;

    private readonly Linear _linear1, _linear2;

    public LtxTimestep(ParameterPath path, int dim) : base(path)
    {
        path = path.As(DType.Float32);
        _linear1 = new Linear(path["linear_1"], Frequencies, dim);
        _linear2 = new Linear(path["linear_2"], dim, dim);
    }

    public Tensor Forward(Tensor t)                                                              // [N] → [N, D]
    {
        using var scope = TensorScope.Enter();
        using var full = Autocast.Enter(null);
        return scope.Keep(_linear2.Forward(_linear1.Forward(SinusoidalEmbedding.Forward(t, Frequencies)).Silu()));
    }
}

/// <summary>One block of <see cref="LtxTransformer"/>: self-attention, cross-attention and a perceptron on the residual stream.</summary>
public sealed class LtxBlock : Module
{
    private const int MlpRatio = 4;
    private readonly double _eps;
    private readonly Attention _attn1, _attn2;
    private readonly Linear _ffIn, _ffOut;
    private readonly Tensor _scaleShiftTable;

    public LtxBlock(ParameterPath path, LtxTransformerConfig config) : base(path)
    {
        int d = config.HiddenSize;
        _eps = config.NormEps;
        _attn1 = new Attention(path["attn1"], config);
        _attn2 = new Attention(path["attn2"], config);
        _ffIn = new Linear(path["ff"]["net"][0]["proj"], d, MlpRatio * d);
        _ffOut = new Linear(path["ff"]["net"][2], MlpRatio * d, d);
        _scaleShiftTable = path.Create("scale_shift_table", [6, d], Init.Normal(1 / Math.Sqrt(d)), DType.Float32);
    }

    /// <summary>x += gate · selfAttention(modulate(norm(x)));  x += crossAttention(x);  x += gate · ff(modulate(norm(x))).</summary>
    /// <param name="x">Residual stream [B, S, D].</param>
    /// <param name="modulation">What the timestep says, [B, 1 or S, 6, D].</param>
    /// <param name="text">Text tokens [B, K, D].</param>
    /// <param name="textMask">Added to the scores, [B, 1, 1, K]; or null.</param>
    /// <param name="cos">Rotation of every token over the full width, [S, D/2].</param>
    /// <param name="sin">Likewise.</param>
    public Tensor Forward(Tensor x, Tensor modulation, Tensor text, Tensor? textMask, Tensor cos, Tensor sin)
    {
        using var scope = TensorScope.Enter();
        var parts = (modulation + _scaleShiftTable).Unbind(2);                                   // 6 × [B, 1 or S, D]
        var (shiftMsa, scaleMsa, gateMsa, shiftFf, scaleFf, gateFf) = (parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);
        x = x.Addcmul(gateMsa, _attn1.Forward(Modulate(x, shiftMsa, scaleMsa), null, null, cos, sin).To(DType.Float32));
        x = x + _attn2.Forward(x, text, textMask, null, null);
        var h = _ffOut.Forward(F.GeluTanh(_ffIn.Forward(Modulate(x, shiftFf, scaleFf))));
        return scope.Keep(ForwardTrace.Report(this, x.Addcmul(gateFf, h.To(DType.Float32))));    // [B, S, D]
    }

    /// <summary>Floating point operations for one sample (a multiply-add counts as two).</summary>
    public static long Flops(LtxTransformerConfig config, long tokens, long textTokens)
    {
        long d = config.HiddenSize;
        return 8 * tokens * d * d + 4 * tokens * tokens * d + 4 * tokens * d * d + 4 * textTokens * d * d + 4 * tokens * textTokens * d + 4 * tokens * d * MlpRatio * d;
    }

    private Tensor Modulate(Tensor x, Tensor shift, Tensor scale)
    {
        using var scope = TensorScope.Enter();
        var y = shift.Addcmul(F.RmsNorm(x, null, _eps), scale + 1);
        return scope.Keep(Autocast.Target is { } dtype ? y.To(dtype) : y);
    }

    // Queries and keys are normalized over all heads together and, among themselves, turned over the full width.
    private sealed class Attention : Module
    {
        private const double NormEps = 1e-5;
        private readonly int _numHeads;
        private readonly Linear _toQ, _toK, _toV, _toOut;
        private readonly Tensor _normQ, _normK;

        public Attention(ParameterPath path, LtxTransformerConfig config) : base(path)
        {
            int d = config.HiddenSize;
            _numHeads = config.NumAttentionHeads;
            _normQ = path["norm_q"].Create("weight", [d], Init.Ones, DType.Float32);
            _normK = path["norm_k"].Create("weight", [d], Init.Ones, DType.Float32);
            _toQ = new Linear(path["to_q"], d, d, config.AttentionBias);
            _toK = new Linear(path["to_k"], d, d, config.AttentionBias);
            _toV = new Linear(path["to_v"], d, d, config.AttentionBias);
            _toOut = new Linear(path["to_out"][0], d, d, config.AttentionOutBias);
        }

        public Tensor Forward(Tensor x, Tensor? context, Tensor? mask, Tensor? cos, Tensor? sin) // [B, S, D], [B, K, D]
        {
            using var scope = TensorScope.Enter();
            var (b, s, d) = x.Dims3();
            context ??= x;
            var q = Heads(Norm(_toQ.Forward(x), _normQ, cos, sin));
            var k = Heads(Norm(_toK.Forward(context), _normK, cos, sin));
            var h = F.ScaledDotProductAttention(q, k, Heads(_toV.Forward(context)), mask?.To(q.DType)); // [B, H, S, D/H]
            return scope.Keep(_toOut.Forward(h.Transpose(1, 2).Reshape(b, s, d)));
        }

        private static Tensor Norm(Tensor x, Tensor weight, Tensor? cos, Tensor? sin) => cos is null || sin is null
            ? F.RmsNorm(x, weight, NormEps)
            : F.QkNormRope(x.View(x.Size(0), x.Size(1), 1, x.Size(2)), weight, cos, sin, NormEps);

        private Tensor Heads(Tensor x) => x.View(x.Size(0), x.Size(1), _numHeads, -1).Transpose(1, 2); // [B, H, S, D/H]
    }
}

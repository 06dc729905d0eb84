using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.HunyuanVideo;

// HunyuanVideo's denoiser: text and video first in two streams that attend together, then in one.
// Paper: Kong et al., "HunyuanVideo: A Systematic Framework For Large Video Generative Models", arXiv:2412.03603, section 4.2.
// Parameter names follow huggingface/diffusers d035dcd7, models/transformers/transformer_hunyuan_video.py.
//
// Shapes    B batch  C latent channels  F,H,W latent frames, height, width  K text tokens  E text width  P width of the pooled text
//           V video tokens  L = V + K  D width  N heads
// Numerics  residual stream, norms and modulation are float32; linears and attention run in the autocast type.
public sealed class HunyuanVideoTransformer : Module
{
    private const int PhaseDim = 256;
    private const double NormEps = 1e-6;
    private readonly Conv3d _xEmbedder;
    private readonly TextRefiner _contextEmbedder;
    private readonly ConditionEmbedding _timeTextEmbed;
    private readonly DualBlock[] _dual;
    private readonly SingleBlock[] _single;
    private readonly Linear _normOut, _projOut;

    public HunyuanVideoTransformer(ParameterPath path, HunyuanVideoTransformerConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        var patch = new Size3(config.PatchSizeT, config.PatchSize, config.PatchSize);
        _xEmbedder = new Conv3d(path["x_embedder"]["proj"], config.InChannels, config.Dim, patch, patch);
        _contextEmbedder = new TextRefiner(path["context_embedder"], config);
        _timeTextEmbed = new ConditionEmbedding(path["time_text_embed"], config.Dim, config.PooledProjectionDim, config.GuidanceEmbeds);
        _dual = [.. Enumerable.Range(0, config.NumLayers).Select(i => new DualBlock(path["transformer_blocks"][i], config))];
        _single = [.. Enumerable.Range(0, config.NumSingleLayers).Select(i => new SingleBlock(path["single_transformer_blocks"][i], config))];
        _normOut = new Linear(path["norm_out"]["linear"], config.Dim, 2 * config.Dim);
        _projOut = new Linear(path["proj_out"], config.Dim, config.PatchSizeT * config.PatchSize * config.PatchSize * config.OutChannels);
    }

    public HunyuanVideoTransformerConfig Config { get; }

    /// <summary>The velocity of noisy latents, [B, C', F, H, W] in float32.</summary>
    /// <param name="x">Noisy latents, [B, C, F, H, W].</param>
    /// <param name="timestep">1000 · noise level, [B].</param>
    /// <param name="text">Token embeddings, [B, K, E].</param>
    /// <param name="mask">True at real tokens, [B, K], the first ones of every row.</param>
    /// <param name="pooled">One embedding of the whole prompt, [B, P].</param>
    /// <param name="guidance">1000 · guidance scale, [B]; null for a network without guidance input.</param>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, Tensor mask, Tensor pooled, Tensor? guidance)
    {
        using var scope = TensorScope.Enter();
        Check(x, text, mask, guidance);
        var (b, _, frames, height, width) = x.Dims5();
        int p = Config.PatchSize, t = Config.PatchSizeT;
        long f = frames / t, rows = height / p, columns = width / p;
        var (cos, sin) = Rotary(f, rows, columns, x.Device);                                     // [V, head/2]
        var condition = F.Silu(_timeTextEmbed.Forward(timestep, pooled, guidance));              // [B, D]
        var video = _xEmbedder.Forward(x).Flatten(2).Transpose(1, 2).To(DType.Float32);          // [B, V, D]
        var context = _contextEmbedder.Forward(text, timestep, mask);                            // [B, K, D]
        var keys = Tensor.Cat([Tensor.Ones([b, video.Size(1)], DType.Bool, x.Device), mask], 1).Unsqueeze(1).Unsqueeze(1); // [B, 1, 1, L]
        foreach (var block in _dual) (video, context) = block.Forward(video, context, condition, keys, cos, sin);
        var all = Tensor.Cat([video, context], 1);                                               // [B, L, D]
        foreach (var block in _single) all = block.Forward(all, (int)context.Size(1), condition, keys, cos, sin);
        var (scale, shift) = _normOut.Forward(condition).To(DType.Float32).Chunk2(1);
        var h = _projOut.Forward(F.LayerNormModulate(all.Narrow(1, 0, video.Size(1)), shift, scale, NormEps)).To(DType.Float32);
        return scope.Keep(h.Reshape(b, f, rows, columns, Config.OutChannels, t, p, p).Permute(0, 4, 1, 5, 2, 6, 3, 7).Reshape(b, Config.OutChannels, frames, height, width));
    }

    private (Tensor Cos, Tensor Sin) Rotary(long frames, long rows, long columns, Device device)
    {
        var half = Config.AttentionHeadDim / 2;
        float[] cos = new float[frames * rows * columns * half], sin = new float[cos.Length];
        var at = 0;
        for (long i = 0; i < frames; i++)
        for (long j = 0; j < rows; j++)
        for (long k = 0; k < columns; k++)
        {
            Turn(i, Config.RopeAxesDim[0]);
            Turn(j, Config.RopeAxesDim[1]);
            Turn(k, Config.RopeAxesDim[2]);
        }
        return (Tensor.FromArray(cos, cos.Length / half, half).To(device), Tensor.FromArray(sin, sin.Length / half, half).To(device));

        void Turn(long position, int dims)
        {
            for (var c = 0; c < dims / 2; c++, at++)
            {
                var angle = position * Math.Pow(Config.RopeTheta, -2.0 * c / dims);
                (cos[at], sin[at]) = ((float)Math.Cos(angle), (float)Math.Sin(angle));
            }
        }
    }

    private void Check(Tensor x, Tensor text, Tensor mask, Tensor? guidance)
    {
        int p = Config.PatchSize, t = Config.PatchSizeT;
        if (x.Dim != 5 || x.Size(1) != Config.InChannels || x.Size(2) % t != 0 || x.Size(3) % p != 0 || x.Size(4) % p != 0)
            throw new ShapeException($"HunyuanVideoTransformer: expected latents [B, {Config.InChannels}, {t}k, {p}m, {p}n], got {x}.");
        if (text.Dim != 3 || text.Size(2) != Config.TextEmbedDim || mask.DType != DType.Bool || mask.Dim != 2 || mask.Size(1) != text.Size(1))
            throw new ShapeException($"HunyuanVideoTransformer: expected text [B, K, {Config.TextEmbedDim}] and a boolean mask [B, K], got {text} and {mask}.");
        if (guidance is null == Config.GuidanceEmbeds)
            throw new ShapeException($"HunyuanVideoTransformer: {(guidance is null ? "this network needs a guidance scale [B]" : "a guidance scale was given, this network has no input for it")} (`guidance_embeds`).");
    }

    /// <summary>Time, pooled text and guidance as one vector.</summary>
    private sealed class ConditionEmbedding : Module
    {
        private readonly TimestepEmbedding _timestepEmbedder;
        private readonly TimestepEmbedding? _guidanceEmbedder;
        private readonly Linear _linear1, _linear2;

        public ConditionEmbedding(ParameterPath path, int dim, int pooledDim, bool guidance) : base(path)
        {
            _timestepEmbedder = new TimestepEmbedding(path["timestep_embedder"], PhaseDim, dim);
            _linear1 = new Linear(path["text_embedder"]["linear_1"], pooledDim, dim);
            _linear2 = new Linear(path["text_embedder"]["linear_2"], dim, dim);
            _guidanceEmbedder = guidance ? new TimestepEmbedding(path["guidance_embedder"], PhaseDim, dim) : null;
        }

        public Tensor Forward(Tensor timestep, Tensor pooled, Tensor? guidance)
        {
            using var scope = TensorScope.Enter();
            var condition = _timestepEmbedder.Forward(Phases(timestep)) + _linear2.Forward(F.Silu(_linear1.Forward(pooled)));
            if (_guidanceEmbedder is not null) condition += _guidanceEmbedder.Forward(Phases(guidance!));
            return scope.Keep(condition.To(DType.Float32));                                      // [B, D]
        }

        private static Tensor Phases(Tensor t) => TimestepPhases.Forward(t, PhaseDim, flipSinToCos: true, freqShift: 0);
    }

    /// <summary>A small transformer that makes the language model's embeddings bidirectional.</summary>
    private sealed class TextRefiner : Module
    {
        private readonly ConditionEmbedding _timeTextEmbed;
        private readonly Linear _projIn;
        private readonly RefinerBlock[] _blocks;

        public TextRefiner(ParameterPath path, HunyuanVideoTransformerConfig config) : base(path)
        {
            _timeTextEmbed = new ConditionEmbedding(path["time_text_embed"], config.Dim, config.TextEmbedDim, guidance: false);
            _projIn = new Linear(path["proj_in"], config.TextEmbedDim, config.Dim);
            _blocks = [.. Enumerable.Range(0, config.NumRefinerLayers).Select(i => new RefinerBlock(path["token_refiner"]["refiner_blocks"][i], config))];
        }

        public Tensor Forward(Tensor text, Tensor timestep, Tensor mask)                         // [B, K, E]
        {
            using var scope = TensorScope.Enter();
            var real = mask.To(DType.Float32).Unsqueeze(2);                                      // [B, K, 1]
            var mean = (text.To(DType.Float32) * real).Sum([1]) / real.Sum([1]);
            var condition = F.Silu(_timeTextEmbed.Forward(timestep, mean, null));
            var x = _projIn.Forward(text).To(DType.Float32);                                     // [B, K, D]
            // Real tokens see real tokens; every token sees the first, so that no row is empty.
            var first = Tensor.Arange(0, mask.Size(1), device: mask.Device).Eq(0).View(1, 1, 1, -1);
            var pairs = mask.Unsqueeze(1).Unsqueeze(1).LogicalAnd(mask.Unsqueeze(1).Unsqueeze(3)).LogicalOr(first); // [B, 1, K, K]
            foreach (var block in _blocks) x = block.Forward(x, condition, pairs);
            return scope.Keep(x);
        }
    }

    private sealed class RefinerBlock : Module
    {
        private readonly int _numHeads;
        private readonly LayerNorm _norm1, _norm2;
        private readonly Linear _toQ, _toK, _toV, _toOut, _ffIn, _ffOut, _gates;

        public RefinerBlock(ParameterPath path, HunyuanVideoTransformerConfig config) : base(path)
        {
            int d = config.Dim, hidden = config.HiddenDim;
            _numHeads = config.NumAttentionHeads;
            _norm1 = new LayerNorm(path["norm1"], d, NormEps);
            _toQ = new Linear(path["attn"]["to_q"], d, d);
            _toK = new Linear(path["attn"]["to_k"], d, d);
            _toV = new Linear(path["attn"]["to_v"], d, d);
            _toOut = new Linear(path["attn"]["to_out"][0], d, d);
            _norm2 = new LayerNorm(path["norm2"], d, NormEps);
            _ffIn = new Linear(path["ff"]["net"][0]["proj"], d, hidden);
            _ffOut = new Linear(path["ff"]["net"][2], hidden, d);
            _gates = new Linear(path["norm_out"]["linear"], d, 2 * d);
        }

        public Tensor Forward(Tensor x, Tensor condition, Tensor pairs)                          // [B, K, D]
        {
            using var scope = TensorScope.Enter();
            var (b, k, d) = x.Dims3();
            var (gateMsa, gateMlp) = _gates.Forward(condition).To(DType.Float32).Chunk2(1);
            var h = _norm1.Forward(x);
            var q = _toQ.Forward(h).View(b, k, _numHeads, -1).Transpose(1, 2);
            var key = _toK.Forward(h).View(b, k, _numHeads, -1).Transpose(1, 2);
            var v = _toV.Forward(h).View(b, k, _numHeads, -1).Transpose(1, 2);
            var attended = F.ScaledDotProductAttention(q, key, v, pairs).Transpose(1, 2).Reshape(b, k, d);
            x = F.GatedResidual(x, gateMsa, _toOut.Forward(attended));
            return scope.Keep(F.GatedResidual(x, gateMlp, _ffOut.Forward(F.Silu(_ffIn.Forward(_norm2.Forward(x))))));
        }
    }

    private sealed class DualBlock : Module
    {
        private readonly Stream _video, _context;

        public DualBlock(ParameterPath path, HunyuanVideoTransformerConfig config) : base(path)
        {
            var attn = path["attn"];
            _video = new Stream(path, config, path["norm1"], attn["to_q"], attn["to_k"], attn["to_v"], attn["norm_q"], attn["norm_k"], attn["to_out"][0], path["ff"]);
            _context = new Stream(path, config, path["norm1_context"], attn["add_q_proj"], attn["add_k_proj"], attn["add_v_proj"], attn["norm_added_q"], attn["norm_added_k"], attn["to_add_out"], path["ff_context"]);
        }

        public (Tensor Video, Tensor Context) Forward(Tensor video, Tensor context, Tensor condition, Tensor keys, Tensor cos, Tensor sin)
        {
            using var scope = TensorScope.Enter();
            var (qv, kv, vv, videoGates) = _video.Begin(video, condition, (cos, sin));
            var (qc, kc, vc, contextGates) = _context.Begin(context, condition, null);
            var q = Tensor.Cat([qv, qc], 1).Transpose(1, 2);                                     // [B, N, L, D/N]
            var h = F.ScaledDotProductAttention(q, Tensor.Cat([kv, kc], 1).Transpose(1, 2), Tensor.Cat([vv, vc], 1).Transpose(1, 2), keys).Transpose(1, 2);
            var count = video.Size(1);
            return (scope.Keep(_video.End(video, h.Narrow(1, 0, count), videoGates)), scope.Keep(_context.End(context, h.Narrow(1, count, context.Size(1)), contextGates)));
        }
    }

    /// <summary>One of the two streams: what stands before and after the attention they share.</summary>
    private sealed class Stream : Module
    {
        private readonly int _numHeads;
        private readonly Linear _modulation, _toQ, _toK, _toV, _toOut, _ffIn, _ffOut;
        private readonly Tensor _normQ, _normK;

        public Stream(ParameterPath path, HunyuanVideoTransformerConfig config, ParameterPath norm, ParameterPath q, ParameterPath k, ParameterPath v, ParameterPath normQ, ParameterPath normK, ParameterPath toOut, ParameterPath ff) : base(path)
        {
            int d = config.Dim;
            _numHeads = config.NumAttentionHeads;
            _modulation = new Linear(norm["linear"], d, 6 * d);
            _toQ = new Linear(q, d, d);
            _toK = new Linear(k, d, d);
            _toV = new Linear(v, d, d);
            _normQ = normQ.Create("weight", [config.AttentionHeadDim], Init.Ones);
            _normK = normK.Create("weight", [config.AttentionHeadDim], Init.Ones);
            _toOut = new Linear(toOut, d, d);
            _ffIn = new Linear(ff["net"][0]["proj"], d, config.HiddenDim);
            _ffOut = new Linear(ff["net"][2], config.HiddenDim, d);
        }

        public (Tensor Q, Tensor K, Tensor V, Gates Gates) Begin(Tensor x, Tensor condition, (Tensor Cos, Tensor Sin)? rotary)
        {
            using var scope = TensorScope.Enter();
            var (b, l, _) = x.Dims3();
            var (shiftMsa, scaleMsa, gateMsa, shiftMlp, scaleMlp, gateMlp) = _modulation.Forward(condition).To(DType.Float32).Chunk6(1);
            var h = F.LayerNormModulate(x, shiftMsa, scaleMsa, NormEps);
            var q = Turned(_toQ.Forward(h).View(b, l, _numHeads, -1), _normQ, rotary);           // [B, L, N, D/N]
            var k = Turned(_toK.Forward(h).View(b, l, _numHeads, -1), _normK, rotary);
            var v = _toV.Forward(h).View(b, l, _numHeads, -1);
            scope.Keep(q, k, v, gateMsa, shiftMlp, scaleMlp, gateMlp);
            return (q, k, v, new Gates(gateMsa, shiftMlp, scaleMlp, gateMlp));
        }

        public Tensor End(Tensor x, Tensor h, Gates gates)                                       // h [B, L, N, D/N]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            x = F.GatedResidual(x, gates.Msa, _toOut.Forward(h.Reshape(b, l, d)));
            var mlp = _ffOut.Forward(F.GeluTanh(_ffIn.Forward(F.LayerNormModulate(x, gates.ShiftMlp, gates.ScaleMlp, NormEps))));
            return scope.Keep(F.GatedResidual(x, gates.Mlp, mlp));
        }

        public sealed record Gates(Tensor Msa, Tensor ShiftMlp, Tensor ScaleMlp, Tensor Mlp);
    }

    private sealed class SingleBlock : Module
    {
        private readonly int _numHeads;
        private readonly Linear _modulation, _toQ, _toK, _toV, _projMlp, _projOut;
        private readonly Tensor _normQ, _normK;

        public SingleBlock(ParameterPath path, HunyuanVideoTransformerConfig config) : base(path)
        {
            int d = config.Dim;
            var attn = path["attn"];
            _numHeads = config.NumAttentionHeads;
            _normQ = attn["norm_q"].Create("weight", [config.AttentionHeadDim], Init.Ones);
            _normK = attn["norm_k"].Create("weight", [config.AttentionHeadDim], Init.Ones);
            _toQ = new Linear(attn["to_q"], d, d);
            _toK = new Linear(attn["to_k"], d, d);
            _toV = new Linear(attn["to_v"], d, d);
            _modulation = new Linear(path["norm"]["linear"], d, 3 * d);
            _projMlp = new Linear(path["proj_mlp"], d, config.HiddenDim);
            _projOut = new Linear(path["proj_out"], d + config.HiddenDim, d);
        }

        public Tensor Forward(Tensor x, int contextTokens, Tensor condition, Tensor keys, Tensor cos, Tensor sin) // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            var (shift, scale, gate) = _modulation.Forward(condition).To(DType.Float32).Chunk3(1);
            var h = F.LayerNormModulate(x, shift, scale, NormEps);
            var q = VideoTurned(_toQ.Forward(h).View(b, l, _numHeads, -1), _normQ, contextTokens, cos, sin);
            var k = VideoTurned(_toK.Forward(h).View(b, l, _numHeads, -1), _normK, contextTokens, cos, sin);
            var v = _toV.Forward(h).View(b, l, _numHeads, -1);
            var attended = F.ScaledDotProductAttention(q.Transpose(1, 2), k.Transpose(1, 2), v.Transpose(1, 2), keys).Transpose(1, 2).Reshape(b, l, d);
            var mlp = F.GeluTanh(_projMlp.Forward(h));
            return scope.Keep(F.GatedResidual(x, gate, _projOut.Forward(Tensor.Cat([attended.To(mlp.DType), mlp], 2))));
        }

        // Video tokens come first; text tokens behind them are normed and not turned.
        private static Tensor VideoTurned(Tensor x, Tensor weight, int contextTokens, Tensor cos, Tensor sin)
        {
            using var scope = TensorScope.Enter();
            var count = x.Size(1) - contextTokens;
            return scope.Keep(Tensor.Cat([Turned(x.Narrow(1, 0, count), weight, (cos, sin)), Turned(x.Narrow(1, count, contextTokens), weight, null)], 1));
        }
    }

    private static Tensor Turned(Tensor x, Tensor weight, (Tensor Cos, Tensor Sin)? rotary) =>
        rotary is (var cos, var sin) ? F.QkNormRope(x, weight, cos, sin, NormEps) : F.RmsNorm(x, weight, NormEps);
}

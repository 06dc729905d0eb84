using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Mochi;

// Mochi 1's denoiser: a wide stream for video and a narrow one for text that attend together, with learned rotations.
// Source: genmo, "Mochi 1", github.com/genmoai/mochi (asymmetric diffusion transformer).
// Parameter names follow huggingface/diffusers 03002a91, models/transformers/transformer_mochi.py.
//
// Shapes    B batch  C latent channels  F,H,W latent frames, height, width  K text tokens  E text width  T width of the text's stream
//           V video tokens  L = V + K  D width of the video's stream  N heads  h = D / N
// Numerics  residual streams, norms, modulation and rotation are float32; linears and attention run in the autocast type.
public sealed class MochiTransformer : Module
{
    internal const int PoolHeads = 8;
    private const double NormEps = 1e-6, HeadNormEps = 1e-5;

    /// <summary>Positions are spread so that a frame covers this many units of area, whatever its size.</summary>
    private const double PositionArea = 192 * 192;

    private readonly Tensor _posFrequencies;
    private readonly Conv2d _patchEmbed;
    private readonly TimestepEmbedding _timestepEmbedder;
    private readonly AttentionPool _pooler;
    private readonly Linear _captionProj, _normOut, _projOut;
    private readonly Block[] _blocks;

    public MochiTransformer(ParameterPath path, MochiTransformerConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        int d = config.Dim, p = config.PatchSize;
        _patchEmbed = new Conv2d(path["patch_embed"]["proj"], config.InChannels, d, p, p);
        var time = path["time_embed"];
        _timestepEmbedder = new TimestepEmbedding(time["timestep_embedder"], config.TimeEmbedDim, d);
        _pooler = new AttentionPool(time["pooler"], config.TextEmbedDim, d);
        _captionProj = new Linear(time["caption_proj"], config.TextEmbedDim, config.PooledProjectionDim);
        _posFrequencies = path.Create("pos_frequencies", [3, config.NumAttentionHeads, config.AttentionHeadDim / 2], Init.Normal(1));
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(i => new Block(path["transformer_blocks"][i], config, isLast: i == config.NumLayers - 1))];
        _normOut = new Linear(path["norm_out"]["linear"], d, 2 * d);
        _projOut = new Linear(path["proj_out"], d, p * p * (config.OutChannels ?? config.InChannels));
    }

    public MochiTransformerConfig Config { get; }

    /// <summary>The velocity of noisy latents, [B, C', F, H, W] in float32.</summary>
    /// <param name="x">Noisy latents, [B, C, F, H, W]; H and W multiples of the patch.</param>
    /// <param name="timestep">1000 · (1 − noise level), [B].</param>
    /// <param name="text">Token embeddings, [B, K, E].</param>
    /// <param name="mask">True at real tokens, [B, K].</param>
    public Tensor Forward(Tensor x, Tensor timestep, Tensor text, Tensor mask)
    {
        using var scope = TensorScope.Enter();
        int p = Config.PatchSize, channels = Config.OutChannels ?? Config.InChannels;
        if (x.Dim != 5 || x.Size(1) != Config.InChannels || x.Size(3) % p != 0 || x.Size(4) % p != 0)
            throw new ShapeException($"MochiTransformer: expected latents [B, {Config.InChannels}, F, {p}m, {p}n], got {x}.");
        if (text.Dim != 3 || text.Size(2) != Config.TextEmbedDim || mask.Dim != 2 || mask.DType != DType.Bool || mask.Size(1) != text.Size(1))
            throw new ShapeException($"MochiTransformer: expected text [B, K, {Config.TextEmbedDim}] and a boolean mask [B, K], got {text} and {mask}.");
        var (b, c, frames, height, width) = x.Dims5();
        long rows = height / p, columns = width / p;
        var phases = TimestepPhases.Forward(timestep, Config.TimeEmbedDim, flipSinToCos: true, freqShift: 0);
        var condition = F.Silu((_timestepEmbedder.Forward(phases) + _pooler.Forward(text, mask)).To(DType.Float32)); // [B, D]
        var context = _captionProj.Forward(text).To(DType.Float32);                              // [B, K, T]
        var patches = _patchEmbed.Forward(x.Transpose(1, 2).Reshape(b * frames, c, height, width)); // [B · F, D, H/p, W/p]
        var video = patches.Flatten(2).Transpose(1, 2).Reshape(b, frames * rows * columns, Config.Dim).To(DType.Float32);
        var angles = Tensor.Einsum("nd,dhf->nhf", Positions(frames, rows, columns).To(x.Device), _posFrequencies.To(DType.Float32)); // [V, N, h/2]
        Tensor cos = angles.Cos(), sin = angles.Sin();
        var keys = Tensor.Cat([Tensor.Ones([b, video.Size(1)], DType.Bool, x.Device), mask], 1).Unsqueeze(1).Unsqueeze(1); // [B, 1, 1, L]
        foreach (var block in _blocks) (video, context) = block.Forward(video, context, condition, keys, cos, sin);
        var (scale, shift) = _normOut.Forward(condition).To(DType.Float32).Chunk2(1);
        var h = _projOut.Forward(F.LayerNormModulate(video, shift, scale, NormEps)).To(DType.Float32);
        return scope.Keep(h.Reshape(b, frames, rows, columns, p, p, channels).Permute(0, 6, 1, 2, 4, 3, 5).Reshape(b, channels, frames, height, width));
    }

    // Frame number, and row and column about the center, [V, 3].
    private static Tensor Positions(long frames, long rows, long columns)
    {
        var scale = Math.Sqrt(PositionArea / (rows * columns));
        var values = new float[frames * rows * columns * 3];
        var at = 0;
        for (long i = 0; i < frames; i++)
        for (long j = 0; j < rows; j++)
        for (long k = 0; k < columns; k++)
        {
            values[at++] = i;
            values[at++] = (float)((j + 0.5 - rows / 2.0) * scale);
            values[at++] = (float)((k + 0.5 - columns / 2.0) * scale);
        }
        return Tensor.FromArray(values, values.Length / 3, 3);
    }

    /// <summary>One vector of a prompt: attention from the mean of its tokens to the mean and the tokens.</summary>
    private sealed class AttentionPool : Module
    {
        private readonly Linear _toKv, _toQ, _toOut;

        public AttentionPool(ParameterPath path, int dim, int outDim) : base(path)
        {
            _toKv = new Linear(path["to_kv"], dim, 2 * dim);
            _toQ = new Linear(path["to_q"], dim, dim);
            _toOut = new Linear(path["to_out"], dim, outDim);
        }

        public Tensor Forward(Tensor text, Tensor mask)                                          // [B, K, E]
        {
            using var scope = TensorScope.Enter();
            var (b, k, e) = text.Dims3();
            var real = mask.To(DType.Float32).Unsqueeze(2);
            var mean = (text.To(DType.Float32) * real).Sum([1], keepDim: true) / real.Sum([1], keepDim: true).Clamp(min: 1); // [B, 1, E]
            var x = Tensor.Cat([mean, text.To(DType.Float32)], 1);
            var (key, value) = _toKv.Forward(x).Chunk2(2);
            var q = _toQ.Forward(mean).View(b, 1, PoolHeads, -1).Transpose(1, 2);                // [B, 8, 1, E/8]
            var seen = Tensor.Cat([Tensor.Ones([b, 1], DType.Bool, mask.Device), mask], 1).View(b, 1, 1, k + 1);
            var h = F.ScaledDotProductAttention(q, Heads(key), Heads(value), seen);
            return scope.Keep(_toOut.Forward(h.Reshape(b, e)));                                  // [B, D]

            Tensor Heads(Tensor t) => t.Reshape(b, k + 1, PoolHeads, -1).Transpose(1, 2);
        }
    }

    private sealed class Block : Module
    {
        private readonly Linear _norm1, _norm1Context;
        private readonly Attention _attn1;
        private readonly SwiGlu _ff;
        private readonly SwiGlu? _ffContext;

        public Block(ParameterPath path, MochiTransformerConfig config, bool isLast) : base(path)
        {
            int d = config.Dim, t = config.PooledProjectionDim;
            _norm1 = new Linear(path["norm1"]["linear"], d, 4 * d);
            // The last block's text goes nowhere: it is only read.
            _norm1Context = isLast ? new Linear(path["norm1_context"]["linear_1"], d, t) : new Linear(path["norm1_context"]["linear"], d, 4 * t);
            _attn1 = new Attention(path["attn1"], config, isLast);
            _ff = new SwiGlu(path["ff"], d);
            _ffContext = isLast ? null : new SwiGlu(path["ff_context"], t);
        }

        public (Tensor Video, Tensor Context) Forward(Tensor video, Tensor context, Tensor condition, Tensor keys, Tensor cos, Tensor sin)
        {
            using var scope = TensorScope.Enter();
            var (scaleMsa, gateMsa, scaleMlp, gateMlp) = Chunk4(_norm1.Forward(condition));
            var contextParts = _norm1Context.Forward(condition);
            var readScale = _ffContext is null ? contextParts.To(DType.Float32).Unsqueeze(1) : Chunk4(contextParts).Item1;
            var (h, hContext) = _attn1.Forward(Norm(video, scaleMsa + 1), Norm(context, readScale + 1), keys, cos, sin);
            video += Norm(h, gateMsa.Tanh());
            video += Norm(_ff.Forward(Norm(video, scaleMlp + 1)), gateMlp.Tanh());
            if (_ffContext is null) return (scope.Keep(video), context);
            var (_, contextGateMsa, contextScaleMlp, contextGateMlp) = Chunk4(contextParts);
            context += Norm(hContext!, contextGateMsa.Tanh());
            context += Norm(_ffContext.Forward(Norm(context, contextScaleMlp + 1)), contextGateMlp.Tanh());
            return (scope.Keep(video), scope.Keep(context));
        }

        // x / √(mean(x²) + ε) · scale in float32: [B, R, D], [B, 1, D]
        private static Tensor Norm(Tensor x, Tensor scale) => F.RmsNorm(x.To(DType.Float32), null, NormEps) * scale;

        private static (Tensor, Tensor, Tensor, Tensor) Chunk4(Tensor x)
        {
            var parts = x.To(DType.Float32).Unsqueeze(1).Chunk(4, 2);
            return (parts[0], parts[1], parts[2], parts[3]);
        }
    }

    private sealed class Attention : Module
    {
        private readonly int _numHeads;
        private readonly Linear _toQ, _toK, _toV, _addQProj, _addKProj, _addVProj, _toOut;
        private readonly Linear? _toAddOut;
        private readonly Tensor _normQ, _normK, _normAddedQ, _normAddedK;

        public Attention(ParameterPath path, MochiTransformerConfig config, bool isLast) : base(path)
        {
            int d = config.Dim, t = config.PooledProjectionDim;
            _numHeads = config.NumAttentionHeads;
            _normQ = path["norm_q"].Create("weight", [config.AttentionHeadDim], Init.Ones);
            _normK = path["norm_k"].Create("weight", [config.AttentionHeadDim], Init.Ones);
            _normAddedQ = path["norm_added_q"].Create("weight", [config.AttentionHeadDim], Init.Ones);
            _normAddedK = path["norm_added_k"].Create("weight", [config.AttentionHeadDim], Init.Ones);
            _toQ = new Linear(path["to_q"], d, d, bias: false);
            _toK = new Linear(path["to_k"], d, d, bias: false);
            _toV = new Linear(path["to_v"], d, d, bias: false);
            _addKProj = new Linear(path["add_k_proj"], t, d, bias: false);
            _addVProj = new Linear(path["add_v_proj"], t, d, bias: false);
            _addQProj = new Linear(path["add_q_proj"], t, d, bias: false);
            _toOut = new Linear(path["to_out"][0], d, d);
            _toAddOut = isLast ? null : new Linear(path["to_add_out"], d, t);
        }

        public (Tensor Video, Tensor? Context) Forward(Tensor video, Tensor context, Tensor keys, Tensor cos, Tensor sin) // [B, V, D], [B, K, T]
        {
            using var scope = TensorScope.Enter();
            var (b, v, d) = video.Dims3();
            var k = context.Size(1);
            var q = Tensor.Cat([Turn(F.RmsNorm(Heads(_toQ.Forward(video)), _normQ, HeadNormEps), cos, sin), F.RmsNorm(Heads(_addQProj.Forward(context)), _normAddedQ, HeadNormEps)], 1);
            var key = Tensor.Cat([Turn(F.RmsNorm(Heads(_toK.Forward(video)), _normK, HeadNormEps), cos, sin), F.RmsNorm(Heads(_addKProj.Forward(context)), _normAddedK, HeadNormEps)], 1);
            var value = Tensor.Cat([Heads(_toV.Forward(video)), Heads(_addVProj.Forward(context))], 1); // [B, L, N, h]
            var h = F.ScaledDotProductAttention(q.Transpose(1, 2), key.Transpose(1, 2), value.Transpose(1, 2), keys).Transpose(1, 2).Reshape(b, v + k, d);
            var outVideo = scope.Keep(_toOut.Forward(h.Narrow(1, 0, v)));
            return (outVideo, _toAddOut is null ? null : scope.Keep(_toAddOut.Forward(h.Narrow(1, v, k))));
        }

        private Tensor Heads(Tensor x) => x.View(x.Size(0), x.Size(1), _numHeads, -1);

        // Every head turns by angles of its own: x [B, V, N, h], cos and sin [V, N, h/2].
        private static Tensor Turn(Tensor x, Tensor cos, Tensor sin)
        {
            using var scope = TensorScope.Enter();
            var (b, v, n, d) = x.Dims4();
            var pairs = x.To(DType.Float32).Reshape(b, v, n, d / 2, 2);
            Tensor even = pairs.Select(-1, 0), odd = pairs.Select(-1, 1);
            return scope.Keep(Tensor.Stack([even * cos - odd * sin, even * sin + odd * cos], -1).Reshape(b, v, n, d).To(x.DType));
        }
    }

    /// <summary>W₂(a · silu(g)), a and g the halves of W₁x; without biases.</summary>
    private sealed class SwiGlu : Module
    {
        private readonly Linear _proj, _out;

        public SwiGlu(ParameterPath path, int dim) : base(path)
        {
            var hidden = 4 * dim * 2 / 3;
            _proj = new Linear(path["net"][0]["proj"], dim, 2 * hidden, bias: false);
            _out = new Linear(path["net"][2], hidden, dim, bias: false);
        }

        public Tensor Forward(Tensor x)
        {
            using var scope = TensorScope.Enter();
            var (value, gate) = _proj.Forward(x).Chunk2(-1);
            return scope.Keep(_out.Forward(value * F.Silu(gate)));
        }
    }
}

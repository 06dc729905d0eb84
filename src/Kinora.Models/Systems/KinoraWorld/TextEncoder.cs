using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.KinoraWorld;

// A bidirectional pre-norm transformer over prompt tokens.
// Papers: Vaswani et al., arXiv:1706.03762, section 3; Xiong et al., "On Layer Normalization in the Transformer Architecture",
// arXiv:2002.04745 (norm before each branch). Parameter names follow transformers' CLIPTextModel where a part is the same.
//
// Shapes    B batch  K tokens  E width  H heads
// Numerics  residual stream and norms are float32; linears and attention run in the autocast type; the output is float32.
public sealed class TextEncoder : Module
{
    private const double EmbeddingStd = 0.02;
    private readonly Embedding _tokenEmbedding;
    private readonly Tensor _positionEmbedding;
    private readonly Layer[] _layers;
    private readonly LayerNorm _finalLayerNorm;

    public TextEncoder(ParameterPath path, TextEncoderConfig config) : base(path)
    {
        config.Validate();
        Config = config;
        _tokenEmbedding = new Embedding(path["embeddings"]["token_embedding"], config.VocabSize, config.HiddenSize, Init.Normal(EmbeddingStd));
        _positionEmbedding = path["embeddings"]["position_embedding"].Create("weight", [config.MaxPositionEmbeddings, config.HiddenSize], Init.Normal(EmbeddingStd));
        _layers = [.. Enumerable.Range(0, config.NumHiddenLayers).Select(i => new Layer(path["layers"][i], config))];
        _finalLayerNorm = new LayerNorm(path["final_layer_norm"], config.HiddenSize, config.LayerNormEps);
    }

    public TextEncoderConfig Config { get; }

    /// <summary>One vector for each token, [B, K, E] in float32. Vectors at padding positions are finite and meaningless.</summary>
    /// <param name="ids">Token ids, int64 [B, K], K at most the configured maximum.</param>
    /// <param name="mask">True at real tokens, [B, K]; at least one in every row.</param>
    public Tensor Forward(Tensor ids, Tensor mask)
    {
        using var scope = TensorScope.Enter();
        Check(ids, mask);
        var k = (int)ids.Size(1);
        var x = (_tokenEmbedding.Forward(ids) + _positionEmbedding.Narrow(0, 0, k)).To(DType.Float32); // [B, K, E]
        var keys = mask.Unsqueeze(1).Unsqueeze(1);                                               // [B, 1, 1, K]
        foreach (var layer in _layers) x = layer.Forward(x, keys);
        return scope.Keep(_finalLayerNorm.Forward(x));
    }

    /// <summary>Floating point operations for one prompt of <paramref name="tokens"/> tokens (a multiply-add counts as two).</summary>
    public static long Flops(TextEncoderConfig config, int tokens)
    {
        long k = tokens, e = config.HiddenSize;
        return config.NumHiddenLayers * (8 * k * e * e + 4 * k * k * e + FeedForward.Flops(k, e, config.IntermediateSize));
    }

    private void Check(Tensor ids, Tensor mask)
    {
        if (ids.Dim != 2 || ids.Size(1) > Config.MaxPositionEmbeddings || ids.DType != DType.Int64)
            throw new ShapeException($"TextEncoder: expected int64 ids [B, K] with K ≤ {Config.MaxPositionEmbeddings}, got {ids}.");
        if (mask.Dim != 2 || mask.Size(0) != ids.Size(0) || mask.Size(1) != ids.Size(1) || mask.DType != DType.Bool)
            throw new ShapeException($"TextEncoder: expected a boolean mask of the ids' shape [{string.Join(", ", ids.Shape)}], got {mask}.");
    }

    private sealed class Layer : Module
    {
        private readonly int _numHeads;
        private readonly LayerNorm _layerNorm1, _layerNorm2;
        private readonly Linear _qProj, _kProj, _vProj, _outProj;
        private readonly FeedForward _mlp;

        public Layer(ParameterPath path, TextEncoderConfig config) : base(path)
        {
            int e = config.HiddenSize;
            _numHeads = config.NumAttentionHeads;
            _layerNorm1 = new LayerNorm(path["layer_norm1"], e, config.LayerNormEps);
            var attention = path["self_attn"];
            _qProj = new Linear(attention["q_proj"], e, e, init: Init.XavierUniform);
            _kProj = new Linear(attention["k_proj"], e, e, init: Init.XavierUniform);
            _vProj = new Linear(attention["v_proj"], e, e, init: Init.XavierUniform);
            _outProj = new Linear(attention["out_proj"], e, e, init: Init.XavierUniform);
            _layerNorm2 = new LayerNorm(path["layer_norm2"], e, config.LayerNormEps);
            _mlp = new FeedForward(path["mlp"], e, config.IntermediateSize);
        }

        public Tensor Forward(Tensor x, Tensor keys)                                             // [B, K, E]
        {
            using var scope = TensorScope.Enter();
            x = x + Attend(_layerNorm1.Forward(x), keys);
            return scope.Keep(x + _mlp.Forward(_layerNorm2.Forward(x)));
        }

        private Tensor Attend(Tensor x, Tensor keys)
        {
            using var scope = TensorScope.Enter();
            var (b, k, e) = x.Dims3();
            var q = _qProj.Forward(x).View(b, k, _numHeads, -1).Transpose(1, 2);                 // [B, H, K, E/H]
            var key = _kProj.Forward(x).View(b, k, _numHeads, -1).Transpose(1, 2);
            var v = _vProj.Forward(x).View(b, k, _numHeads, -1).Transpose(1, 2);
            var h = F.ScaledDotProductAttention(q, key, v, keys).Transpose(1, 2).Reshape(b, k, e);
            return scope.Keep(_outProj.Forward(h));
        }
    }
}

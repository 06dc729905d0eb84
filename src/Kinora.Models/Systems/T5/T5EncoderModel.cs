using Kinora.Engine;
using Kinora.Engine.Checkpoints;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.T5;

// The encoder of T5 1.0, T5 1.1 and umT5: bidirectional, positions only as biases of attention, no scale of the scores, no other biases.
// Papers: Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer", arXiv:1910.10683, section 2.1;
// Shazeer, "GLU Variants Improve Transformer", arXiv:2002.05202 (1.1); Chung et al., "UniMax", arXiv:2304.09151 (umT5).
// Parameter names follow huggingface/transformers d6751d91, models/t5/modeling_t5.py and models/umt5/modeling_umt5.py.
//
// Shapes    B batch  K tokens  D width  H heads  E width of a head
// Numerics  residual stream, norms, position biases and softmax are float32; the rest runs in the autocast type, or in the type of the weights.
public sealed class T5EncoderModel : Module
{
    private readonly Embedding _shared;
    private readonly Block[] _blocks;
    private readonly RmsNorm _finalLayerNorm;

    public T5EncoderModel(ParameterPath path, T5Config config) : base(path)
    {
        config.Validate();
        Config = config;
        _shared = new Embedding(path["shared"], config.VocabSize, config.DModel, Init.Normal(1));
        var encoder = path["encoder"];
        _blocks = [.. Enumerable.Range(0, config.NumLayers).Select(i => new Block(encoder["block"][i]["layer"], config, hasBias: i == 0 || config.HasBiasPerLayer))];
        _finalLayerNorm = new RmsNorm(encoder["final_layer_norm"], config.DModel, config.LayerNormEpsilon);
    }

    public T5Config Config { get; }

    /// <summary>One vector for each token, [B, K, D] in float32.</summary>
    /// <param name="ids">Token ids, int64 [B, K].</param>
    /// <param name="mask">True at tokens that may be seen, [B, K]; null for all. Vectors at the others are defined too.</param>
    public Tensor Forward(Tensor ids, Tensor? mask = null)
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(Run(ids, mask, null));
    }

    /// <summary>The embeddings, the result of every layer but the last, and the normed result of the last: numLayers + 1 tensors [B, K, D].</summary>
    public Tensor[] HiddenStates(Tensor ids, Tensor? mask = null)
    {
        using var scope = TensorScope.Enter();
        var states = new List<Tensor>();
        states.Add(Run(ids, mask, states));
        return scope.Keep([.. states]);
    }

    /// <summary>Loads the text encoder of a model. Decoder and tied copies of the embeddings are left out.</summary>
    public static T5EncoderModel Load(NetworkLoader networks)
    {
        ArgumentNullException.ThrowIfNull(networks);
        var config = ModelConfigJson.Read(networks.Folder.Config("text_encoder"), T5Json.Default.T5Config);
        return networks.Load("text_encoder", p => new T5EncoderModel(p, config), IsOmitted);
    }

    /// <summary>Whether a tensor of a checkpoint belongs to the decoder, repeats <c>shared.weight</c>, or is the tokenizer that ComfyUI puts beside.</summary>
    public static bool IsOmitted(string name) =>
        name is "encoder.embed_tokens.weight" or "lm_head.weight" or "spiece_model" || name.StartsWith("decoder.", StringComparison.Ordinal);

    /// <summary>Floating point operations for one prompt of <paramref name="tokens"/> tokens (a multiply-add counts as two).</summary>
    public static long Flops(T5Config config, long tokens)
    {
        long inner = (long)config.NumHeads * config.DKv, gates = config.IsGated ? 3 : 2;
        return config.NumLayers * (8 * tokens * config.DModel * inner + 4 * tokens * tokens * inner + 2 * gates * tokens * config.DModel * config.DFf);
    }

    private Tensor Run(Tensor ids, Tensor? mask, List<Tensor>? states)
    {
        if (ids.Dim != 2 || ids.DType != DType.Int64)
            throw new ShapeException($"{nameof(T5EncoderModel)}: expected int64 ids [B, K], got {ids}.");
        var tokens = (int)ids.Size(1);
        var buckets = T5PositionBuckets.Between(tokens, Config.RelativeAttentionNumBuckets, Config.RelativeAttentionMaxDistance).To(ids.Device); // [K, K]
        var keys = mask is null ? null : mask.To(DType.Bool).LogicalNot().Unsqueeze(1).Unsqueeze(1); // [B, 1, 1, K]
        var x = _shared.Forward(ids).To(DType.Float32);                                          // [B, K, D]
        Tensor? bias = null;
        foreach (var block in _blocks)
        {
            states?.Add(x);
            bias = block.Bias(buckets, keys) ?? bias;                                            // [B or 1, H, K, K]
            var next = block.Forward(x, bias!);
            if (states is null) x.Dispose();
            x = next;
        }
        return _finalLayerNorm.Forward(x);
    }

    private sealed class Block : Module
    {
        private readonly Attention _selfAttention;
        private readonly RmsNorm _attentionNorm, _feedForwardNorm;
        private readonly FeedForward _feedForward;

        public Block(ParameterPath path, T5Config config, bool hasBias) : base(path)
        {
            _selfAttention = new Attention(path[0]["SelfAttention"], config, hasBias);
            _attentionNorm = new RmsNorm(path[0]["layer_norm"], config.DModel, config.LayerNormEpsilon);
            _feedForward = new FeedForward(path[1]["DenseReluDense"], config);
            _feedForwardNorm = new RmsNorm(path[1]["layer_norm"], config.DModel, config.LayerNormEpsilon);
        }

        /// <summary>What is added to the scores from this layer on, float32 [B or 1, H, K, K]; null in a layer without a table.</summary>
        public Tensor? Bias(Tensor buckets, Tensor? hidden) => _selfAttention.Bias(buckets, hidden);

        public Tensor Forward(Tensor x, Tensor bias)                                             // [B, K, D]
        {
            using var scope = TensorScope.Enter();
            var h = x + _selfAttention.Forward(_attentionNorm.Forward(x), bias);
            return scope.Keep(h + _feedForward.Forward(_feedForwardNorm.Forward(h)));            // [B, K, D]
        }
    }

    private sealed class Attention : Module
    {
        private readonly int _numHeads;
        private readonly Linear _q, _k, _v, _o;
        private readonly Embedding? _relativeAttentionBias;

        public Attention(ParameterPath path, T5Config config, bool hasBias) : base(path)
        {
            int d = config.DModel, inner = config.NumHeads * config.DKv;
            _numHeads = config.NumHeads;
            _q = new Linear(path["q"], d, inner, bias: false);
            _k = new Linear(path["k"], d, inner, bias: false);
            _v = new Linear(path["v"], d, inner, bias: false);
            _o = new Linear(path["o"], inner, d, bias: false);
            _relativeAttentionBias = hasBias ? new Embedding(path["relative_attention_bias"], config.RelativeAttentionNumBuckets, config.NumHeads) : null;
        }

        public Tensor? Bias(Tensor buckets, Tensor? hidden)
        {
            if (_relativeAttentionBias is null) return null;
            using var scope = TensorScope.Enter();
            var bias = _relativeAttentionBias.Forward(buckets).To(DType.Float32).Permute(2, 0, 1).Unsqueeze(0); // [1, H, K, K]
            return scope.Keep(hidden is null ? bias : bias.MaskedFill(hidden, float.MinValue));
        }

        public Tensor Forward(Tensor x, Tensor bias)                                             // [B, K, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, _) = x.Dims3();
            var q = _q.Forward(x).View(b, l, _numHeads, -1).Transpose(1, 2);                     // [B, H, K, E]
            var k = _k.Forward(x).View(b, l, _numHeads, -1).Transpose(1, 2);
            var v = _v.Forward(x).View(b, l, _numHeads, -1).Transpose(1, 2);
            var scores = q.Matmul(k.Transpose(-2, -1)).To(DType.Float32) + bias;                 // [B, H, K, K]
            var h = scores.Softmax(-1).To(v.DType).Matmul(v).Transpose(1, 2).Reshape(b, l, -1);
            return scope.Keep(_o.Forward(h));                                                    // [B, K, D]
        }
    }

    private sealed class FeedForward : Module
    {
        private readonly Linear _wi, _wo;
        private readonly Linear? _gate;
        private readonly Func<Tensor, Tensor> _activation;

        public FeedForward(ParameterPath path, T5Config config) : base(path)
        {
            _activation = Activation.Find(config.Activation)!;
            _wi = new Linear(path[config.IsGated ? "wi_0" : "wi"], config.DModel, config.DFf, bias: false);
            _gate = config.IsGated ? new Linear(path["wi_1"], config.DModel, config.DFf, bias: false) : null;
            _wo = new Linear(path["wo"], config.DFf, config.DModel, bias: false);
        }

        public Tensor Forward(Tensor x)                                                          // [B, K, D]
        {
            using var scope = TensorScope.Enter();
            var h = _activation(_wi.Forward(x));
            return scope.Keep(_wo.Forward(_gate is null ? h : h * _gate.Forward(x)));            // [B, K, D]
        }
    }
}

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Models.Systems.Clip;

// The pre-norm transformer inside both encoders of CLIP and of SigLIP.
// Paper: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", arXiv:2103.00020, section 2.4.
// Parameter names follow huggingface/transformers d6751d91, models/clip/modeling_clip.py (CLIPEncoder).
//
// Shapes    B batch  L tokens  D width  H heads
// Numerics  residual stream and norms in the type of the input; linears and attention in the autocast type.
public sealed class ClipTransformer : Module
{
    private readonly Layer[] _layers;

    /// <param name="path">Where <c>layers.N</c> stand.</param>
    /// <param name="dim">D.</param>
    /// <param name="hiddenDim">Width inside the perceptron.</param>
    /// <param name="numLayers">How many.</param>
    /// <param name="numHeads">H; divides D.</param>
    /// <param name="activation">A name that <see cref="Activation"/> knows.</param>
    /// <param name="eps">Epsilon of the norms.</param>
    public ClipTransformer(ParameterPath path, int dim, int hiddenDim, int numLayers, int numHeads, string activation, double eps) : base(path) =>
        _layers = [.. Enumerable.Range(0, numLayers).Select(i => new Layer(path["layers"][i], dim, hiddenDim, numHeads, activation, eps))];

    /// <summary>The input and what every layer makes of it: numLayers + 1 tensors [B, L, D].</summary>
    /// <param name="x">[B, L, D]</param>
    /// <param name="causal">Whether a token sees only those before it.</param>
    /// <param name="mask">True where a token may be seen, [B, L]; null for all.</param>
    public Tensor[] Forward(Tensor x, bool causal, Tensor? mask = null)
    {
        using var scope = TensorScope.Enter();
        var keys = mask?.Unsqueeze(1).Unsqueeze(1);                                              // [B, 1, 1, L]
        var states = new Tensor[_layers.Length + 1];
        states[0] = x;
        for (var i = 0; i < _layers.Length; i++) states[i + 1] = _layers[i].Forward(states[i], causal, keys);
        return scope.Keep(states);
    }

    /// <summary>Floating point operations for one sample (a multiply-add counts as two).</summary>
    public static long Flops(long layers, long tokens, long dim, long hiddenDim) =>
        layers * (8 * tokens * dim * dim + 4 * tokens * tokens * dim + 4 * tokens * dim * hiddenDim);

    internal static void Require(ConfigViolations violations, int dim, int hiddenDim, int numLayers, int numHeads, string activation, double eps)
    {
        violations.RequirePositive("hidden_size", dim);
        violations.RequirePositive("intermediate_size", hiddenDim);
        violations.RequirePositive("num_hidden_layers", numLayers);
        violations.Require(numHeads > 0 && dim % Math.Max(1, numHeads) == 0, $"`num_attention_heads` must divide `hidden_size` ({dim}), got {numHeads}");
        violations.Require(Activation.Find(activation) is not null, $"`hidden_act` must be quick_gelu, gelu, gelu_new, gelu_pytorch_tanh, silu or relu, got \"{activation}\"");
        violations.Require(eps > 0, $"`layer_norm_eps` must be positive, got {eps}");
    }

    private sealed class Layer : Module
    {
        private readonly LayerNorm _layerNorm1, _layerNorm2;
        private readonly Attention _selfAttn;
        private readonly ClipMlp _mlp;

        public Layer(ParameterPath path, int dim, int hiddenDim, int numHeads, string activation, double eps) : base(path)
        {
            _selfAttn = new Attention(path["self_attn"], dim, numHeads);
            _layerNorm1 = new LayerNorm(path["layer_norm1"], dim, eps);
            _mlp = new ClipMlp(path["mlp"], dim, hiddenDim, activation);
            _layerNorm2 = new LayerNorm(path["layer_norm2"], dim, eps);
        }

        public Tensor Forward(Tensor x, bool causal, Tensor? keys)                               // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            x += _selfAttn.Forward(_layerNorm1.Forward(x), causal, keys);
            return scope.Keep(x + _mlp.Forward(_layerNorm2.Forward(x)));                         // [B, L, D]
        }
    }

    private sealed class Attention : Module
    {
        private readonly int _numHeads;
        private readonly Linear _kProj, _vProj, _qProj, _outProj;

        public Attention(ParameterPath path, int dim, int numHeads) : base(path)
        {
            _numHeads = numHeads;
            _kProj = new Linear(path["k_proj"], dim, dim);
            _vProj = new Linear(path["v_proj"], dim, dim);
            _qProj = new Linear(path["q_proj"], dim, dim);
            _outProj = new Linear(path["out_proj"], dim, dim);
        }

        public Tensor Forward(Tensor x, bool causal, Tensor? keys)                               // [B, L, D]
        {
            using var scope = TensorScope.Enter();
            var (b, l, d) = x.Dims3();
            var q = _qProj.Forward(x).View(b, l, _numHeads, -1).Transpose(1, 2);                 // [B, H, L, D/H]
            var k = _kProj.Forward(x).View(b, l, _numHeads, -1).Transpose(1, 2);
            var v = _vProj.Forward(x).View(b, l, _numHeads, -1).Transpose(1, 2);
            var h = F.ScaledDotProductAttention(q, k, v, keys, causal).Transpose(1, 2).Reshape(b, l, d);
            return scope.Keep(_outProj.Forward(h));                                              // [B, L, D]
        }
    }
}

/// <summary>The two-layer perceptron of CLIP and SigLIP.</summary>
public sealed class ClipMlp : Module
{
    private readonly Linear _fc1, _fc2;
    private readonly Func<Tensor, Tensor> _activation;

    /// <exception cref="ConfigException">The activation has an unknown name.</exception>
    public ClipMlp(ParameterPath path, int dim, int hiddenDim, string activation) : base(path)
    {
        _activation = Activation.Find(activation) ?? throw new ConfigException($"{path}: `hidden_act` \"{activation}\" is unknown.");
        _fc1 = new Linear(path["fc1"], dim, hiddenDim);
        _fc2 = new Linear(path["fc2"], hiddenDim, dim);
    }

    public Tensor Forward(Tensor x)                                                              // [.., D]
    {
        using var scope = TensorScope.Enter();
        return scope.Keep(_fc2.Forward(_activation(_fc1.Forward(x))));                           // [.., D]
    }
}

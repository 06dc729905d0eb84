// The reference workload of the engine: a stack of adaLN-Zero blocks over given tokens, without patches or text.
// Paper: Peebles & Xie, "Scalable Diffusion Models with Transformers", arXiv:2212.09748, section 3.2.
//
// Shapes    B batch  L tokens  D hidden size
// Numerics  residual stream and norms are float32; linears and attention run in the autocast type.

using Kinora.Engine;
using Kinora.Engine.Layers;
using Kinora.Models.Modules;

namespace Kinora.Evaluation.Speed;

/// <summary>What the engine is timed with; it is no part of any model.</summary>
internal sealed class DiTStack : Module
{
    private const double Eps = 1e-6, RopeTheta = 10000;
    private const int MlpRatio = 4;
    private readonly int _headDim;
    private readonly Block[] _blocks;

    public DiTStack(ParameterPath path, int layers, int dim, int heads) : base(path)
    {
        _headDim = dim / heads;
        _blocks = [.. Enumerable.Range(0, layers).Select(i => new Block(path["blocks"][i], dim, heads))];
    }

    public Tensor Forward(Tensor x, Tensor c)                                                    // [B, L, D], [B, D]
    {
        using var scope = TensorScope.Enter();
        var (cos, sin) = new Rope3D(_headDim, RopeTheta).Angles(1, 1, x.Size(1), x.Device);      // [L, headDim/2]
        foreach (Block block in _blocks)
            x = block.Forward(x, c, cos, sin);
        return scope.Keep(x);                                                                    // [B, L, D]
    }

    /// <summary>Floating point operations of the forward pass (a multiply-add counts as two; linears and attention only).</summary>
    public static long Flops(int layers, long batch, long tokens, long dim) =>
        layers * batch * (SelfAttention.Flops(tokens, dim) + FeedForward.Flops(tokens, dim, MlpRatio * dim) + 12 * dim * dim);

    private sealed class Block : Module
    {
        private readonly SelfAttention _attn;
        private readonly FeedForward _mlp;
        private readonly Linear _modulation;

        public Block(ParameterPath path, int dim, int heads) : base(path)
        {
            _attn = new SelfAttention(path["attn"], dim, heads, Eps);
            _mlp = new FeedForward(path["mlp"], dim, MlpRatio * dim);
            _modulation = new Linear(path["adaLN_modulation"][1], dim, 6 * dim, init: Init.Normal(0.02));
        }

        public Tensor Forward(Tensor x, Tensor c, Tensor cos, Tensor sin)
        {
            using var scope = TensorScope.Enter();
            var (shiftMsa, scaleMsa, gateMsa, shiftMlp, scaleMlp, gateMlp) = _modulation.Forward(F.Silu(c)).To(DType.Float32).Chunk6(1); // 6 × [B, D]
            x = F.GatedResidual(x, gateMsa, _attn.Forward(F.LayerNormModulate(x, shiftMsa, scaleMsa, Eps, Autocast.Target), cos, sin));
            return scope.Keep(F.GatedResidual(x, gateMlp, _mlp.Forward(F.LayerNormModulate(x, shiftMlp, scaleMlp, Eps, Autocast.Target))));
        }
    }
}

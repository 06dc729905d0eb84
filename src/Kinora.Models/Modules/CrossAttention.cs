using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Multi-head attention from one sequence to another, padding masked, queries and keys RMS-normalized per head.
// Paper: Vaswani et al., arXiv:1706.03762, section 3.2; norm as in SelfAttention.
//
// Shapes    B batch  L queries  K keys  D width  E width of the context  H heads
// Numerics  linears and attention in the autocast type; the norms accumulate in float32.
public sealed class CrossAttention : Module
{
    private readonly int _numHeads;
    private readonly Linear _toQ, _toK, _toV, _toOut;
    private readonly RmsNorm _normQ, _normK;

    public CrossAttention(ParameterPath path, int dim, int contextDim, int numHeads, double eps, Init? outInit = null) : base(path)
    {
        _numHeads = numHeads;
        _toQ = new Linear(path["to_q"], dim, dim, init: Init.XavierUniform);
        _toK = new Linear(path["to_k"], contextDim, dim, init: Init.XavierUniform);
        _toV = new Linear(path["to_v"], contextDim, dim, init: Init.XavierUniform);
        _normQ = new RmsNorm(path["norm_q"], dim / numHeads, eps);
        _normK = new RmsNorm(path["norm_k"], dim / numHeads, eps);
        _toOut = new Linear(path["to_out"], dim, dim, init: outInit ?? Init.XavierUniform);
    }

    /// <param name="x">[B, L, D]</param>
    /// <param name="context">[B, K, E]</param>
    /// <param name="mask">True where a key takes part, [B, 1, 1, K]; every row has at least one.</param>
    public Tensor Forward(Tensor x, Tensor context, Tensor mask)
    {
        using var scope = TensorScope.Enter();
        var (b, l, d) = x.Dims3();
        var count = context.Size(1);
        var q = _normQ.Forward(_toQ.Forward(x).View(b, l, _numHeads, -1));
        var k = _normK.Forward(_toK.Forward(context).View(b, count, _numHeads, -1));
        var v = _toV.Forward(context).View(b, count, _numHeads, -1);                             // [B, K, H, D/H]
        var h = F.ScaledDotProductAttention(q.Transpose(1, 2), k.Transpose(1, 2), v.Transpose(1, 2), mask);
        return scope.Keep(_toOut.Forward(h.Transpose(1, 2).Reshape(b, l, d)));                   // [B, L, D]
    }

    /// <summary>Floating point operations for one sample (a multiply-add counts as two).</summary>
    public static long Flops(long queries, long keys, long dim, long contextDim) =>
        4 * queries * dim * dim + 4 * keys * contextDim * dim + 4 * queries * keys * dim;
}

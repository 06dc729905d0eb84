using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Multi-head self-attention with RMS-normalized, rotated queries and keys.
// Papers: Dehghani et al., "Scaling Vision Transformers to 22 Billion Parameters", arXiv:2302.05442, section 2 (query-key norm, here per head
// with RMS); Su et al., arXiv:2104.09864 (rotation).
//
// Shapes    B batch  L tokens  D width  H heads  E = D / H
// Numerics  linears and attention in the autocast type; norm and rotation accumulate in float32.
public sealed class SelfAttention : Module
{
    private readonly int _numHeads;
    private readonly double _eps;
    private readonly Linear _toQ, _toK, _toV, _toOut;
    private readonly Tensor _normQ, _normK;

    public SelfAttention(ParameterPath path, int dim, int numHeads, double eps) : base(path)
    {
        _numHeads = numHeads;
        _eps = eps;
        _toQ = new Linear(path["to_q"], dim, dim, init: Init.XavierUniform);
        _toK = new Linear(path["to_k"], dim, dim, init: Init.XavierUniform);
        _toV = new Linear(path["to_v"], dim, dim, init: Init.XavierUniform);
        _normQ = path["norm_q"].Create("weight", [dim / numHeads], Init.Ones);
        _normK = path["norm_k"].Create("weight", [dim / numHeads], Init.Ones);
        _toOut = new Linear(path["to_out"], dim, dim, init: Init.XavierUniform);
    }

    /// <param name="x">[B, L, D]</param>
    /// <param name="cos">Rotation of every token, [L, E/2].</param>
    /// <param name="sin">Likewise.</param>
    public Tensor Forward(Tensor x, Tensor cos, Tensor sin)
    {
        using var scope = TensorScope.Enter();
        var (b, l, d) = x.Dims3();
        var q = F.QkNormRope(_toQ.Forward(x).View(b, l, _numHeads, -1), _normQ, cos, sin, _eps);
        var k = F.QkNormRope(_toK.Forward(x).View(b, l, _numHeads, -1), _normK, cos, sin, _eps);
        var v = _toV.Forward(x).View(b, l, _numHeads, -1);                                       // [B, L, H, E]
        var h = F.ScaledDotProductAttention(q.Transpose(1, 2), k.Transpose(1, 2), v.Transpose(1, 2));
        return scope.Keep(_toOut.Forward(h.Transpose(1, 2).Reshape(b, l, d)));                   // [B, L, D]
    }

    /// <summary>Floating point operations for one sample (a multiply-add counts as two).</summary>
    public static long Flops(long tokens, long dim) => 8 * tokens * dim * dim + 4 * tokens * tokens * dim;
}

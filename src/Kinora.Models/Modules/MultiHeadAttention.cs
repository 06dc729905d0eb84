using Kinora.Engine;
using Kinora.Engine.Layers;

namespace Kinora.Models.Modules;

// Multi-head attention of the Stable Diffusion family: from a sequence to itself or to a context, without norms of queries and keys.
// Paper: Vaswani et al., arXiv:1706.03762, section 3.2. Names follow huggingface/diffusers d035dcd7, models/attention_processor.py (Attention).
//
// Shapes    B batch  L queries  K keys  D width  E width of the context  H heads
// Numerics  linears and attention in the autocast type; the softmax accumulates in float32.
public sealed class MultiHeadAttention : Module
{
    // The fused kernel of the CPU takes heads up to this width. Scores of wider ones are held for so many bytes at once.
    private const int FusedLargest = 256;
    private const long MaxScoreBytes = 256L << 20;

    private readonly int _numHeads;
    private readonly Linear _toQ, _toK, _toV, _toOut;

    /// <param name="path">Where the parameters stand.</param>
    /// <param name="queryDim">D.</param>
    /// <param name="numHeads">H.</param>
    /// <param name="headDim">Width of a head.</param>
    /// <param name="contextDim">E; D for self-attention.</param>
    /// <param name="bias">Whether the projections of queries, keys and values have a bias. That of the result always has.</param>
    public MultiHeadAttention(ParameterPath path, int queryDim, int numHeads, int headDim, int? contextDim = null, bool bias = false) : base(path)
    {
        _numHeads = numHeads;
        var inner = numHeads * headDim;
        _toQ = new Linear(path["to_q"], queryDim, inner, bias, Init.TorchLinear);
        _toK = new Linear(path["to_k"], contextDim ?? queryDim, inner, bias, Init.TorchLinear);
        _toV = new Linear(path["to_v"], contextDim ?? queryDim, inner, bias, Init.TorchLinear);
        _toOut = new Linear(path["to_out"][0], inner, queryDim, init: Init.TorchLinear);
    }

    /// <param name="x">[B, L, D]</param>
    /// <param name="context">[B, K, E]; x itself when null.</param>
    /// <param name="mask">Added to the scores, or true where a key takes part: [B, 1, 1, K]; null for all.</param>
    public Tensor Forward(Tensor x, Tensor? context = null, Tensor? mask = null)
    {
        using var scope = TensorScope.Enter();
        var (b, l, _) = x.Dims3();
        context ??= x;
        var count = context.Size(1);
        // A single key takes all of the attention, whatever the query: the result is its value.
        if (count == 1 && mask is null) return scope.Keep(_toOut.Forward(_toV.Forward(context)).Expand(b, l, -1));
        var q = _toQ.Forward(x).View(b, l, _numHeads, -1);                                       // [B, L, H, D/H]
        var k = _toK.Forward(context).View(b, count, _numHeads, -1);
        var v = _toV.Forward(context).View(b, count, _numHeads, -1);
        var h = Attend(q.Transpose(1, 2), k.Transpose(1, 2), v.Transpose(1, 2), mask).Transpose(1, 2);
        return scope.Keep(_toOut.Forward(h.Reshape(b, l, -1)));                                  // [B, L, D]
    }

    // [B, H, L, D/H], [B, H, K, D/H] ×2 → [B, H, L, D/H]
    private static Tensor Attend(Tensor q, Tensor k, Tensor v, Tensor? mask)
    {
        var (b, heads, l, d) = q.Dims4();
        var rows = Math.Max(1, MaxScoreBytes / (b * heads * k.Size(2) * sizeof(float)));
        if (d <= FusedLargest || l <= rows || q.Device.Type != DeviceType.Cpu)
            return F.ScaledDotProductAttention(q, k, v, mask);
        var parts = new List<Tensor>();
        for (long start = 0; start < l; start += rows)
            parts.Add(F.ScaledDotProductAttention(q.Narrow(2, start, Math.Min(rows, l - start)), k, v, mask));
        return Tensor.Cat(parts, 2);
    }
}

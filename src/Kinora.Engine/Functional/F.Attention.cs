using Kinora.Engine.Native;

namespace Kinora.Engine;

public static unsafe partial class F
{
    private static readonly Op SdpaOp = new("aten::scaled_dot_product_attention"), AttentionOp = new("kinora::attention");
    private const long FusedHeadUnit = 16, FusedHeadUnitOfPairs = 32, LargestFusedHead = 256;
    private const long MaxScores = 1L << 26; // held at once by composed attention

    /// <summary>
    /// softmax(q kᵀ · scale + mask) v: q [B, H, Lq, D], k and v [B, H, Lk, D] → [B, H, Lq, D]; scale 1/√D by default.
    /// The mask is boolean (true takes part) or additive, broadcastable to [B, H, Lq, Lk]. On the CPU, attention without a mask or
    /// with a mask over keys, [B or 1, 1, 1, Lk], runs in Kinora's fused kernel (Dao, "FlashAttention-2", arXiv:2307.08691) and
    /// never stores the scores; there a query all of whose keys are masked gets zeros. The kernel takes heads of whole vectors: others
    /// are padded with zeros, which changes neither scores nor values; heads wider than its largest are composed.
    /// </summary>
    public static Tensor ScaledDotProductAttention(Tensor q, Tensor k, Tensor v, Tensor? mask = null, bool causal = false, double? scale = null)
    {
        TensorInfo i = q.Info;
        double s = scale ?? 1 / Math.Sqrt(i.Sizes[3]);
        if (i.DeviceType == (int)DeviceType.Cuda)
            return SdpaOp.Call(q, k, v, mask, 0.0, causal, s);
        long d = i.Sizes[3];
        if (d > LargestFusedHead)
            return ComposedAttention(q, k, v, mask, causal, s);
        // The backward pass on bf16 takes whole vectors of pairs.
        long unit = GradMode.IsEnabled && q.DType == DType.BFloat16 ? FusedHeadUnitOfPairs : FusedHeadUnit;
        if (d % unit != 0)
        {
            using var padded = TensorScope.Enter();
            long[] pads = [0, unit - d % unit];
            return padded.Keep(ScaledDotProductAttention(Pad(q, pads), Pad(k, pads), Pad(v, pads), mask, causal, s).Narrow(3, 0, d));
        }
        if (mask is null)
            return AttentionOp.Call(q, k, v, Value.None, s, causal);
        TensorInfo m = mask.Info;
        if (m.Dim == 4 && m.Sizes[1] == 1 && m.Sizes[2] == 1 && m.Sizes[3] == k.Size(2))
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(AttentionOp.Call(q, k, v, mask.View(m.Sizes[0], m.Sizes[3]), s, causal));
        }
        return ComposedAttention(q, k, v, mask, causal, s);
    }

    /// <summary>
    /// Attention out of matrix products and a softmax, in the type of q: the definition, and the path for masks over queries and keys and for
    /// wide heads. Queries are independent of each other, so they go in pieces: scores beyond a bound are never held at once.
    /// </summary>
    public static Tensor ComposedAttention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double scale) => ComposedAttention(q, k, v, mask, causal, scale, MaxScores);

    /// <param name="q">[B, H, Lq, D]</param>
    /// <param name="k">[B, H, Lk, D]</param>
    /// <param name="v">[B, H, Lk, D]</param>
    /// <param name="mask">As in <see cref="ScaledDotProductAttention"/>.</param>
    /// <param name="causal">Whether the last query sees all keys, the one before it all but the last, and so on.</param>
    /// <param name="scale">Of the scores.</param>
    /// <param name="maxScores">How many scores may be held at once; at least one query's are.</param>
    internal static Tensor ComposedAttention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double scale, long maxScores)
    {
        var (b, heads, lq, _) = q.Dims4();
        long lk = k.Size(2), rows = Math.Clamp(maxScores / Math.Max(1, b * heads * lk), 1, Math.Max(1, lq));
        if (rows >= lq)
            return ComposedQueries(q, k, v, mask, causal, scale, 0, lq);
        using var scope = TensorScope.Enter();
        var parts = new List<Tensor>();
        for (long start = 0; start < lq; start += rows)
        {
            long count = Math.Min(rows, lq - start);
            Tensor? piece = mask is not null && mask.Dim >= 2 && mask.Size(-2) == lq ? mask.Narrow(mask.Dim - 2, start, count) : mask;
            parts.Add(ComposedQueries(q.Narrow(2, start, count), k, v, piece, causal, scale, start, lq));
        }
        return scope.Keep(Tensor.Cat([.. parts], 2));
    }

    // Queries [start, start + n) of `total`.
    private static Tensor ComposedQueries(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double scale, long start, long total)
    {
        using var scope = TensorScope.Enter();
        Tensor scores = (q * scale).Matmul(k.Transpose(-2, -1));
        if (mask is not null)
            scores = mask.DType == DType.Bool ? scores.MaskedFill(mask.LogicalNot(), double.NegativeInfinity) : scores + mask;
        if (causal)
        {
            long n = q.Size(2), lk = k.Size(2);
            Tensor allowed = Tensor.Ones([n, lk], DType.Bool, q.Device).Tril((int)(lk - total + start));
            scores = scores.MaskedFill(allowed.LogicalNot(), double.NegativeInfinity);
        }
        return scope.Keep(scores.Softmax(-1).Matmul(v));
    }
}

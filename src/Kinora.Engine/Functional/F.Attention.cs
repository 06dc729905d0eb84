using Kinora.Engine.Native;

namespace Kinora.Engine;

public static unsafe partial class F
{
    private static readonly Op SdpaOp = new("aten::scaled_dot_product_attention"), AttentionOp = new("kinora::attention");
    private const long FusedHeadUnit = 16, FusedHeadUnitOfPairs = 32, LargestFusedHead = 256;

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

    /// <summary>Attention out of matrix products and a softmax, in the type of q: the definition, and the path for masks over queries and keys.</summary>
    public static Tensor ComposedAttention(Tensor q, Tensor k, Tensor v, Tensor? mask, bool causal, double scale)
    {
        using var scope = TensorScope.Enter();
        Tensor scores = (q * scale).Matmul(k.Transpose(-2, -1));
        if (mask is not null)
            scores = mask.DType == DType.Bool ? scores.MaskedFill(mask.LogicalNot(), double.NegativeInfinity) : scores + mask;
        if (causal)
        {
            long lq = q.Size(2), lk = k.Size(2);
            Tensor allowed = Tensor.Ones([lq, lk], DType.Bool, q.Device).Tril((int)(lk - lq));
            scores = scores.MaskedFill(allowed.LogicalNot(), double.NegativeInfinity);
        }
        return scope.Keep(scores.Softmax(-1).Matmul(v));
    }
}

using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>How a loss is reduced over its elements; the values are ATen's.</summary>
public enum Reduction
{
    None = 0,
    Mean = 1,
    Sum = 2,
}

public static unsafe partial class F
{
    private static readonly Op MseLossOp = new("aten::mse_loss"), L1LossOp = new("aten::l1_loss"), SmoothL1LossOp = new("aten::smooth_l1_loss"), HuberLossOp = new("aten::huber_loss"), CrossEntropyOp = new("aten::cross_entropy_loss"), BceLogitsOp = new("aten::binary_cross_entropy_with_logits");

    public static Tensor MseLoss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => MseLossOp.Call(input, target, (long)reduction);

    public static Tensor L1Loss(Tensor input, Tensor target, Reduction reduction = Reduction.Mean) => L1LossOp.Call(input, target, (long)reduction);

    public static Tensor SmoothL1Loss(Tensor input, Tensor target, double beta = 1, Reduction reduction = Reduction.Mean) => SmoothL1LossOp.Call(input, target, (long)reduction, beta);

    public static Tensor HuberLoss(Tensor input, Tensor target, double delta = 1, Reduction reduction = Reduction.Mean) => HuberLossOp.Call(input, target, (long)reduction, delta);

    /// <summary>logits [N, C] (or [N, C, ..]), targets int64 [N, ..]; targets equal to <paramref name="ignoreIndex"/> do not count.</summary>
    public static Tensor CrossEntropy(Tensor logits, Tensor targets, Reduction reduction = Reduction.Mean, long ignoreIndex = -100, double labelSmoothing = 0) =>
        CrossEntropyOp.Call(logits, targets, Value.None, (long)reduction, ignoreIndex, labelSmoothing);

    public static Tensor BinaryCrossEntropyWithLogits(Tensor logits, Tensor targets, Reduction reduction = Reduction.Mean) =>
        BceLogitsOp.Call(logits, targets, Value.None, Value.None, (long)reduction);
}

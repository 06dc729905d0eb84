using Kinora.Engine.Native;

namespace Kinora.Engine;

// What networks that look at pictures need besides the layers of generators.
public static unsafe partial class F
{
    private static readonly Op BatchNormOp = new("aten::batch_norm"), InstanceNormOp = new("aten::instance_norm"), GridSampleOp = new("aten::grid_sampler"),
        BicubicAntialiasOp = new("aten::_upsample_bicubic2d_aa"), BilinearSizeOp = new("aten::upsample_bilinear2d"), UnfoldOp = new("aten::im2col"), PReluOp = new("aten::prelu");

    /// <summary>Batch norm with stored statistics, as at inference: (x − mean) / √(var + eps) · weight + bias over channels of x [B, C, ..].</summary>
    public static Tensor BatchNorm(Tensor x, Tensor mean, Tensor variance, Tensor? weight, Tensor? bias, double eps = 1e-5) =>
        BatchNormOp.Call(x, weight, bias, mean, variance, false, 0.0, eps, false);

    /// <summary>Every channel of every sample to mean 0 and variance 1 over its positions: x [B, C, H, W].</summary>
    public static Tensor InstanceNorm(Tensor x, double eps = 1e-5) => InstanceNormOp.Call(x, Value.None, Value.None, Value.None, Value.None, true, 0.0, eps, false);

    /// <summary>x where positive, weight [C] times x elsewhere, by channels of x [B, C, ..] (He et al., arXiv:1502.01852, section 2.1).</summary>
    public static Tensor PRelu(Tensor x, Tensor weight) => PReluOp.Call(x, weight);

    /// <summary>Bilinear samples of x [B, C, H, W] at grid [B, h, w, 2] of (x, y) in [−1, 1]; zero outside.</summary>
    /// <param name="alignCorners">Whether ±1 are the centers of the corner pixels, or their outer edges.</param>
    public static Tensor GridSample(Tensor x, Tensor grid, bool alignCorners) => GridSampleOp.Call(x, grid, 0L, 0L, alignCorners);

    /// <summary>Bilinear resampling of [B, C, H, W] with the corner pixels kept on the corners.</summary>
    public static Tensor InterpolateBilinearAligned(Tensor x, long height, long width)
    {
        long* size = stackalloc long[2] { height, width };
        return BilinearSizeOp.Call(x, Value.Ints(size, 2), true, Value.None, Value.None);
    }

    /// <summary>Bicubic resampling (a = −0.5) of [B, C, H, W] whose kernel widens when the picture shrinks.</summary>
    public static Tensor InterpolateBicubicAntialias(Tensor x, long height, long width)
    {
        long* size = stackalloc long[2] { height, width };
        return BicubicAntialiasOp.Call(x, Value.Ints(size, 2), false, Value.None, Value.None);
    }

    /// <summary>Mean over windows with padding that does not count.</summary>
    public static Tensor AvgPool2dPadded(Tensor x, long kernel, long stride, long padding)
    {
        long* p = stackalloc long[6] { kernel, kernel, stride, stride, padding, padding };
        return AvgPool2dOp.Call(x, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p + 4, 2), false, false, Value.None);
    }

    /// <summary>Windows of k×k positions as columns: [B, C, H, W] → [B, C·k², H·W] for padding k/2.</summary>
    public static Tensor Unfold(Tensor x, long kernel)
    {
        long* p = stackalloc long[8] { kernel, kernel, 1, 1, kernel / 2, kernel / 2, 1, 1 };
        return UnfoldOp.Call(x, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p + 4, 2), Value.Ints(p + 6, 2));
    }
}

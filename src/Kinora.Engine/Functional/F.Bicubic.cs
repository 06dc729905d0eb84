using Kinora.Engine.Native;

namespace Kinora.Engine;

public static unsafe partial class F
{
    private static readonly Op BicubicToSizeOp = new("aten::upsample_bicubic2d", "vec");

    /// <summary>Bicubic resampling (a = −0.75) of [B, C, H, W] to a size, the centers of the corner pixels on one another.</summary>
    public static Tensor InterpolateBicubicCorners(Tensor x, Size2 size)
    {
        long* p = stackalloc long[2];
        size.Write(p);
        return BicubicToSizeOp.Call(x, Value.Ints(p, 2), true, Value.None);
    }
}

using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>How values between pixels come about.</summary>
public enum ResizeMode
{
    /// <summary>The pixel at ⌊i · in/out⌋.</summary>
    Nearest,

    /// <summary>The pixel whose center is nearest.</summary>
    NearestExact,

    /// <summary>The mean over the covered pixels.</summary>
    Area,

    /// <summary>Linear between centers.</summary>
    Bilinear,

    /// <summary>Cubic convolution with a = −0.75 (−0.5 with antialiasing).</summary>
    Bicubic,
}

/// <summary>What lies outside of a sampled picture; the values are ATen's.</summary>
public enum SamplePadding
{
    Zeros = 0,
    Border = 1,
    Reflection = 2,
}

// Resampling, sampling and unfolding in the forms that pictures and flow networks need; arguments as in torch.nn.functional.
public static unsafe partial class F
{
    private static readonly Op NearestToOp = new("aten::upsample_nearest2d", "vec"), NearestExactToOp = new("aten::_upsample_nearest_exact2d", "vec"),
        BilinearToOp = new("aten::upsample_bilinear2d", "vec"), BicubicToOp = new("aten::upsample_bicubic2d", "vec"), BilinearAntialiasToOp = new("aten::_upsample_bilinear2d_aa", "vec"), BicubicAntialiasToOp = new("aten::_upsample_bicubic2d_aa", "vec"),
        TrilinearToOp = new("aten::upsample_trilinear3d", "vec"), CircularPadOp = new("aten::_pad_circular"), GridSampler2dOp = new("aten::grid_sampler_2d"), Im2ColOp = new("aten::im2col"), AvgPoolWholeOp = new("aten::avg_pool2d"),
        MishOp = new("aten::mish"), HardswishOp = new("aten::hardswish");

    /// <summary>[B, C, H, W] resampled to a size.</summary>
    /// <param name="alignCorners">Corner pixels stay on the corners (bilinear, bicubic).</param>
    /// <param name="antialias">The kernel widens when the picture shrinks (bilinear, bicubic).</param>
    public static Tensor Resize(Tensor x, Size2 size, ResizeMode mode, bool alignCorners = false, bool antialias = false)
    {
        long* p = stackalloc long[2];
        size.Write(p);
        return mode switch
        {
            ResizeMode.Nearest => NearestToOp.Call(x, Value.Ints(p, 2), Value.None),
            ResizeMode.NearestExact => NearestExactToOp.Call(x, Value.Ints(p, 2), Value.None),
            ResizeMode.Area => AdaptiveAvgPool2d(x, size.Height, size.Width),
            ResizeMode.Bilinear => (antialias ? BilinearAntialiasToOp : BilinearToOp).Call(x, Value.Ints(p, 2), alignCorners, Value.None),
            _ => (antialias ? BicubicAntialiasToOp : BicubicToOp).Call(x, Value.Ints(p, 2), alignCorners, Value.None),
        };
    }

    /// <summary>[B, C, H, W] resampled by a factor, bilinear or bicubic: positions follow the factor itself, not the rounded size.</summary>
    public static Tensor ResizeBy(Tensor x, double factor, ResizeMode mode)
    {
        double* p = stackalloc double[2] { factor, factor };
        return (mode == ResizeMode.Bilinear ? BilinearToOp : BicubicToOp).Call(x, Value.None, false, Value.Doubles(p, 2));
    }

    /// <summary>[B, C, F, H, W] resampled linearly in all three dimensions; pixel centers, corners not aligned.</summary>
    public static Tensor ResizeTrilinear(Tensor x, Size3 size)
    {
        long* p = stackalloc long[3];
        size.Write(p);
        return TrilinearToOp.Call(x, Value.Ints(p, 3), false, Value.None);
    }

    /// <summary>Padding that wraps around; <paramref name="pads"/> as in <see cref="Pad"/>.</summary>
    public static Tensor CircularPad(Tensor x, ReadOnlySpan<long> pads)
    {
        fixed (long* p = pads)
            return CircularPadOp.Call(x, Value.Ints(p, pads.Length));
    }

    /// <summary>Samples of x [B, C, H, W] at grid [B, h, w, 2] of (x, y) in [−1, 1].</summary>
    /// <param name="bicubic">Cubic instead of linear between pixels.</param>
    /// <param name="padding">What lies outside.</param>
    /// <param name="alignCorners">Whether ±1 are the centers of the corner pixels, or their outer edges.</param>
    public static Tensor GridSample(Tensor x, Tensor grid, bool bicubic, SamplePadding padding, bool alignCorners) =>
        GridSampler2dOp.Call(x, grid, bicubic ? 2L : 0L, (long)padding, alignCorners);

    /// <summary>Windows of [B, C, H, W] as columns: [B, C·kernel, positions].</summary>
    public static Tensor Unfold(Tensor x, Size2 kernel, Size2 stride, Size2 padding, Size2 dilation)
    {
        long* p = stackalloc long[8];
        kernel.Write(p);
        dilation.Write(p + 2);
        padding.Write(p + 4);
        stride.Write(p + 6);
        return Im2ColOp.Call(x, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p + 4, 2), Value.Ints(p + 6, 2));
    }

    /// <summary>Means over windows that may hang over the edge.</summary>
    /// <param name="ceilMode">Windows that begin inside but end outside count.</param>
    /// <param name="countPadding">Whether padding counts as zeros in a mean.</param>
    public static Tensor AvgPool2d(Tensor x, Size2 kernel, Size2 stride, Size2 padding, bool ceilMode, bool countPadding)
    {
        long* p = stackalloc long[6];
        kernel.Write(p);
        stride.Write(p + 2);
        padding.Write(p + 4);
        return AvgPoolWholeOp.Call(x, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p + 4, 2), ceilMode, countPadding, Value.None);
    }

    /// <summary>x · tanh(softplus(x)).</summary>
    public static Tensor Mish(Tensor x) => MishOp.Call(x);

    /// <summary>x · clamp(x + 3, 0, 6)/6.</summary>
    public static Tensor Hardswish(Tensor x) => HardswishOp.Call(x);
}

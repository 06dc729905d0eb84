using System.Runtime.CompilerServices;
using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>
/// Functions of neural networks, stateless: PyTorch's <c>torch.nn.functional</c> by name and argument order, and Kinora's
/// fused kernels. A fused kernel serves CPU tensors; other devices get the same mathematics from ATen operators.
/// </summary>
public static unsafe partial class F
{
    private static readonly Op LinearOp = new("aten::linear"), EmbeddingOp = new("aten::embedding"), LayerNormOp = new("aten::layer_norm"), GroupNormOp = new("aten::group_norm"),
        Conv1dOp = new("aten::conv1d"), Conv2dOp = new("aten::conv2d"), Conv3dOp = new("aten::conv3d"), FastConv2dOp = new("kinora::conv2d"), FastConv3dOp = new("kinora::conv3d"), ConvTranspose2dOp = new("aten::conv_transpose2d", "input"), ConvTranspose3dOp = new("aten::conv_transpose3d", "input"),
        PadOp = new("aten::constant_pad_nd"), ReflectionPad2dOp = new("aten::reflection_pad2d"), ReplicationPad2dOp = new("aten::replication_pad2d"), ReplicationPad3dOp = new("aten::replication_pad3d"),
        PixelShuffleOp = new("aten::pixel_shuffle"), PixelUnshuffleOp = new("aten::pixel_unshuffle"), UpsampleNearest2dOp = new("aten::upsample_nearest2d", "vec"), UpsampleNearest3dOp = new("aten::upsample_nearest3d", "vec"), UpsampleBilinear2dOp = new("aten::upsample_bilinear2d", "vec"), UpsampleBicubic2dOp = new("aten::upsample_bicubic2d", "vec"),
        AvgPool2dOp = new("aten::avg_pool2d"), AvgPool3dOp = new("aten::avg_pool3d"), MaxPool2dOp = new("aten::max_pool2d"), MaxPool3dOp = new("aten::max_pool3d"), AdaptiveAvgPool2dOp = new("aten::adaptive_avg_pool2d"), DropoutOp = new("aten::dropout"), OneHotOp = new("aten::one_hot"),
        GeluTanhOp = new("kinora::gelu_tanh"), LayerNormModulateOp = new("kinora::layer_norm_modulate"), GatedResidualOp = new("kinora::gated_residual"), QkNormRopeOp = new("kinora::qk_norm_rope"), RmsNormOp = new("kinora::rms_norm"), SiluOp = new("kinora::silu"), FusedGroupNormOp = new("kinora::group_norm"), GatedGeluOp = new("kinora::gated_gelu");

    /// <summary>x @ weightᵀ + bias; x [.., in], weight [out, in].</summary>
    public static Tensor Linear(Tensor x, Tensor weight, Tensor? bias = null) => LinearOp.Call(x, weight, bias);

    /// <summary>Rows of weight [N, D] at ids (int64, any shape) → [.., D].</summary>
    public static Tensor Embedding(Tensor ids, Tensor weight) => EmbeddingOp.Call(weight, ids);

    public static Tensor Conv1d(Tensor x, Tensor weight, Tensor? bias = null, long stride = 1, long padding = 0, long dilation = 1, long groups = 1) =>
        Conv1dOp.Call(x, weight, bias, Value.Ints(&stride, 1), Value.Ints(&padding, 1), Value.Ints(&dilation, 1), groups);

    /// <summary>
    /// x [B, C, H, W], weight [out, C/groups, kH, kW]; one number means the same in both directions. Without gradients, 3×3 filters of stride 1 run
    /// on the CPU by minimal filtering (Lavin and Gray, arXiv:1509.09308) in float32, and the result is channels-last.
    /// </summary>
    public static Tensor Conv2d(Tensor x, Tensor weight, Tensor? bias = null, Size2 stride = default, Size2 padding = default, Size2 dilation = default, long groups = 1)
    {
        long* p = stackalloc long[6];
        stride.OrOne().Write(p);
        padding.Write(p + 2);
        dilation.OrOne().Write(p + 4);
        return (IsCpu(x) && FastConv2dOp.Exists ? FastConv2dOp : Conv2dOp).Call(x, weight, bias, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p + 4, 2), groups);
    }

    /// <summary>The convolution of x [B, C, H, W] after its height and width were doubled by nearest neighbors, without storing that picture where the fast form serves.</summary>
    public static Tensor DoubledConv2d(Tensor x, Tensor weight, Tensor? bias, Size2 padding)
    {
        if (!IsCpu(x) || !FastConv2dOp.Exists)
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(Conv2d(InterpolateNearest(x, 2, 2), weight, bias, padding: padding));
        }
        long* p = stackalloc long[4] { 1, 1, 0, 0 };
        padding.Write(p + 2);
        return FastConv2dOp.Call(x, weight, bias, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p, 2), 1, true);
    }

    /// <summary>x [B, C, F, H, W], weight [out, C/groups, kF, kH, kW]; 3×3 of every frame as in <see cref="Conv2d"/>.</summary>
    public static Tensor Conv3d(Tensor x, Tensor weight, Tensor? bias = null, Size3 stride = default, Size3 padding = default, Size3 dilation = default, long groups = 1)
    {
        // The fast form has filters in sixteens, and what serves others holds every window of x: the last convolution of a decoder, which makes
        // three colors, gets filters of zeros beside its own.
        const int FilterGroup = 16;
        long filters = weight.Size(0), missing = FilterGroup - filters;
        if (missing > 0 && weight.Size(4) > 1 && groups == 1 && x.Size(1) % FilterGroup == 0 && IsCpu(x) && FastConv3dOp.Exists && !GradMode.IsEnabled)
        {
            using var scope = TensorScope.Enter();
            Tensor wide = Pad(weight, [0, 0, 0, 0, 0, 0, 0, 0, 0, missing]);
            return scope.Keep(Conv3d(x, wide, bias is null ? null : Pad(bias, [0, missing]), stride, padding, dilation).Narrow(1, 0, filters));
        }
        long* p = stackalloc long[9];
        stride.OrOne().Write(p);
        padding.Write(p + 3);
        dilation.OrOne().Write(p + 6);
        return (IsCpu(x) && FastConv3dOp.Exists ? FastConv3dOp : Conv3dOp).Call(x, weight, bias, Value.Ints(p, 3), Value.Ints(p + 3, 3), Value.Ints(p + 6, 3), groups);
    }

    /// <summary>weight [C, out/groups, kH, kW].</summary>
    public static Tensor ConvTranspose2d(Tensor x, Tensor weight, Tensor? bias = null, Size2 stride = default, Size2 padding = default, Size2 outputPadding = default, long groups = 1)
    {
        long* p = stackalloc long[6];
        stride.OrOne().Write(p);
        padding.Write(p + 2);
        outputPadding.Write(p + 4);
        return ConvTranspose2dOp.Call(x, weight, bias, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p + 4, 2), groups);
    }

    /// <summary>weight [C, out/groups, kF, kH, kW].</summary>
    public static Tensor ConvTranspose3d(Tensor x, Tensor weight, Tensor? bias = null, Size3 stride = default, Size3 padding = default, Size3 outputPadding = default, long groups = 1)
    {
        long* p = stackalloc long[9];
        stride.OrOne().Write(p);
        padding.Write(p + 3);
        outputPadding.Write(p + 6);
        return ConvTranspose3dOp.Call(x, weight, bias, Value.Ints(p, 3), Value.Ints(p + 3, 3), Value.Ints(p + 6, 3), groups);
    }

    /// <summary>Layer norm over the last dimension in float32, returned in the type of x. libtorch 1.13's bf16 kernel is some thirty times slower than the float32 one.</summary>
    public static Tensor LayerNorm(Tensor x, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5)
    {
        long d = x.Size(-1);
        DType dtype = x.DType;
        if (dtype == DType.Float32 && (weight is null || weight.DType == DType.Float32))
            return LayerNormOp.Call(x, Value.Ints(&d, 1), weight, bias, eps);
        if (IsCpu(x) && IsFusable(x) && weight is not null && bias is not null && !GradMode.IsEnabled && LayerNormModulateOp.Exists)
        {
            using var scope = TensorScope.Enter();
            Tensor rows = LayerNormModulateOp.Call(x.Reshape(1, -1, d), bias.View(1, d), (weight.To(DType.Float32) - 1).View(1, d), eps, dtype);
            return scope.Keep(rows.View(x.Shape));
        }
        return LayerNormOp.Call(x.To(DType.Float32), Value.Ints(&d, 1), weight?.To(DType.Float32), bias?.To(DType.Float32), eps).To(dtype);
    }

    /// <summary>
    /// LN(x) · (1 + scale) + shift without learned affine: x [N, R, D], shift and scale [N, D]. Computed in float32;
    /// returned in <paramref name="dtype"/> (the type of x when null).
    /// </summary>
    public static Tensor LayerNormModulate(Tensor x, Tensor shift, Tensor scale, double eps = 1e-6, DType? dtype = null)
    {
        if (IsCpu(x) && LayerNormModulateOp.Exists)
            return LayerNormModulateOp.Call(x, shift, scale, eps, dtype);
        long d = x.Size(-1);
        Tensor h = LayerNormOp.Call(x.To(DType.Float32), Value.Ints(&d, 1), Value.None, Value.None, eps);
        return (h * (Rows(scale) + 1) + Rows(shift)).To(dtype ?? x.DType);
    }

    /// <summary>x + gate · h: x and h [N, R, D], gate [N, D]. The sum has the type of x.</summary>
    public static Tensor GatedResidual(Tensor x, Tensor gate, Tensor h)
    {
        if (IsCpu(x) && GatedResidualOp.Exists)
            return GatedResidualOp.Call(x, gate, h);
        return (x + Rows(gate) * h).To(x.DType);
    }

    /// <summary>x / √(mean(x²) + eps) · weight over the last dimension, accumulated in float32.</summary>
    public static Tensor RmsNorm(Tensor x, Tensor? weight, double eps = 1e-6)
    {
        if (IsCpu(x) && RmsNormOp.Exists)
            return RmsNormOp.Call(x, weight, eps);
        return RmsNormComposed(x, weight, eps);
    }

    private static Tensor RmsNormComposed(Tensor x, Tensor? weight, double eps)
    {
        Tensor f = x.To(DType.Float32);
        Tensor n = f * (f.Square().Mean([-1], keepDim: true) + eps).Rsqrt();
        return (weight is null ? n : n * weight).To(x.DType);
    }

    /// <summary>
    /// RMS norm of every head, then rotary position embedding on neighboring pairs: x [B, L, H, D], weight [D], cos and sin
    /// [L, D/2] float32. (a, b) becomes (a·cos − b·sin, a·sin + b·cos).
    /// </summary>
    public static Tensor QkNormRope(Tensor x, Tensor weight, Tensor cos, Tensor sin, double eps = 1e-6)
    {
        if (IsCpu(x) && QkNormRopeOp.Exists)
            return QkNormRopeOp.Call(x, weight, cos, sin, eps);
        return ApplyRope(RmsNormComposed(x, weight, eps), cos, sin);
    }

    /// <summary>Rotary position embedding on neighboring pairs: x [B, L, H, D], cos and sin [L, D/2] float32.</summary>
    public static Tensor ApplyRope(Tensor x, Tensor cos, Tensor sin)
    {
        var (b, l, h, d) = x.Dims4();
        Tensor pairs = x.To(DType.Float32).Reshape(b, l, h, d / 2, 2);
        Tensor even = pairs.Select(-1, 0), odd = pairs.Select(-1, 1);
        Tensor c = cos.Reshape(1, l, 1, d / 2), s = sin.Reshape(1, l, 1, d / 2);
        return Tensor.Stack([even * c - odd * s, even * s + odd * c], -1).Reshape(b, l, h, d).To(x.DType);
    }

    /// <summary>
    /// Group norm over channels x [B, C, ..] in float32, returned in the type of x; with <paramref name="silu"/> followed by x · sigmoid(x). Channels-last input
    /// on the CPU without gradients passes through one kernel.
    /// </summary>
    public static Tensor GroupNorm(Tensor x, long groups, Tensor? weight = null, Tensor? bias = null, double eps = 1e-5, bool silu = false)
    {
        if (IsCpu(x) && FusedGroupNormOp.Exists && !GradMode.IsEnabled)
            return FusedGroupNormOp.Call(x, groups, weight, bias, eps, silu);
        using var scope = TensorScope.Enter();
        DType dtype = x.DType;
        Tensor h = dtype == DType.Float32
            ? GroupNormOp.Call(x, groups, weight, bias, eps)
            : GroupNormOp.Call(x.To(DType.Float32), groups, weight?.To(DType.Float32), bias?.To(DType.Float32), eps).To(dtype);
        return scope.Keep(silu ? Silu(h) : h);
    }

    /// <summary>[a, g] along the last dimension → a · GELU(g), the gate of Shazeer's GEGLU (arXiv:2002.05202).</summary>
    public static Tensor GatedGelu(Tensor x)
    {
        if (IsCpu(x) && GatedGeluOp.Exists && !GradMode.IsEnabled)
            return GatedGeluOp.Call(x);
        using var scope = TensorScope.Enter();
        var (value, gate) = x.Chunk2(-1);
        return scope.Keep(value * gate.Gelu());
    }

    /// <summary>GELU by tanh: 0.5·x·(1 + tanh(√(2/π)(x + 0.044715·x³))).</summary>
    public static Tensor GeluTanh(Tensor x) =>
        IsCpu(x) && IsFusable(x) && GeluTanhOp.Exists ? GeluTanhOp.Call(x) : x.AtenGeluTanh();

    /// <summary>x · sigmoid(x), in a fused kernel on the CPU.</summary>
    public static Tensor Silu(Tensor x) => IsCpu(x) && IsFusable(x) && SiluOp.Exists ? SiluOp.Call(x) : x.Silu();

    /// <summary>Constant padding; <paramref name="pads"/> = (before, after) of the last dimension first, as in PyTorch.</summary>
    public static Tensor Pad(Tensor x, ReadOnlySpan<long> pads, double value = 0)
    {
        fixed (long* p = pads)
            return PadOp.Call(x, Value.Ints(p, pads.Length), value);
    }

    public static Tensor ReflectionPad2d(Tensor x, ReadOnlySpan<long> pads)
    {
        fixed (long* p = pads)
            return ReflectionPad2dOp.Call(x, Value.Ints(p, pads.Length));
    }

    public static Tensor ReplicationPad2d(Tensor x, ReadOnlySpan<long> pads)
    {
        fixed (long* p = pads)
            return ReplicationPad2dOp.Call(x, Value.Ints(p, pads.Length));
    }

    /// <summary>Padding with the nearest value; libtorch 1.13 has it on the CPU in float32 and float64 only, so others pass through float32.</summary>
    public static Tensor ReplicationPad3d(Tensor x, ReadOnlySpan<long> pads)
    {
        DType dtype = x.DType;
        Tensor source = IsCpu(x) && dtype is not (DType.Float32 or DType.Float64) ? x.To(DType.Float32) : x;
        fixed (long* p = pads)
            return ReplicationPad3dOp.Call(source, Value.Ints(p, pads.Length)).To(dtype);
    }

    /// <summary>[B, C·r², H, W] → [B, C, H·r, W·r].</summary>
    public static Tensor PixelShuffle(Tensor x, long factor) => PixelShuffleOp.Call(x, factor);

    /// <summary>[B, C, H·r, W·r] → [B, C·r², H, W].</summary>
    public static Tensor PixelUnshuffle(Tensor x, long factor) => PixelUnshuffleOp.Call(x, factor);

    /// <summary>Nearest-neighbor upsampling of the last two (4-D) or three (5-D) dimensions by a factor each.</summary>
    public static Tensor InterpolateNearest(Tensor x, params ReadOnlySpan<double> scale)
    {
        fixed (double* p = scale)
            return (x.Dim == 5 ? UpsampleNearest3dOp : UpsampleNearest2dOp).Call(x, Value.None, Value.Doubles(p, scale.Length));
    }

    /// <summary>Nearest-neighbor resampling of [B, C, H, W] to a size.</summary>
    public static Tensor InterpolateNearestTo(Tensor x, Size2 size)
    {
        long* p = stackalloc long[2];
        size.Write(p);
        return UpsampleNearest2dOp.Call(x, Value.Ints(p, 2), Value.None);
    }

    /// <summary>Bilinear resampling of [B, C, H, W] to a size; pixel centers, corners not aligned.</summary>
    public static Tensor InterpolateBilinear(Tensor x, long height, long width)
    {
        long* size = stackalloc long[2] { height, width };
        return UpsampleBilinear2dOp.Call(x, Value.Ints(size, 2), false, Value.None);
    }

    /// <summary>Bicubic resampling (a = −0.75) of [B, C, H, W] to a size; pixel centers, corners not aligned.</summary>
    public static Tensor InterpolateBicubicTo(Tensor x, long height, long width)
    {
        long* size = stackalloc long[2] { height, width };
        return UpsampleBicubic2dOp.Call(x, Value.Ints(size, 2), false, Value.None);
    }

    /// <summary>
    /// Bicubic resampling (a = −0.75) of [B, C, H, W] by factors; pixel centers, corners not aligned. With scales, output pixel i lies
    /// at (i + ½) / scale − ½ of the input and the size is ⌊H · scale⌋.
    /// </summary>
    public static Tensor InterpolateBicubic(Tensor x, double heightScale, double widthScale)
    {
        double* scale = stackalloc double[2] { heightScale, widthScale };
        return UpsampleBicubic2dOp.Call(x, Value.None, false, Value.Doubles(scale, 2));
    }

    public static Tensor AvgPool2d(Tensor x, Size2 kernel, Size2 stride = default)
    {
        long* p = stackalloc long[4];
        kernel.Write(p);
        (stride.IsDefault ? kernel : stride).Write(p + 2);
        return AvgPool2dOp.Call(x, Value.Ints(p, 2), Value.Ints(p + 2, 2));
    }

    public static Tensor AvgPool3d(Tensor x, Size3 kernel, Size3 stride = default)
    {
        long* p = stackalloc long[6];
        kernel.Write(p);
        (stride.IsDefault ? kernel : stride).Write(p + 3);
        return AvgPool3dOp.Call(x, Value.Ints(p, 3), Value.Ints(p + 3, 3));
    }

    /// <summary>Maxima over windows of x [B, C, H, W]. On the CPU, unless gradients are recorded or windows reach over the border, whole rows are compared at once: the same numbers, ten times as fast and more.</summary>
    public static Tensor MaxPool2d(Tensor x, Size2 kernel, Size2 stride = default, Size2 padding = default)
    {
        Size2 step = stride.IsDefault ? kernel : stride;
        if (padding.IsDefault && ComparesRows(x) && x.Dim == 4 && x.Size(2) >= kernel.Height && x.Size(3) >= kernel.Width)
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(MaxAlong(MaxAlong(x, 2, kernel.Height, step.Height), 3, kernel.Width, step.Width));
        }
        long* p = stackalloc long[6];
        kernel.Write(p);
        step.Write(p + 2);
        padding.Write(p + 4);
        return MaxPool2dOp.Call(x, Value.Ints(p, 2), Value.Ints(p + 2, 2), Value.Ints(p + 4, 2));
    }

    /// <summary>Maxima over windows of x [B, C, F, H, W], as <see cref="MaxPool2d"/>.</summary>
    public static Tensor MaxPool3d(Tensor x, Size3 kernel, Size3 stride = default, Size3 padding = default)
    {
        Size3 step = stride.IsDefault ? kernel : stride;
        if (padding.IsDefault && ComparesRows(x) && x.Dim == 5 && x.Size(2) >= kernel.Frames && x.Size(3) >= kernel.Height && x.Size(4) >= kernel.Width)
        {
            using var scope = TensorScope.Enter();
            return scope.Keep(MaxAlong(MaxAlong(MaxAlong(x, 2, kernel.Frames, step.Frames), 3, kernel.Height, step.Height), 4, kernel.Width, step.Width));
        }
        long* p = stackalloc long[9];
        kernel.Write(p);
        step.Write(p + 3);
        padding.Write(p + 6);
        return MaxPool3dOp.Call(x, Value.Ints(p, 3), Value.Ints(p + 3, 3), Value.Ints(p + 6, 3));
    }

    // A gradient goes to the first of equal values in a window; comparisons would share it.
    private static bool ComparesRows(Tensor x) => IsCpu(x) && x.DType.IsFloatingPoint() && !(GradMode.IsEnabled && x.RequiresGrad);

    private static Tensor MaxAlong(Tensor x, int dim, long kernel, long stride)
    {
        long end = x.Size(dim) - kernel + 1;
        Tensor result = x.Slice(dim, 0, end, stride);
        for (long i = 1; i < kernel; i++)
            result = result.Maximum(x.Slice(dim, i, end + i, stride));
        return result;
    }

    public static Tensor AdaptiveAvgPool2d(Tensor x, long height, long width)
    {
        long* size = stackalloc long[2] { height, width };
        return AdaptiveAvgPool2dOp.Call(x, Value.Ints(size, 2));
    }

    /// <summary>int64 class numbers → int64 one-hot vectors in a new last dimension.</summary>
    public static Tensor OneHot(Tensor ids, long classes) => OneHotOp.Call(ids, classes);

    /// <summary>Zeroes elements with probability p and scales the rest, from libtorch's generator.</summary>
    public static Tensor Dropout(Tensor x, double p) => DropoutOp.Call(x, p, true);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool IsCpu(Tensor x) => x.Info.DeviceType == (int)DeviceType.Cpu;

    private static bool IsFusable(Tensor x) => x.DType is DType.Float32 or DType.BFloat16;

    private static Tensor Rows(Tensor t) => t.Dim == 2 ? t.Unsqueeze(1) : t;
}

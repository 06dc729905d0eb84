using System.Runtime.CompilerServices;
using Kinora.Engine.Native;

namespace Kinora.Engine;

public sealed unsafe partial class Tensor
{
    private static readonly Op ZerosOp = new("aten::zeros"), OnesOp = new("aten::ones"), EmptyOp = new("aten::empty", "memory_format"),
        FullOp = new("aten::full"), ArangeOp = new("aten::arange", "start_step"), LinspaceOp = new("aten::linspace"), EyeOp = new("aten::eye"),
        ZerosLikeOp = new("aten::zeros_like"), OnesLikeOp = new("aten::ones_like"), EmptyLikeOp = new("aten::empty_like"), RandnOp = new("aten::randn");

    public static Tensor Zeros(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device? device = null) => Make(ZerosOp, shape, dtype, device);

    public static Tensor Ones(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device? device = null) => Make(OnesOp, shape, dtype, device);

    /// <summary>Uninitialised memory.</summary>
    public static Tensor Empty(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device? device = null) => Make(EmptyOp, shape, dtype, device);

    public static Tensor Full(ReadOnlySpan<long> shape, double value, DType dtype = DType.Float32, Device? device = null)
    {
        fixed (long* p = shape)
            return FullOp.Call(Value.Ints(p, shape.Length), value, dtype, Value.None, device ?? Device.Cpu);
    }

    /// <summary>start, start + step, … while below end.</summary>
    public static Tensor Arange(double start, double end, double step = 1, DType dtype = DType.Int64, Device? device = null) =>
        dtype is DType.Int64 or DType.Int32
            ? ArangeOp.Call((long)start, (long)end, (long)step, dtype, Value.None, device ?? Device.Cpu)
            : ArangeOp.Call(start, end, step, dtype, Value.None, device ?? Device.Cpu);

    public static Tensor Linspace(double start, double end, long steps, DType dtype = DType.Float32, Device? device = null) =>
        LinspaceOp.Call(start, end, steps, dtype, Value.None, device ?? Device.Cpu);

    public static Tensor Eye(long n, DType dtype = DType.Float32, Device? device = null) => EyeOp.Call(n, dtype, Value.None, device ?? Device.Cpu);

    /// <summary>Standard normal numbers from libtorch's own generator: for tests and benches. Product noise comes from <c>Generator</c>.</summary>
    public static Tensor Randn(ReadOnlySpan<long> shape, DType dtype = DType.Float32, Device? device = null) => Make(RandnOp, shape, dtype, device);

    public static Tensor Scalar(double value, DType dtype = DType.Float32, Device? device = null) => Full([], value, dtype, device);

    public static Tensor ZerosLike(Tensor other) => ZerosLikeOp.Call(other);

    public static Tensor OnesLike(Tensor other) => OnesLikeOp.Call(other);

    public static Tensor EmptyLike(Tensor other) => EmptyLikeOp.Call(other);

    /// <summary>A CPU tensor with a copy of <paramref name="data"/>, row-major.</summary>
    /// <exception cref="ShapeException">The shape's product is not the number of elements.</exception>
    public static Tensor FromArray<T>(ReadOnlySpan<T> data, params ReadOnlySpan<long> shape) where T : unmanaged
    {
        long count = 1;
        foreach (long s in shape)
            count *= s;
        if (count != data.Length)
            throw new ShapeException($"{data.Length} elements do not fill a tensor [{string.Join(", ", shape.ToArray())}].");
        Tensor t = Empty(shape, DTypeOf<T>());
        data.CopyTo(t.AsSpan<T>());
        return t;
    }

    public static Tensor FromArray<T>(T[] data, params ReadOnlySpan<long> shape) where T : unmanaged => FromArray((ReadOnlySpan<T>)data, shape);

    /// <summary>
    /// A tensor over memory that somebody else owns (a memory-mapped file): no copy. <paramref name="release"/> runs when the last
    /// user is gone; until then the memory must stay where it is.
    /// </summary>
    public static Tensor FromMemory(void* data, ReadOnlySpan<long> shape, DType dtype, Action release)
    {
        ArgumentNullException.ThrowIfNull(release);
        EngineRuntime.EnsureStarted();
        var handle = System.Runtime.InteropServices.GCHandle.Alloc(release);
        fixed (long* p = shape)
        {
            nint t = NativeMethods.kn_from_blob(data, p, null, shape.Length, (int)dtype, 0, -1, &ReleaseMemory, (void*)System.Runtime.InteropServices.GCHandle.ToIntPtr(handle));
            if (t == 0)
            {
                handle.Free();
                NativeLoader.Throw();
            }
            return new Tensor(t);
        }
    }

    [System.Runtime.InteropServices.UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void ReleaseMemory(void* context)
    {
        var handle = System.Runtime.InteropServices.GCHandle.FromIntPtr((nint)context);
        ((Action)handle.Target!)();
        handle.Free();
    }

    /// <summary>The element type that holds <typeparamref name="T"/>.</summary>
    public static DType DTypeOf<T>() where T : unmanaged =>
        typeof(T) == typeof(float) ? DType.Float32
        : typeof(T) == typeof(long) ? DType.Int64
        : typeof(T) == typeof(int) ? DType.Int32
        : typeof(T) == typeof(byte) ? DType.UInt8
        : typeof(T) == typeof(double) ? DType.Float64
        : typeof(T) == typeof(bool) ? DType.Bool
        : typeof(T) == typeof(Half) ? DType.Float16
        : typeof(T) == typeof(short) ? DType.Int16
        : typeof(T) == typeof(sbyte) ? DType.Int8
        : throw new NotSupportedException($"no tensor element type holds {typeof(T).Name}.");

    private static Tensor Make(Op op, ReadOnlySpan<long> shape, DType dtype, Device? device)
    {
        fixed (long* p = shape)
            return op.Call(Value.Ints(p, shape.Length), dtype, Value.None, device ?? Device.Cpu);
    }
}

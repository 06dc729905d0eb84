using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>
/// An n-dimensional array of libtorch. It belongs to the innermost open <see cref="TensorScope"/> of the thread that made it;
/// without one, to the caller, who disposes it. There is no finalizer: the garbage collector does not see native bytes.
/// Operators carry PyTorch's names in PascalCase with PyTorch's argument order; in-place ones end in InPlace.
/// </summary>
public sealed unsafe partial class Tensor : IDisposable
{
    private static long s_live;
    private nint _handle;
    private int _dtype = -1;
    internal int Slot;
    internal ScopeFrame? Frame;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Tensor(nint handle)
    {
        _handle = handle;
        Interlocked.Increment(ref s_live);
        ScopeFrame.Current?.Add(this);
    }

    /// <summary>Tensors that are alive in the process. Tests compare it before and after to find leaks.</summary>
    public static long LiveCount => Interlocked.Read(ref s_live);

    internal nint Handle
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get
        {
            nint h = _handle;
            if (h == 0)
                ThrowDisposed();
            return h;
        }
    }

    [DoesNotReturn]
    private static void ThrowDisposed() => throw new ObjectDisposedException(nameof(Tensor), "The tensor was freed with its scope. Pass it out with scope.Keep(…), or call Own().");

    public bool IsDisposed => _handle == 0;

    public void Dispose()
    {
        nint h = _handle;
        if (h == 0)
            return;
        Frame?.Forget(this);
        _handle = 0;
        Interlocked.Decrement(ref s_live);
        NativeMethods.kn_tensor_release(h);
    }

    /// <summary>Gives the handle up to a scope that releases in bulk; zero when already freed.</summary>
    internal nint Detached()
    {
        nint h = _handle;
        if (h != 0)
            Interlocked.Decrement(ref s_live);
        _handle = 0;
        return h;
    }

    /// <summary>Takes the tensor out of every scope: the caller disposes it. For parameters, optimizer state and results that outlive their thread's scopes.</summary>
    public Tensor Own()
    {
        Frame?.Forget(this);
        return this;
    }

    /// <summary>A second handle to the same tensor, owned by the current scope.</summary>
    public Tensor Alias() => new(NativeMethods.kn_tensor_retain(Handle));

    internal TensorInfo Info
    {
        [SkipLocalsInit]
        get
        {
            TensorInfo info;
            NativeLoader.Check(NativeMethods.kn_tensor_info(Handle, &info));
            return info;
        }
    }

    public int Dim => Info.Dim;
    public long NumElements => Info.NumElements;

    /// <summary>Bytes of the elements, without gaps that strides may leave.</summary>
    public long NumBytes => Info.NumBytes;

    public bool IsContiguous => (Info.Flags & TensorInfo.Contiguous) != 0;
    public bool RequiresGrad => (Info.Flags & TensorInfo.RequiresGrad) != 0;

    public DType DType
    {
        get
        {
            if (_dtype < 0)
                _dtype = Info.DType;
            return (DType)_dtype;
        }
    }

    public Device Device
    {
        get
        {
            TensorInfo i = Info;
            return new Device((DeviceType)i.DeviceType, Math.Max(0, i.DeviceIndex));
        }
    }

    public long[] Shape
    {
        get
        {
            TensorInfo i = Info;
            var shape = new long[i.Dim];
            for (int k = 0; k < shape.Length; k++)
                shape[k] = i.Sizes[k];
            return shape;
        }
    }

    public long[] Strides
    {
        get
        {
            TensorInfo i = Info;
            var strides = new long[i.Dim];
            for (int k = 0; k < strides.Length; k++)
                strides[k] = i.Strides[k];
            return strides;
        }
    }

    /// <summary>The size of one dimension; negative counts from the end.</summary>
    public long Size(int dim)
    {
        TensorInfo i = Info;
        int d = dim < 0 ? dim + i.Dim : dim;
        if ((uint)d >= (uint)i.Dim)
            throw new ShapeException(string.Create(CultureInfo.InvariantCulture, $"dimension {dim} was asked of a tensor {this}."));
        return i.Sizes[d];
    }

    public (long D0, long D1) Dims2()
    {
        TensorInfo i = Expect(2);
        return (i.Sizes[0], i.Sizes[1]);
    }

    public (long D0, long D1, long D2) Dims3()
    {
        TensorInfo i = Expect(3);
        return (i.Sizes[0], i.Sizes[1], i.Sizes[2]);
    }

    public (long D0, long D1, long D2, long D3) Dims4()
    {
        TensorInfo i = Expect(4);
        return (i.Sizes[0], i.Sizes[1], i.Sizes[2], i.Sizes[3]);
    }

    public (long D0, long D1, long D2, long D3, long D4) Dims5()
    {
        TensorInfo i = Expect(5);
        return (i.Sizes[0], i.Sizes[1], i.Sizes[2], i.Sizes[3], i.Sizes[4]);
    }

    private TensorInfo Expect(int dim)
    {
        TensorInfo i = Info;
        if (i.Dim != dim)
            throw new ShapeException(string.Create(CultureInfo.InvariantCulture, $"expected {dim} dimensions, got {this}."));
        return i;
    }

    /// <summary>The gradient that backward accumulated, as a new handle; null when there is none. Setting null clears it.</summary>
    public Tensor? Grad
    {
        get
        {
            nint g = NativeMethods.kn_grad(Handle);
            return g == 0 ? null : new Tensor(g);
        }
        set => NativeLoader.Check(NativeMethods.kn_set_grad(Handle, value is null ? 0 : value.Handle));
    }

    public bool HasGrad
    {
        get
        {
            nint g = NativeMethods.kn_grad(Handle);
            if (g == 0)
                return false;
            NativeMethods.kn_tensor_release(g);
            return true;
        }
    }

    /// <summary>Marks a leaf for gradients.</summary>
    public Tensor RequiresGradInPlace(bool value = true)
    {
        NativeLoader.Check(NativeMethods.kn_set_requires_grad(Handle, value ? 1 : 0));
        return this;
    }

    /// <summary>Back-propagates from this tensor; without <paramref name="grad"/> it must hold one element.</summary>
    public void Backward(Tensor? grad = null, bool retainGraph = false)
    {
        nint h = Handle, g = grad is null ? 0 : grad.Handle;
        int status = NativeMethods.kn_backward(&h, grad is null ? null : &g, 1, retainGraph ? 1 : 0, 0);
        if (status < 0)
            Autograd.Rethrow();
    }

    /// <summary>The one element, as a double. Waits for the device.</summary>
    public double Item() => ItemOp.CallScalar(this);

    /// <summary>The elements in host memory without a copy: contiguous CPU tensors only.</summary>
    public Span<T> AsSpan<T>() where T : unmanaged
    {
        TensorInfo i = Info;
        if (i.DeviceType != (int)DeviceType.Cpu || (i.Flags & TensorInfo.Contiguous) == 0)
            throw new DeviceException($"AsSpan needs a contiguous CPU tensor, got {this}; call To(Device.Cpu).Contiguous() first.");
        if (i.ItemSize != sizeof(T))
            throw new InvalidOperationException($"AsSpan<{typeof(T).Name}> on {this}: the element sizes differ.");
        return new Span<T>(i.Data, checked((int)i.NumElements));
    }

    /// <summary>A copy of the elements, row-major, whatever the device and strides.</summary>
    public T[] ToArray<T>() where T : unmanaged
    {
        var result = new T[NumElements];
        CopyTo<T>(result);
        return result;
    }

    /// <summary>Copies the elements, row-major, into <paramref name="destination"/>.</summary>
    public void CopyTo<T>(Span<T> destination) where T : unmanaged
    {
        using var scope = TensorScope.Enter();
        Tensor host = Detach().To(Device.Cpu).Contiguous();
        host.AsSpan<T>().CopyTo(destination);
    }

    internal static string Describe(nint handle)
    {
        TensorInfo i;
        if (handle == 0 || NativeMethods.kn_tensor_info(handle, &i) < 0)
            return "undefined";
        var sizes = new string[i.Dim];
        for (int k = 0; k < sizes.Length; k++)
            sizes[k] = i.Sizes[k].ToString(CultureInfo.InvariantCulture);
        var device = new Device((DeviceType)i.DeviceType, Math.Max(0, i.DeviceIndex));
        return $"{((DType)i.DType).ShortName()}[{string.Join(", ", sizes)}]{(device.Type == DeviceType.Cpu ? "" : " on " + device)}";
    }

    public override string ToString() => _handle == 0 ? "freed tensor" : Describe(_handle);

    private static readonly Op ItemOp = new("aten::item");
}

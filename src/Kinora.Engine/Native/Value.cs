using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Kinora.Engine.Native;

internal enum ValueTag
{
    None = 0,
    Tensor = 1,
    Int = 2,
    Double = 3,
    Bool = 4,
    String = 5,
    Ints = 6,
    Doubles = 7,
    Bools = 8,
    Tensors = 9,
    Device = 10,
    Generator = 11,
    Default = 255,
}

/// <summary>
/// One argument or result of a dispatcher call: a 16-byte tagged union that lives on the stack. Mirrors <c>kn_value</c>.
/// Lists point into memory that the caller keeps pinned for the call.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 16)]
internal unsafe struct Value
{
    [FieldOffset(0)] public ValueTag Tag;
    [FieldOffset(4)] public int Length;
    [FieldOffset(8)] public long Int64;
    [FieldOffset(8)] public double Float64;
    [FieldOffset(8)] public nint Pointer;

    public static Value None => default;

    /// <summary>The default that the operator's schema declares.</summary>
    public static Value Default => new() { Tag = ValueTag.Default };

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Value(Tensor? tensor)
    {
        if (tensor is null)
            return default;
        Unsafe.SkipInit(out Value v);
        v.Tag = ValueTag.Tensor;
        v.Length = 0;
        v.Pointer = tensor.Handle;
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Value(long value)
    {
        Unsafe.SkipInit(out Value v);
        v.Tag = ValueTag.Int;
        v.Length = 0;
        v.Int64 = value;
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Value(double value)
    {
        Unsafe.SkipInit(out Value v);
        v.Tag = ValueTag.Double;
        v.Length = 0;
        v.Float64 = value;
        return v;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static implicit operator Value(bool value)
    {
        Unsafe.SkipInit(out Value v);
        v.Tag = ValueTag.Bool;
        v.Length = 0;
        v.Int64 = value ? 1 : 0;
        return v;
    }

    public static implicit operator Value(DType dtype) => (long)dtype;

    public static implicit operator Value(DType? dtype) => dtype is { } d ? (Value)(long)d : default;

    public static implicit operator Value(Device device) => new() { Tag = ValueTag.Device, Length = ((int)device.Type << 8) | (device.ScalarIndex & 0xff) };

    public static implicit operator Value(double? value) => value is { } d ? (Value)d : default;

    public static Value Ints(long* values, int count) => new() { Tag = ValueTag.Ints, Length = count, Pointer = (nint)values };

    public static Value Doubles(double* values, int count) => new() { Tag = ValueTag.Doubles, Length = count, Pointer = (nint)values };

    public static Value Tensors(nint* handles, int count) => new() { Tag = ValueTag.Tensors, Length = count, Pointer = (nint)handles };

    public static Value Utf8(byte* text, int length) => new() { Tag = ValueTag.String, Length = length, Pointer = (nint)text };
}

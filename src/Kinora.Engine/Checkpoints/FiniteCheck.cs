// Whether stored elements are numbers: a file that a broken conversion or an overflow wrote makes black or noisy clips and no error.
// Sources: IEEE 754 (an exponent of ones is infinity or NaN); Micikevicius et al., arXiv:2209.05433, table 1 (8-bit floats);
//          ggml-org/ggml, ggml-common.h (where blocks have their scales).

using System.Numerics;
using System.Runtime.InteropServices;
using Kinora.Engine.Native;

namespace Kinora.Engine.Checkpoints;

/// <summary>Looks for NaN and infinity, in one pass over the bytes.</summary>
internal static unsafe class FiniteCheck
{
    private const int ChunkBytes = 1 << 20;

    /// <summary>Whether every element is a finite number. Whole numbers are.</summary>
    public static bool IsFinite(Tensor tensor)
    {
        if (!tensor.DType.IsFloatingPoint() || tensor.NumElements == 0 || tensor.Device.Type == DeviceType.Meta)
        {
            return true;
        }
        using var scope = TensorScope.Enter();
        if (tensor.Device.Type != DeviceType.Cpu)
        {
            return tensor.IsFinite().All().Item() != 0;
        }
        TensorInfo info = tensor.Contiguous().Info;
        return IsFinite(StorageTypes.Of(tensor.DType), (byte*)info.Data, (long)info.NumBytes);
    }

    /// <summary>Whether every element that a file stores is a finite number; of blocks, whether their scales are.</summary>
    public static bool IsFinite(StoredElements elements)
    {
        TensorInfo info = elements.Data.Info;
        return float.IsFinite(elements.Scale) && IsFinite(elements.Type, (byte*)info.Data, (long)info.NumBytes);
    }

    private static bool IsFinite(StorageType type, byte* data, long bytes)
    {
        int unit = type.Size();
        long chunk = Math.Max(1, ChunkBytes / unit) * unit, chunks = (bytes + chunk - 1) / chunk;
        nint start = (nint)data;
        return Parallel.For(0, chunks, (c, state) =>
        {
            var part = new ReadOnlySpan<byte>((byte*)start + c * chunk, (int)Math.Min(chunk, bytes - c * chunk));
            bool found = type switch
            {
                StorageType.Float32 => Holds(MemoryMarshal.Cast<byte, uint>(part), 0x7F800000u),
                StorageType.Float64 => Holds(MemoryMarshal.Cast<byte, ulong>(part), 0x7FF0000000000000u),
                StorageType.Float16 => Holds(MemoryMarshal.Cast<byte, ushort>(part), (ushort)0x7C00),
                StorageType.BFloat16 => Holds(MemoryMarshal.Cast<byte, ushort>(part), (ushort)0x7F80),
                StorageType.Float8E4M3 => Holds(part, (byte)0x7F),
                StorageType.Float8E5M2 => Holds(part, (byte)0x7C),
                _ => HasWildScale(type, part, unit),
            };
            if (found)
            {
                state.Stop();
            }
        }).IsCompleted;
    }

    // Whether an element has all bits of a mask.
    private static bool Holds<T>(ReadOnlySpan<T> elements, T mask) where T : unmanaged, IBinaryInteger<T>
    {
        var masks = new Vector<T>(mask);
        var found = Vector<T>.Zero;
        int i = 0;
        for (; i <= elements.Length - Vector<T>.Count; i += Vector<T>.Count)
        {
            found |= Vector.Equals(new Vector<T>(elements[i..]) & masks, masks);
        }
        if (found != Vector<T>.Zero)
        {
            return true;
        }
        for (; i < elements.Length; i++)
        {
            if ((elements[i] & mask) == mask)
            {
                return true;
            }
        }
        return false;
    }

    private static bool HasWildScale(StorageType type, ReadOnlySpan<byte> blocks, int size)
    {
        ReadOnlySpan<int> scales = type switch
        {
            StorageType.Q4_0 or StorageType.Q5_0 or StorageType.Q8_0 or StorageType.IQ4_NL or StorageType.IQ4_XS => [0],
            StorageType.Q4_1 or StorageType.Q5_1 or StorageType.Q4_K or StorageType.Q5_K => [0, 2],
            StorageType.Q6_K => [208],
            StorageType.Q2_K => [80, 82],
            StorageType.Q3_K => [108],
            _ => [],
        };
        foreach (int at in scales)
        {
            for (int block = at; block < blocks.Length; block += size)
            {
                if ((blocks[block + 1] & 0x7C) == 0x7C)
                {
                    return true;
                }
            }
        }
        return false;
    }
}

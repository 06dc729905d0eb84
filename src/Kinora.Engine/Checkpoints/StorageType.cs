namespace Kinora.Engine.Checkpoints;

/// <summary>
/// Element types that weight files hold. The 8-bit floats, the unsigned integers and the block-quantized types of GGUF exist only in
/// files; loading widens them.
/// </summary>
public enum StorageType
{
    Bool,
    UInt8,
    Int8,
    Float8E4M3,
    Float8E5M2,
    Int16,
    UInt16,
    Float16,
    BFloat16,
    Int32,
    UInt32,
    Float32,
    Int64,
    UInt64,
    Float64,
    Q4_0,
    Q5_0,
    Q8_0,
    Q4_K,
    Q5_K,
    Q6_K,
    Q4_1,
    Q5_1,
    Q2_K,
    Q3_K,
    IQ4_NL,
    IQ4_XS,
}

/// <summary>Names, sizes and in-memory counterparts of <see cref="StorageType"/>.</summary>
internal static class StorageTypes
{
    // Sources: huggingface/safetensors v0.5, safetensors/src/tensor.rs, enum Dtype; ggml-org/ggml, docs/gguf.md and ggml-common.h (blocks).
    private static readonly (StorageType Type, string Name, int BlockBytes, int BlockElements, DType DType)[] Table =
    [
        (StorageType.Bool, "BOOL", 1, 1, DType.Bool),
        (StorageType.UInt8, "U8", 1, 1, DType.UInt8),
        (StorageType.Int8, "I8", 1, 1, DType.Int8),
        (StorageType.Float8E4M3, "F8_E4M3", 1, 1, DType.Float32),
        (StorageType.Float8E5M2, "F8_E5M2", 1, 1, DType.Float32),
        (StorageType.Int16, "I16", 2, 1, DType.Int16),
        (StorageType.UInt16, "U16", 2, 1, DType.Int32),
        (StorageType.Float16, "F16", 2, 1, DType.Float16),
        (StorageType.BFloat16, "BF16", 2, 1, DType.BFloat16),
        (StorageType.Int32, "I32", 4, 1, DType.Int32),
        (StorageType.UInt32, "U32", 4, 1, DType.Int64),
        (StorageType.Float32, "F32", 4, 1, DType.Float32),
        (StorageType.Int64, "I64", 8, 1, DType.Int64),
        (StorageType.UInt64, "U64", 8, 1, DType.Int64),
        (StorageType.Float64, "F64", 8, 1, DType.Float64),
        (StorageType.Q4_0, "Q4_0", 18, 32, DType.Float32),
        (StorageType.Q5_0, "Q5_0", 22, 32, DType.Float32),
        (StorageType.Q8_0, "Q8_0", 34, 32, DType.Float32),
        (StorageType.Q4_K, "Q4_K", 144, 256, DType.Float32),
        (StorageType.Q5_K, "Q5_K", 176, 256, DType.Float32),
        (StorageType.Q6_K, "Q6_K", 210, 256, DType.Float32),
        (StorageType.Q4_1, "Q4_1", 20, 32, DType.Float32),
        (StorageType.Q5_1, "Q5_1", 24, 32, DType.Float32),
        (StorageType.Q2_K, "Q2_K", 84, 256, DType.Float32),
        (StorageType.Q3_K, "Q3_K", 110, 256, DType.Float32),
        (StorageType.IQ4_NL, "IQ4_NL", 18, 32, DType.Float32),
        (StorageType.IQ4_XS, "IQ4_XS", 136, 256, DType.Float32),
    ];

    /// <summary>Bytes of one element, or of one block of a quantized type.</summary>
    public static int Size(this StorageType type) => Table[(int)type].BlockBytes;

    /// <summary>Elements of one block; 1 for types that are not quantized.</summary>
    public static int BlockElements(this StorageType type) => Table[(int)type].BlockElements;

    /// <summary>Whether <c>kinora::dequantize</c> decodes the type; its codes are the places of this enumeration (native/torch/kernels/kernels.h).</summary>
    public static bool IsDecodedNatively(this StorageType type) => type <= StorageType.IQ4_XS;

    /// <summary>Whether elements share a scale in blocks.</summary>
    public static bool IsQuantized(this StorageType type) => Table[(int)type].BlockElements > 1;

    public static string FileName(this StorageType type) => Table[(int)type].Name;

    /// <summary>The narrowest in-memory type that holds every value; float32 for quantized types.</summary>
    public static DType ToDType(this StorageType type) => Table[(int)type].DType;

    /// <summary>The type that safetensors calls by this name; null when there is none.</summary>
    public static StorageType? Find(ReadOnlySpan<char> name)
    {
        foreach (var row in Table)
        {
            if (row.BlockElements == 1 && name.SequenceEqual(row.Name))
            {
                return row.Type;
            }
        }
        return null;
    }

    /// <summary>Bytes of a tensor; null when they exceed 2^63 or the shape does not divide into blocks.</summary>
    public static long? BytesOf(StorageType type, ReadOnlySpan<long> shape)
    {
        Int128 elements = 1;
        foreach (long size in shape)
        {
            elements *= size;
            // A zero later on must not hide an overflow before it.
            if (elements > long.MaxValue)
            {
                return null;
            }
        }
        Int128 bytes = elements / type.BlockElements() * type.Size();
        return bytes > long.MaxValue || elements % type.BlockElements() != 0 ? null : (long)bytes;
    }

    public static StorageType Of(DType dtype) => dtype switch
    {
        DType.Bool => StorageType.Bool,
        DType.UInt8 => StorageType.UInt8,
        DType.Int8 => StorageType.Int8,
        DType.Int16 => StorageType.Int16,
        DType.Int32 => StorageType.Int32,
        DType.Int64 => StorageType.Int64,
        DType.Float16 => StorageType.Float16,
        DType.BFloat16 => StorageType.BFloat16,
        DType.Float32 => StorageType.Float32,
        DType.Float64 => StorageType.Float64,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "no storage type holds it"),
    };
}

namespace Kinora.Engine.Checkpoints;

/// <summary>Element types that a safetensors file can hold. The 8-bit floats and unsigned integers exist only in files; loading widens them.</summary>
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
}

/// <summary>Names, sizes and in-memory counterparts of <see cref="StorageType"/>.</summary>
internal static class StorageTypes
{
    // Source: huggingface/safetensors v0.5, safetensors/src/tensor.rs, enum Dtype.
    private static readonly (StorageType Type, string Name, int Size, DType DType)[] Table =
    [
        (StorageType.Bool, "BOOL", 1, DType.Bool),
        (StorageType.UInt8, "U8", 1, DType.UInt8),
        (StorageType.Int8, "I8", 1, DType.Int8),
        (StorageType.Float8E4M3, "F8_E4M3", 1, DType.Float32),
        (StorageType.Float8E5M2, "F8_E5M2", 1, DType.Float32),
        (StorageType.Int16, "I16", 2, DType.Int16),
        (StorageType.UInt16, "U16", 2, DType.Int32),
        (StorageType.Float16, "F16", 2, DType.Float16),
        (StorageType.BFloat16, "BF16", 2, DType.BFloat16),
        (StorageType.Int32, "I32", 4, DType.Int32),
        (StorageType.UInt32, "U32", 4, DType.Int64),
        (StorageType.Float32, "F32", 4, DType.Float32),
        (StorageType.Int64, "I64", 8, DType.Int64),
        (StorageType.UInt64, "U64", 8, DType.Int64),
        (StorageType.Float64, "F64", 8, DType.Float64),
    ];

    public static int Size(this StorageType type) => Table[(int)type].Size;

    public static string FileName(this StorageType type) => Table[(int)type].Name;

    /// <summary>The narrowest in-memory type that holds every value.</summary>
    public static DType ToDType(this StorageType type) => Table[(int)type].DType;

    public static StorageType? Find(ReadOnlySpan<char> name)
    {
        foreach (var row in Table)
        {
            if (name.SequenceEqual(row.Name))
            {
                return row.Type;
            }
        }
        return null;
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

namespace Kinora.Engine.Checkpoints;

/// <summary>
/// In which form the matrices and kernels of a network stay in memory. A form other than the type of the arithmetic is decoded layer by
/// layer, each time the layer runs; small parameters (biases, norms, tables) are always in the type of the arithmetic. Weights that a file
/// stores in 8 bits or fewer are never widened to <see cref="BFloat16"/>, <see cref="Float16"/>, <see cref="Float8"/> or <see cref="Int8"/>.
/// </summary>
public enum WeightStorage
{
    /// <summary>8-bit floats and GGUF's blocks as stored, everything else in the type of the arithmetic.</summary>
    Auto,

    /// <summary>Every element as the file stores it.</summary>
    AsStored,

    /// <summary>bfloat16.</summary>
    BFloat16,

    /// <summary>IEEE half precision.</summary>
    Float16,

    /// <summary>8-bit floats (E4M3) with a scale for each output row, so that the row's largest value is the format's largest.</summary>
    Float8,

    /// <summary>8-bit integers with a scale for each output row: w ≈ scale · q, q in [−127, 127].</summary>
    Int8,
}

/// <summary>Names of <see cref="WeightStorage"/> that people type.</summary>
public static class WeightStorageExtensions
{
    /// <summary>The names, as they are listed to people.</summary>
    public const string Names = "auto, as-stored, bf16, fp16, fp8, int8";

    /// <summary>Reads auto, as-stored, bf16, fp16, fp8 (also ComfyUI's fp8_e4m3fn) and int8.</summary>
    /// <exception cref="ConfigException">The name is none of these.</exception>
    public static WeightStorage Parse(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name.ToLowerInvariant() switch
        {
            "auto" or "default" => WeightStorage.Auto,
            "as-stored" or "asstored" => WeightStorage.AsStored,
            "bf16" or "bfloat16" => WeightStorage.BFloat16,
            "fp16" or "float16" or "half" => WeightStorage.Float16,
            "fp8" or "fp8_e4m3fn" or "float8" => WeightStorage.Float8,
            "int8" => WeightStorage.Int8,
            _ => throw new ConfigException($"weights '{name}' is no form of storage; use {Names}."),
        };
    }

    /// <summary>The form in which a weight stays; null when that is the type of the arithmetic.</summary>
    internal static StorageType? FormOf(this WeightStorage storage, StorageType stored, DType arithmetic)
    {
        StorageType form = storage switch
        {
            WeightStorage.AsStored => stored,
            _ when stored.IsNarrow() => stored,
            WeightStorage.BFloat16 => StorageType.BFloat16,
            WeightStorage.Float16 => StorageType.Float16,
            WeightStorage.Float8 => StorageType.Float8E4M3,
            WeightStorage.Int8 => StorageType.Int8,
            _ => StorageTypes.Of(arithmetic),
        };
        return form == StorageTypes.Of(arithmetic) || form == StorageType.Float64 ? null : form;
    }

    /// <summary>Bytes of a weight of <paramref name="elements"/> elements in <paramref name="rows"/> rows, in the form in which it stays.</summary>
    /// <param name="storage">What was asked for.</param>
    /// <param name="stored">The file's type.</param>
    /// <param name="arithmetic">Type of the arithmetic.</param>
    /// <param name="elements">Number of elements.</param>
    /// <param name="rows">Size of the first dimension.</param>
    public static long BytesOf(this WeightStorage storage, StorageType stored, DType arithmetic, long elements, long rows)
    {
        StorageType form = storage.FormOf(stored, arithmetic) ?? StorageTypes.Of(arithmetic);
        bool scaled = form != stored && form is StorageType.Int8 or StorageType.Float8E4M3;
        return (long)((Int128)elements * form.Size() / form.BlockElements()) + (scaled ? rows * sizeof(float) : 0);
    }

    private static bool IsNarrow(this StorageType type) => type.IsQuantized() || type is StorageType.Float8E4M3 or StorageType.Float8E5M2;
}

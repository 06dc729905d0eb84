namespace Kinora.Engine;

/// <summary>Element types; the values are libtorch's <c>c10::ScalarType</c> codes. 8-bit floats exist only as storage inside safetensors files.</summary>
public enum DType
{
    UInt8 = 0,
    Int8 = 1,
    Int16 = 2,
    Int32 = 3,
    Int64 = 4,
    Float16 = 5,
    Float32 = 6,
    Float64 = 7,
    Bool = 11,
    BFloat16 = 15,
}

public static class DTypeExtensions
{
    /// <summary>Bytes of one element.</summary>
    public static int ItemSize(this DType dtype) => dtype switch
    {
        DType.UInt8 or DType.Int8 or DType.Bool => 1,
        DType.Int16 or DType.Float16 or DType.BFloat16 => 2,
        DType.Int32 or DType.Float32 => 4,
        DType.Int64 or DType.Float64 => 8,
        _ => throw new ArgumentOutOfRangeException(nameof(dtype), dtype, "unknown element type"),
    };

    public static bool IsFloatingPoint(this DType dtype) =>
        dtype is DType.Float16 or DType.Float32 or DType.Float64 or DType.BFloat16;

    /// <summary>Reads the names people type: fp32, float32, bf16, bfloat16, fp16, float16, half.</summary>
    /// <exception cref="ConfigException">The name is none of these.</exception>
    public static DType Parse(string name) => name.ToLowerInvariant() switch
    {
        "fp32" or "float32" or "f32" => DType.Float32,
        "bf16" or "bfloat16" => DType.BFloat16,
        "fp16" or "float16" or "half" => DType.Float16,
        "fp64" or "float64" => DType.Float64,
        _ => throw new ConfigException($"dtype '{name}' is unknown; use fp32, bf16 or fp16."),
    };

    /// <summary>The short name: fp32, bf16, fp16, …</summary>
    public static string ShortName(this DType dtype) => dtype switch
    {
        DType.Float32 => "fp32",
        DType.BFloat16 => "bf16",
        DType.Float16 => "fp16",
        DType.Float64 => "fp64",
        _ => dtype.ToString().ToLowerInvariant(),
    };
}

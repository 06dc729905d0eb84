namespace Kinora.Models.Generation;

/// <summary>The processor, as far as it decides which kernels run and so how numbers round.</summary>
internal static class HostProcessor
{
    private static readonly string[] KernelFeatures = ["avx2", "avx512f", "avx512_bf16", "amx_bf16"];
    private static readonly Lazy<(string Name, string[] Features)> Read = new(ReadCpuInfo);

    /// <summary>Its name.</summary>
    public static string Name => Read.Value.Name;

    /// <summary>Whether bfloat16 products run on instructions of their own; without them they are slower than float32.</summary>
    public static bool HasBfloat16 => Read.Value.Features.Contains("avx512_bf16") || Read.Value.Features.Contains("amx_bf16");

    private static (string Name, string[] Features) ReadCpuInfo()
    {
        const string File = "/proc/cpuinfo";
        if (!System.IO.File.Exists(File))
        {
            return (System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture.ToString(), []);
        }
        string[] lines = System.IO.File.ReadAllLines(File);
        string Field(string name) => lines.FirstOrDefault(l => l.StartsWith(name, StringComparison.Ordinal))?.Split(':', 2)[^1].Trim() ?? "";
        var flags = Field("flags").Split(' ').ToHashSet(StringComparer.Ordinal);
        return (Field("model name"), [.. KernelFeatures.Where(flags.Contains)]);
    }
}

using System.Text.Json;

namespace Kinora.Engine;

/// <summary>What the native library was built with.</summary>
/// <param name="Torch">Version of libtorch.</param>
/// <param name="Features">Of gloo, nccl, cuda, onednn_sgemm, openmp: those compiled in.</param>
/// <param name="CpuLevel">Best instruction set of the CPU kernels on this processor.</param>
public sealed record NativeBuild(string Torch, IReadOnlyList<string> Features, string CpuLevel)
{
    internal static NativeBuild Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        JsonElement root = document.RootElement;
        return new NativeBuild(root.GetProperty("torch").GetString()!, [.. root.GetProperty("features").EnumerateArray().Select(f => f.GetString()!)], root.GetProperty("cpu_level").GetString()!);
    }
}

namespace Kinora.Cli.Doctor;

/// <summary>Everything <c>kinora doctor</c> found; serialized as it stands by <c>--json</c>.</summary>
internal sealed record MachineReport
{
    public required string Kinora { get; init; }
    public required string DotNet { get; init; }
    public required string OperatingSystem { get; init; }
    public required ProcessorReport Processor { get; init; }
    public required MemoryReport Memory { get; init; }
    public required EngineReport? Engine { get; init; }
    public required MediaReport Media { get; init; }

    /// <summary>The optional vision library: versions, or what it lacks with the remedy.</summary>
    public required string Vision { get; init; }
    public required IReadOnlyList<ModelReport> Models { get; init; }
    public required IReadOnlyList<SpeedReport> Speed { get; init; }

    /// <summary>What stands in the way, each with its remedy. Empty on a good machine.</summary>
    public required IReadOnlyList<string> Problems { get; init; }
}

/// <param name="Cores">Logical processors of the machine.</param>
/// <param name="AllowedCores">Those in this process's affinity mask.</param>
/// <param name="CgroupCores">The CPU quota in cores; null without one.</param>
/// <param name="Features">Instruction sets that Kinora's kernels can use.</param>
internal sealed record ProcessorReport(string Model, int Cores, int AllowedCores, double? CgroupCores, IReadOnlyList<string> Features);

/// <param name="TotalBytes">Physical memory, or the cgroup's limit when that is smaller.</param>
/// <param name="AvailableBytes">What a new process can get without swapping, within the cgroup's limit.</param>
/// <param name="CgroupLimitBytes">The cgroup's limit; null without one.</param>
internal sealed record MemoryReport(long TotalBytes, long AvailableBytes, long? CgroupLimitBytes);

/// <param name="Kernels">Instruction set that the CPU kernels use.</param>
/// <param name="CudaDevices">Name, compute capability and memory of each.</param>
internal sealed record EngineReport(string NativeLibrary, string BuildInfo, string? LibtorchPath, string Kernels, int Threads, IReadOnlyList<string> CudaDevices);

/// <param name="Versions">The libav libraries in use; null when the native library cannot be loaded.</param>
/// <param name="Formats">Formats that clips can be written in here.</param>
/// <param name="EmojiFont">Serves only to draw new glyphs: those in use are embedded.</param>
internal sealed record MediaReport(string? Versions, IReadOnlyList<string> Formats, string? EmojiFont);

internal sealed record ModelReport(string Path, long Bytes);

/// <param name="Rate">In <paramref name="Unit"/>; the best of the rounds that fit in the time.</param>
/// <param name="MaxError">Largest absolute difference from a float64 computation of the same numbers.</param>
internal sealed record SpeedReport(string Name, double Rate, string Unit, double MaxError, bool IsCorrect);

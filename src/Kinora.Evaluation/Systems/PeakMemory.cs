using System.Globalization;
using Kinora.Engine;

namespace Kinora.Evaluation.Systems;

/// <summary>How much the resident size of this process grew at most since it was looked at first, as Linux counts it (proc(5): VmRSS, VmHWM, clear_refs).</summary>
internal static class PeakMemory
{
    private const string Refs = "/proc/self/clear_refs", Status = "/proc/self/status", Peak = "VmHWM:", Now = "VmRSS:", ResetPeak = "5";

    /// <summary>
    /// Starts counting anew: the resident bytes now, or null where the system does not allow it. What earlier work left to be used again goes back to the
    /// system first, else it would hide what is measured.
    /// </summary>
    public static long? Restart()
    {
        GC.Collect();
        EngineRuntime.TrimHostMemory();
        try
        {
            File.WriteAllText(Refs, ResetPeak);
            return Read(Now);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <summary>Bytes by which the peak since <see cref="Restart"/> exceeds what that returned.</summary>
    public static long? Above(long? before) => before is { } b && Read(Peak) is { } peak ? Math.Max(0, peak - b) : null;

    private static long? Read(string key)
    {
        if (!File.Exists(Status))
            return null;
        string? line = File.ReadLines(Status).FirstOrDefault(l => l.StartsWith(key, StringComparison.Ordinal));
        return line is not null && long.TryParse(line.AsSpan(key.Length).Trim().TrimEnd("kB").Trim(), NumberStyles.Integer, CultureInfo.InvariantCulture, out long kilobytes) ? kilobytes << 10 : null;
    }
}

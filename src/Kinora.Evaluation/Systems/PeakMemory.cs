using System.Globalization;

namespace Kinora.Evaluation.Systems;

/// <summary>The largest resident size of this process since the last <see cref="Restart"/>, as Linux counts it (proc(5): VmHWM, clear_refs).</summary>
internal static class PeakMemory
{
    private const string Refs = "/proc/self/clear_refs", Status = "/proc/self/status", Key = "VmHWM:", ResetPeak = "5";

    /// <summary>Starts counting anew; false where the system does not allow it.</summary>
    public static bool Restart()
    {
        try
        {
            File.WriteAllText(Refs, ResetPeak);
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    /// <summary>Bytes; null where the system does not say.</summary>
    public static long? Read()
    {
        if (!File.Exists(Status))
            return null;
        string? line = File.ReadLines(Status).FirstOrDefault(l => l.StartsWith(Key, StringComparison.Ordinal));
        return line is not null && long.TryParse(line.AsSpan(Key.Length).Trim().TrimEnd("kB").Trim(), NumberStyles.Integer, CultureInfo.InvariantCulture, out long kilobytes) ? kilobytes << 10 : null;
    }
}

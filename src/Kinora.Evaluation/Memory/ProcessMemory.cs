// What the system says about the memory of this process. Source: Linux, Documentation/filesystems/proc.rst (status, clear_refs).

using System.Globalization;

namespace Kinora.Evaluation.Memory;

/// <summary>Resident memory of this process, in bytes; 0 where the system does not say.</summary>
public static class ProcessMemory
{
    /// <summary>Now.</summary>
    public static long Resident => Status("VmRSS:");

    /// <summary>The most so far, or since <see cref="ResetPeak"/>.</summary>
    public static long Peak => Status("VmHWM:");

    /// <summary>Begins the peak anew at what is resident now. Where that is not allowed the peak stays that of the process.</summary>
    public static void ResetPeak()
    {
        try
        {
            File.WriteAllText("/proc/self/clear_refs", "5");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // A container may forbid it: the peak of the process then counts, which is never less.
        }
    }

    private static long Status(string field)
    {
        string? line = File.Exists("/proc/self/status") ? File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith(field, StringComparison.Ordinal)) : null;
        return line is null ? 0 : long.Parse(line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) * 1024;
    }
}

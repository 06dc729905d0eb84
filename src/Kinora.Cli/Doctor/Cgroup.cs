// Limits that a container puts on this process: cgroup v2 (cpu.max, memory.max) and v1 (cpu.cfs_quota_us, memory.limit_in_bytes).
// Source: https://docs.kernel.org/admin-guide/cgroup-v2.html and .../cgroup-v1/.

using System.Globalization;

namespace Kinora.Cli.Doctor;

/// <summary>Reads the tightest limit between this process's group and the root.</summary>
internal static class Cgroup
{
    private const string Root = "/sys/fs/cgroup";

    // v1 writes "no limit" as the largest page-aligned long.
    private const long Unlimited = 1L << 60;

    /// <summary>The CPU quota in cores, or null.</summary>
    public static double? CpuCores()
    {
        var quotas = Folders("cpu").Select(folder =>
        {
            if (Read(folder, "cpu.max")?.Split(' ') is [var max, var per] && Number(max) is { } quota && Number(per) is { } period) { return quota / (double)period; }
            return Number(Read(folder, "cpu.cfs_quota_us")) is > 0 and { } q && Number(Read(folder, "cpu.cfs_period_us")) is > 0 and { } p ? q / (double)p : (double?)null;
        });
        return quotas.Min();
    }

    /// <summary>The memory limit and what is left of it, in bytes, or null.</summary>
    public static (long Limit, long Available)? Memory()
    {
        (long Limit, long Available)? tightest = null;
        foreach (string folder in Folders("memory"))
        {
            long? limit = Number(Read(folder, "memory.max")) ?? Number(Read(folder, "memory.limit_in_bytes"));
            long? used = Number(Read(folder, "memory.current")) ?? Number(Read(folder, "memory.usage_in_bytes"));
            if (limit is null or >= Unlimited || used is null) { continue; }
            // Page cache counts as used but is given back on demand.
            long reclaimable = (Read(folder, "memory.stat") ?? "").Split('\n')
                .Where(l => l.StartsWith("inactive_file ", StringComparison.Ordinal) || l.StartsWith("total_inactive_file ", StringComparison.Ordinal))
                .Select(l => Number(l[(l.IndexOf(' ', StringComparison.Ordinal) + 1)..]) ?? 0).DefaultIfEmpty().Max();
            long available = Math.Max(0, limit.Value - used.Value + reclaimable);
            if (tightest is null || available < tightest.Value.Available) { tightest = (limit.Value, available); }
        }

        return tightest;
    }

    /// <summary>The folders of this process's groups for one controller, from the group itself up to the root.</summary>
    private static IEnumerable<string> Folders(string controller)
    {
        if (!File.Exists("/proc/self/cgroup")) { yield break; }
        foreach (string line in File.ReadLines("/proc/self/cgroup"))
        {
            // "hierarchy:controllers:path"; v2 has an empty controller list.
            string[] parts = line.Split(':', 3);
            if (parts.Length < 3) { continue; }
            string? mount = parts[1].Length == 0 ? Root : parts[1].Split(',').Contains(controller) ? $"{Root}/{parts[1]}" : null;
            if (mount is null) { continue; }
            for (string? path = parts[2].TrimEnd('/'); path is not null; path = path.Length == 0 ? null : path[..path.LastIndexOf('/')]) { yield return mount + path; }
        }
    }

    private static string? Read(string folder, string file)
    {
        string path = Path.Combine(folder, file);
        return File.Exists(path) ? File.ReadAllText(path).Trim() : null;
    }

    private static long? Number(string? text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) ? value : null;
}

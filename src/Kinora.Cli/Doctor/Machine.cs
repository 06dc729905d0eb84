using System.Globalization;
using System.Runtime.InteropServices;
using Kinora.Engine;

namespace Kinora.Cli.Doctor;

/// <summary>Reads what the operating system says about this machine.</summary>
internal static class Machine
{
    private const string EmojiFont = "NotoColorEmoji.ttf";
    private static readonly string[] KernelFeatures = ["avx2", "fma", "avx512f", "avx512bw", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_tile", "amx_bf16"];
    private static readonly string[] FontFolders = ["/usr/share/fonts", "/usr/local/share/fonts", Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".fonts")];

    public static ProcessorReport Processor()
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        int cores = 0;
        foreach (string line in File.ReadLines("/proc/cpuinfo"))
        {
            int colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon < 0) { continue; }
            string name = line[..colon].Trim();
            if (name == "processor") { cores++; }
            fields.TryAdd(name, line[(colon + 1)..].Trim());
        }

        var flags = fields.GetValueOrDefault("flags", "").Split(' ').ToHashSet(StringComparer.Ordinal);
        return new ProcessorReport(
            fields.GetValueOrDefault("model name", RuntimeInformation.ProcessArchitecture.ToString()),
            cores,
            Environment.ProcessorCount < cores ? AffinityCount() : cores,
            Cgroup.CpuCores(),
            [.. KernelFeatures.Where(flags.Contains)]);
    }

    public static MemoryReport Memory()
    {
        long total = MemInfo("MemTotal"), available = MemInfo("MemAvailable");
        var limit = Cgroup.Memory();
        return limit is { } l
            ? new MemoryReport(Math.Min(total, l.Limit), Math.Min(available, l.Available), l.Limit)
            : new MemoryReport(total, available, null);
    }

    public static string OperatingSystem()
    {
        const string release = "/etc/os-release";
        string? name = File.Exists(release)
            ? File.ReadLines(release).FirstOrDefault(l => l.StartsWith("PRETTY_NAME=", StringComparison.Ordinal))?["PRETTY_NAME=".Length..].Trim('"')
            : null;
        return $"{name ?? RuntimeInformation.OSDescription} {RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}, kernel {Environment.OSVersion.Version.ToString(3)}";
    }

    /// <summary>The file behind a library that this process has mapped, or null.</summary>
    /// <param name="prefix">How its file name begins: "libtorch_cpu.so".</param>
    public static string? MappedLibrary(string prefix) =>
        File.ReadLines("/proc/self/maps").Select(l => l.IndexOf('/', StringComparison.Ordinal) is >= 0 and var at ? l[at..] : "")
            .FirstOrDefault(path => Path.GetFileName(path).StartsWith(prefix, StringComparison.Ordinal));

    /// <summary>Name, compute capability and memory of a CUDA device.</summary>
    public static string DescribeCuda(int index)
    {
        var (name, capability) = Cuda.Describe(index);
        var memory = Cuda.Memory(index);
        return string.Create(CultureInfo.InvariantCulture, $"{name}, compute {capability / 10}.{capability % 10}, {memory.FreeBytes / (double)(1L << 30):0.0} GiB free of {memory.TotalBytes / (double)(1L << 30):0.0} GiB");
    }

    /// <summary>The color emoji font that the procedural world draws with, or null.</summary>
    public static string? FindEmojiFont() =>
        FontFolders.Where(Directory.Exists).SelectMany(f => Directory.EnumerateFiles(f, EmojiFont, SearchOption.AllDirectories)).FirstOrDefault();

    private static int AffinityCount()
    {
        // "Cpus_allowed_list:	0-3,8"
        string list = File.ReadLines("/proc/self/status").FirstOrDefault(l => l.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal))?.Split(':')[1].Trim() ?? "";
        return list.Split(',', StringSplitOptions.RemoveEmptyEntries).Select(r => r.Split('-')).Sum(r => r.Length == 2 ? Parse(r[1]) - Parse(r[0]) + 1 : 1);
    }

    private static long MemInfo(string field)
    {
        string? line = File.ReadLines("/proc/meminfo").FirstOrDefault(l => l.StartsWith(field + ":", StringComparison.Ordinal));
        return line is null ? 0 : Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024L;
    }

    private static int Parse(string text) => int.Parse(text, NumberStyles.Integer, CultureInfo.InvariantCulture);
}

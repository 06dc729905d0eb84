using System.Runtime.InteropServices;

namespace Kinora.Cli.Tests;

/// <summary>A file system of a few pages in memory, mounted over a folder.</summary>
internal sealed partial class SmallDisk : IDisposable
{
    private readonly string _folder;

    private SmallDisk(string folder) => _folder = folder;

    /// <summary>Mounts it, or returns null where the kernel refuses (an unprivileged container).</summary>
    public static SmallDisk? TryMount(string folder, int kibibytes) =>
        mount("tmpfs", folder, "tmpfs", 0, $"size={kibibytes}k") == 0 ? new SmallDisk(folder) : null;

    public void Dispose() => _ = umount2(_folder, 0);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int mount(string source, string target, string type, ulong flags, string data);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int umount2(string target, int flags);
}

/// <summary>A test that needs root; it is skipped, and counted, elsewhere.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed partial class MountFactAttribute : FactAttribute
{
    public MountFactAttribute()
    {
        string probe = Directory.CreateTempSubdirectory("kinora-mount-").FullName;
        using (var disk = SmallDisk.TryMount(probe, kibibytes: 4))
        {
            if (disk is null) { Skip = "mounting a small disk needs root"; }
        }

        Directory.Delete(probe);
    }
}

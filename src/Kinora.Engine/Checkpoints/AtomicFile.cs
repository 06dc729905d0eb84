using System.Runtime.InteropServices;

namespace Kinora.Engine.Checkpoints;

/// <summary>Files that appear whole or not at all: written beside their place, flushed to the device, then renamed.</summary>
public static partial class AtomicFile
{
    private const int OpenReadOnlyDirectory = 0x10000; // O_RDONLY | O_DIRECTORY on Linux x86-64

    /// <summary>Writes <paramref name="path"/> through <paramref name="write"/>; on any failure the old file, if there is one, stays untouched.</summary>
    public static void Write(string path, Action<FileStream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        string full = Path.GetFullPath(path);
        string temporary = $"{full}.{Environment.ProcessId}.partial";
        try
        {
            using (var file = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
            {
                write(file);
                file.Flush(flushToDisk: true);
            }
            File.Move(temporary, full, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
        FlushFolder(Path.GetDirectoryName(full)!);
    }

    /// <summary>Makes a rename inside a folder survive a power failure. Where the system refuses, the rename itself still holds.</summary>
    private static void FlushFolder(string folder)
    {
        if (!OperatingSystem.IsLinux() || RuntimeInformation.ProcessArchitecture != Architecture.X64)
        {
            return;
        }
        int descriptor = Open(folder, OpenReadOnlyDirectory);
        if (descriptor >= 0)
        {
            _ = Sync(descriptor);
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync")]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close")]
    private static partial int Close(int descriptor);
}

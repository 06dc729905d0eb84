// A file or folder that appears under its name only when it is complete.
using Kinora.Media.Native;

namespace Kinora.Media;

/// <summary>
/// Work happens under a temporary name in the same directory. <see cref="Commit"/> flushes it to the disk and renames it;
/// <see cref="Dispose"/> without it removes every trace.
/// </summary>
internal sealed class AtomicTarget : IDisposable
{
    private readonly bool _isFolder;
    private bool _done;

    private AtomicTarget(string path, string temporaryPath, bool isFolder)
    {
        Path = path;
        TemporaryPath = temporaryPath;
        _isFolder = isFolder;
    }

    /// <summary>The final absolute path.</summary>
    public string Path { get; }

    /// <summary>Where the content is written until it is complete.</summary>
    public string TemporaryPath { get; }

    /// <summary>Prepares a file.</summary>
    /// <exception cref="MediaException">The directory does not exist, or the name is that of a folder.</exception>
    public static AtomicTarget File(string path)
    {
        string full = System.IO.Path.GetFullPath(path);
        if (Directory.Exists(full))
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: is a folder; give a file name, or choose the folder format.", path);
        }

        return new AtomicTarget(full, TemporaryFor(path, full), isFolder: false);
    }

    /// <summary>Prepares a folder. An existing one is replaced only when it is empty or holds such a clip already.</summary>
    /// <exception cref="MediaException">The parent does not exist, or the folder holds other things.</exception>
    public static AtomicTarget Folder(string path)
    {
        string full = System.IO.Path.TrimEndingDirectorySeparator(System.IO.Path.GetFullPath(path));
        if (System.IO.File.Exists(full))
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: is a file; a folder of frames needs another name.", path);
        }

        if (Directory.Exists(full) && Directory.EnumerateFileSystemEntries(full).Any() && !FolderManifest.Owns(full))
        {
            throw new MediaException(MediaErrorKind.InvalidArgument, $"{path}: the folder holds other files and would be replaced; give a new name or an empty folder.", path);
        }

        string temporary = TemporaryFor(path, full);
        Guard(path, () => Directory.CreateDirectory(temporary));
        return new AtomicTarget(full, temporary, isFolder: true);
    }

    /// <summary>Runs file operations, turning the runtime's exceptions into <see cref="MediaException"/>.</summary>
    public static void Guard(string path, Action action)
    {
        try
        {
            action();
        }
        catch (UnauthorizedAccessException e)
        {
            throw new MediaException(MediaErrorKind.AccessDenied, $"{path}: cannot be written: {e.Message} Choose a folder you may write to.", path, e);
        }
        catch (IOException e)
        {
            // Raw errno on Unix: EFBIG, ENOSPC, EDQUOT.
            bool full = e.HResult is 27 or 28 or 122;
            throw full
                ? new MediaException(MediaErrorKind.DiskFull, $"{path}: cannot be written: no space left on the device. Free some space or choose another folder; nothing was left behind.", path, e)
                : new MediaException(MediaErrorKind.IO, $"{path}: cannot be written: {e.Message}", path, e);
        }
    }

    /// <summary>Makes the content durable and gives it its name, replacing what was there.</summary>
    public void Commit()
    {
        string directory = System.IO.Path.GetDirectoryName(Path)!;
        if (_isFolder)
        {
            foreach (string file in Directory.EnumerateFiles(TemporaryPath))
            {
                Sync(file);
            }

            Sync(TemporaryPath);
            Guard(Path, ReplaceFolder);
        }
        else
        {
            Sync(TemporaryPath);
            Guard(Path, () => System.IO.File.Move(TemporaryPath, Path, overwrite: true));
        }

        _done = true;
        Sync(directory);
    }

    public void Dispose()
    {
        if (_done)
        {
            return;
        }

        _done = true;
        if (_isFolder)
        {
            if (Directory.Exists(TemporaryPath))
            {
                Directory.Delete(TemporaryPath, recursive: true);
            }
        }
        else
        {
            System.IO.File.Delete(TemporaryPath);
        }
    }

    private static string TemporaryFor(string path, string full)
    {
        string? directory = System.IO.Path.GetDirectoryName(full);
        if (directory is null || !Directory.Exists(directory))
        {
            throw new MediaException(MediaErrorKind.NotFound, $"{path}: the folder {directory ?? full} does not exist; create it first.", path);
        }

        // The whole name is at most 255 bytes; a cut name still tells whose it is.
        string name = System.IO.Path.GetFileName(full);
        return System.IO.Path.Combine(directory, $".{(name.Length > 40 ? name[..40] : name)}.{System.IO.Path.GetRandomFileName()}.tmp");
    }

    private void ReplaceFolder()
    {
        if (!Directory.Exists(Path))
        {
            Directory.Move(TemporaryPath, Path);
            return;
        }

        string old = TemporaryPath + ".old";
        Directory.Move(Path, old);
        Directory.Move(TemporaryPath, Path);
        Directory.Delete(old, recursive: true);
    }

    private void Sync(string path)
    {
        NativeMedia.EnsureLoaded();
        NativeMedia.Check(NativeMethods.km_sync(path), "cannot be written to the disk", Path);
    }
}

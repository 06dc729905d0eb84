// Finds and checks libkinora_media.so, and turns its status codes into MediaException.
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;

namespace Kinora.Media.Native;

/// <summary>The loaded native library.</summary>
internal static unsafe class NativeMedia
{
    private const string FileName = "libkinora_media.so";

    private static readonly Lazy<MediaException?> LoadFailure = new(Load);

    /// <summary>Loads the library once and checks its ABI version; every entry point of this assembly comes through here.</summary>
    /// <exception cref="MediaException">The library is missing, cannot be loaded, or is of another version.</exception>
    public static void EnsureLoaded()
    {
        if (LoadFailure.Value is { } failure)
        {
            throw new MediaException(failure.Kind, failure.Message, failure.Path, failure);
        }
    }

    /// <summary>UTF-8 text behind a native pointer.</summary>
    public static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    /// <summary>UTF-8 text in a fixed field, up to its NUL.</summary>
    public static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    /// <summary>Throws for every status except Ok and End.</summary>
    public static void Check(Status status, string action, string path, TimeSpan? time = null, long frames = 0)
    {
        if (status is not (Status.Ok or Status.End))
        {
            throw Failure(status, action, path, time, frames);
        }
    }

    /// <summary>The exception for a status, with the native text of this thread.</summary>
    public static MediaException Failure(Status status, string action, string path, TimeSpan? time = null, long frames = 0)
    {
        string text = Text(NativeMethods.km_last_error());
        var message = new StringBuilder($"{path}: {action}");
        if (time is { } at)
        {
            message.Append(CultureInfo.InvariantCulture, $" after {frames} good frame(s), the last at {at.TotalSeconds:0.###} s");
        }

        message.Append(": ").Append(text.Length == 0 ? status.ToString() : text).Append('.');
        message.Append(status switch
        {
            Status.DiskFull => " Free some space or choose another folder; nothing was left behind.",
            Status.MissingCodec => " Install a libavcodec with it (Debian: apt-get install libavcodec-extra or libavcodec59 from main) or choose another format: .gif and a folder of PNG frames need no codec.",
            Status.Truncated => " Fetch the file again, or use only the part before the break.",
            Status.NotMedia => " Give a video, GIF or image file.",
            _ => "",
        });
        return new MediaException(Kind(status), message.ToString(), path) { Time = time, Frames = frames };
    }

    private static MediaErrorKind Kind(Status status) => status switch
    {
        Status.NotFound => MediaErrorKind.NotFound,
        Status.AccessDenied => MediaErrorKind.AccessDenied,
        Status.NotMedia => MediaErrorKind.NotMedia,
        Status.Truncated => MediaErrorKind.Truncated,
        Status.Corrupt => MediaErrorKind.Corrupt,
        Status.InvalidArgument => MediaErrorKind.InvalidArgument,
        Status.MissingCodec => MediaErrorKind.MissingCodec,
        Status.DiskFull => MediaErrorKind.DiskFull,
        Status.IO => MediaErrorKind.IO,
        _ => MediaErrorKind.Internal,
    };

    private static MediaException? Load()
    {
        string? path = Find();
        if (path is null)
        {
            return new MediaException(
                MediaErrorKind.NativeLibrary,
                $"{FileName} was not found: looked in the folder named by KINORA_NATIVE, beside the program ({AppContext.BaseDirectory}) and in artifacts/native of every folder above. Build it with: cmake -S native/media -B artifacts/build/media && cmake --build artifacts/build/media");
        }

        // libavcodec's dependencies bring OpenMP along, which reads this once, when it loads, for the whole process and so for the tensor
        // library too. A waiting thread must sleep: beside other work, spinning ones made a clip take 104 s instead of 8.
        _ = NativeMethods.setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
        if (!NativeLibrary.TryLoad(path, out nint library))
        {
            string reason = "unknown reason";
            try
            {
                NativeLibrary.Load(path);
            }
            catch (DllNotFoundException e)
            {
                reason = e.Message;
            }

            return new MediaException(MediaErrorKind.NativeLibrary, $"{path} cannot be loaded: {reason}. Install the libav libraries (Debian: apt-get install libavformat59 libavcodec59 libswscale6) or build it again for the installed version.", path);
        }

        NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, _, _) => name == NativeMethods.Library ? library : 0);
        int version = NativeMethods.km_abi_version();
        return version == NativeMethods.AbiVersion
            ? null
            : new MediaException(MediaErrorKind.NativeLibrary, $"{path} has ABI version {version}, this program expects {NativeMethods.AbiVersion}. Build native/media again.", path);
    }

    private static string? Find()
    {
        string? named = Environment.GetEnvironmentVariable("KINORA_NATIVE");
        if (!string.IsNullOrEmpty(named))
        {
            string candidate = Path.Combine(named, FileName);
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        string beside = Path.Combine(AppContext.BaseDirectory, FileName);
        if (File.Exists(beside))
        {
            return beside;
        }

        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "artifacts", "native", FileName);
            if (File.Exists(candidate))
            {
                return candidate;
            }
        }

        return null;
    }
}

// Finds and checks libkinora_vision.so, the one optional native library; native/vision/kinora_vision.h is the contract.
using System.Reflection;
using System.Runtime.InteropServices;

namespace Kinora.Vision;

/// <summary>Whether OpenCV, and with it Tesseract, can be used here.</summary>
public static unsafe class VisionLibrary
{
    private const string FileName = "libkinora_vision.so", Remedy = "install libopencv-core-dev libopencv-imgproc-dev libopencv-video-dev and run \"kinora setup --force\"";
    private static readonly Lazy<string?> LoadFailure = new(Load);

    /// <summary>Why the library cannot be used, with what to do; null when it can.</summary>
    public static string? Unavailable => LoadFailure.Value;

    /// <summary>Versions of what is loaded, such as <c>OpenCV 4.6.0, Tesseract 5.3.0</c>.</summary>
    /// <exception cref="VisionException">The library is unavailable.</exception>
    public static string Versions
    {
        get
        {
            EnsureLoaded();
            return Text(NativeMethods.kv_build_info());
        }
    }

    /// <exception cref="VisionException">The library is unavailable.</exception>
    internal static void EnsureLoaded()
    {
        if (Unavailable is { } reason) { throw new VisionException(reason); }
    }

    /// <summary>Throws for every status but success.</summary>
    internal static void Check(int status, string action)
    {
        if (status != 0) { throw new VisionException($"{action}: {LastError}."); }
    }

    /// <summary>What the last failure of this thread was.</summary>
    internal static string LastError => Text(NativeMethods.kv_last_error());

    /// <summary>UTF-8 text behind a native pointer.</summary>
    internal static string Text(byte* text) => Marshal.PtrToStringUTF8((nint)text) ?? "";

    private static string? Load()
    {
        if (Find() is not { } path) { return $"{FileName} was not built: {Remedy}"; }
        // Tesseract brings OpenMP along, which reads this once, when it loads, for the whole process and so for the tensor library too: a waiting thread must sleep.
        _ = NativeMethods.setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
        nint library;
        try { library = NativeLibrary.Load(path); }
        catch (DllNotFoundException e) { return $"{path} cannot be loaded ({e.Message.Trim()}): {Remedy}"; }
        NativeLibrary.SetDllImportResolver(Assembly.GetExecutingAssembly(), (name, _, _) => name == NativeMethods.Library ? library : 0);
        int version = NativeMethods.kv_abi_version();
        return version == NativeMethods.AbiVersion ? null : $"{path} has ABI version {version}, this program expects {NativeMethods.AbiVersion}: run \"kinora setup\"";
    }

    private static string? Find()
    {
        if (Environment.GetEnvironmentVariable("KINORA_NATIVE") is { Length: > 0 } named && File.Exists(Path.Combine(named, FileName))) { return Path.Combine(named, FileName); }
        string beside = Path.Combine(AppContext.BaseDirectory, FileName);
        if (File.Exists(beside)) { return beside; }
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            string candidate = Path.Combine(folder.FullName, "artifacts", "native", FileName);
            if (File.Exists(candidate)) { return candidate; }
        }
        return null;
    }
}

using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;

namespace Kinora.Engine.Native;

/// <summary>
/// Finds and initialises libkinora_torch. It is looked for in KINORA_NATIVE, beside the assembly, then in
/// artifacts/native of the folders above (a source checkout).
/// </summary>
internal static unsafe class NativeLoader
{
    private static readonly Lock Gate = new();
    private static bool _registered;
    private static string? _path;

    /// <summary>Where the library was found; null before the first use.</summary>
    internal static string? LibraryPath => _path;

    internal static void Register()
    {
        lock (Gate)
        {
            if (_registered)
                return;
            _registered = true;
            NativeLibrary.SetDllImportResolver(typeof(NativeLoader).Assembly, Resolve);
        }
    }

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? search)
    {
        if (name != NativeMethods.Library)
            return 0;
        string file = $"lib{NativeMethods.Library}.so";
        foreach (string folder in Candidates())
        {
            string path = Path.Combine(folder, file);
            if (!File.Exists(path))
                continue;
            // libtorch's BLAS and OpenMP read these when they load. A waiting thread must sleep: a spinning one
            // slows every neighbor by up to ten times. Managed changes to the environment do not reach native code.
            _ = NativeMethods.setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
            _ = NativeMethods.unsetenv("OPENBLAS_CORETYPE");
            _ = NativeMethods.unsetenv("OPENBLAS_L2_SIZE");
            try
            {
                nint handle = NativeLibrary.Load(path);
                _path = path;
                return handle;
            }
            catch (DllNotFoundException e)
            {
                throw new NativeException($"{path} could not be loaded: {e.Message} Run ./kinora once to set the native libraries up, or name libtorch with KINORA_LIBTORCH.", e);
            }
        }
        throw new NativeException($"{file} was not found in {string.Join(", ", Candidates().Take(3))}. Run ./kinora once to build it, or set KINORA_NATIVE to its folder.");
    }

    private static IEnumerable<string> Candidates()
    {
        if (Environment.GetEnvironmentVariable("KINORA_NATIVE") is { Length: > 0 } named)
            yield return named;
        yield return AppContext.BaseDirectory;
        for (DirectoryInfo? d = new(AppContext.BaseDirectory); d is not null; d = d.Parent)
            yield return Path.Combine(d.FullName, "artifacts", "native");
    }

    /// <summary>Loads and initialises once: ABI handshake, threads from the affinity mask, caching allocator.</summary>
    internal static int Initialize()
    {
        Register();
        int abi = NativeMethods.kn_abi_version();
        if (abi != NativeMethods.AbiVersion)
            throw new NativeException(string.Create(CultureInfo.InvariantCulture, $"{_path} speaks ABI {abi}, this build needs {NativeMethods.AbiVersion}. Run ./kinora to rebuild it."));
        int wanted = int.TryParse(Environment.GetEnvironmentVariable("KINORA_THREADS"), NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 0;
        int threads = NativeMethods.kn_init(wanted);
        if (threads < 0)
            Throw();
        if (NativeMethods.kn_cpu_cache_enable(EngineRuntime.DefaultHostCacheLimit) < 0)
            Throw();
        return threads;
    }

    internal static string LastError() => Marshal.PtrToStringUTF8((nint)NativeMethods.kn_last_error()) ?? "unknown native error";

    [DoesNotReturn]
    internal static void Throw() => throw new NativeException(LastError());

    internal static void Check(int status)
    {
        if (status < 0)
            Throw();
    }

    internal static nint Check(nint handle)
    {
        if (handle == 0)
            Throw();
        return handle;
    }
}

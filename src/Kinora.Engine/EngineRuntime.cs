using System.Runtime.InteropServices;
using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>Bytes that the engine's allocator holds: in tensors, kept for reuse, and the most that tensors held at once.</summary>
public readonly record struct MemoryStatistics(long LiveBytes, long CachedBytes, long PeakBytes);

/// <summary>The native tensor library as a whole: start, threads, versions, memory, profile.</summary>
public static unsafe class EngineRuntime
{
    private static readonly Lazy<int> Started = new(NativeLoader.Initialize);

    /// <summary>Loads libtorch if that has not happened yet (about 0.4 s).</summary>
    /// <exception cref="NativeException">The library is absent, cannot be loaded, or speaks another ABI.</exception>
    public static void EnsureStarted() => _ = Started.Value;

    /// <summary>Threads that operators use. Set from the affinity mask at start, or from KINORA_THREADS.</summary>
    public static int Threads
    {
        get
        {
            EnsureStarted();
            return NativeMethods.kn_threads(0);
        }
        set
        {
            EnsureStarted();
            NativeLoader.Check(NativeMethods.kn_threads(value));
        }
    }

    /// <summary>What the native library was built with, in words.</summary>
    public static string BuildInfo
    {
        get
        {
            NativeBuild build = Build;
            return $"libtorch {build.Torch} ({string.Join(", ", build.Features)})";
        }
    }

    /// <summary>What the native library was built with.</summary>
    public static NativeBuild Build
    {
        get
        {
            EnsureStarted();
            return NativeBuild.Parse(Marshal.PtrToStringUTF8((nint)NativeMethods.kn_build_info()) ?? "{}");
        }
    }

    /// <summary>The file that was loaded.</summary>
    public static string? LibraryPath => NativeLoader.LibraryPath;

    public static bool CudaIsAvailable
    {
        get
        {
            EnsureStarted();
            return NativeMethods.kn_cuda_available() > 0;
        }
    }

    public static int CudaDeviceCount
    {
        get
        {
            EnsureStarted();
            return Math.Max(0, NativeMethods.kn_cuda_device_count());
        }
    }

    /// <summary>Host memory of the engine's allocator.</summary>
    public static MemoryStatistics HostMemory
    {
        get
        {
            EnsureStarted();
            long* s = stackalloc long[3];
            NativeMethods.kn_cpu_cache_stats(s);
            return new MemoryStatistics(s[0], s[1], s[2]);
        }
    }

    /// <summary>Returns cached host memory to the operating system.</summary>
    public static void TrimHostMemory()
    {
        EnsureStarted();
        NativeMethods.kn_cpu_cache_trim();
    }

    /// <summary>Starts <see cref="MemoryStatistics.PeakBytes"/> anew from what tensors hold now.</summary>
    public static void ResetPeakHostMemory()
    {
        EnsureStarted();
        NativeMethods.kn_cpu_peak_reset();
    }

    /// <summary>What <see cref="HostCacheLimit"/> is at first: 8 GiB, at most a third of the memory that this process may use. Does not start the engine.</summary>
    public static long DefaultHostCacheLimit => Math.Min(8L << 30, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 3);

    /// <summary>Bytes of freed host memory that are kept for reuse at most.</summary>
    public static long HostCacheLimit
    {
        get
        {
            EnsureStarted();
            long limit;
            NativeLoader.Check(NativeMethods.kn_cpu_cache_limit(-1, &limit));
            return limit;
        }
        set
        {
            ArgumentOutOfRangeException.ThrowIfNegative(value);
            EnsureStarted();
            NativeLoader.Check(NativeMethods.kn_cpu_cache_limit(value, null));
        }
    }

    /// <summary>Seeds libtorch's own generators. Kinora draws its noise from <c>Generator</c>; this serves parity with other tools.</summary>
    public static void ManualSeed(long seed)
    {
        EnsureStarted();
        NativeLoader.Check(NativeMethods.kn_manual_seed(seed));
    }

    /// <summary>Runs <paramref name="work"/> under the operator profiler and returns a table of self times.</summary>
    public static string Profile(Action work, int top = 25)
    {
        ArgumentNullException.ThrowIfNull(work);
        EnsureStarted();
        NativeLoader.Check(NativeMethods.kn_profiler(1));
        try
        {
            work();
        }
        finally
        {
            NativeLoader.Check(NativeMethods.kn_profiler(0));
        }
        return Marshal.PtrToStringUTF8((nint)NativeMethods.kn_profiler_report(top)) ?? "";
    }
}

using System.Runtime.InteropServices;
using Kinora.Engine.Native;

namespace Kinora.Engine;

/// <summary>Bytes of a CUDA device: free and total; held by tensors now and at most; reserved by libtorch's cache now and at most.</summary>
public readonly record struct CudaMemory(long FreeBytes, long TotalBytes, long AllocatedBytes, long PeakAllocatedBytes, long ReservedBytes, long PeakReservedBytes);

/// <summary>CUDA devices. Without one every call but <see cref="EmptyCache"/> throws <see cref="NativeException"/>.</summary>
public static unsafe class Cuda
{
    /// <summary>Name of the device and its compute capability times ten (90 for 9.0).</summary>
    public static (string Name, int Capability) Describe(int device = 0)
    {
        EngineRuntime.EnsureStarted();
        const int capacity = 256;
        byte* text = stackalloc byte[capacity];
        int capability = NativeMethods.kn_cuda_device_name(device, text, capacity);
        NativeLoader.Check(capability);
        return (Marshal.PtrToStringUTF8((nint)text) ?? "", capability);
    }

    public static CudaMemory Memory(int device = 0)
    {
        EngineRuntime.EnsureStarted();
        long* m = stackalloc long[6];
        NativeLoader.Check(NativeMethods.kn_cuda_memory(device, m));
        return new CudaMemory(m[0], m[1], m[2], m[3], m[4], m[5]);
    }

    /// <summary>Starts the peaks anew.</summary>
    public static void ResetPeakMemory(int device = 0)
    {
        EngineRuntime.EnsureStarted();
        NativeLoader.Check(NativeMethods.kn_cuda_peak_reset(device));
    }

    /// <summary>Gives cached device memory back.</summary>
    public static void EmptyCache()
    {
        EngineRuntime.EnsureStarted();
        NativeLoader.Check(NativeMethods.kn_cuda_empty_cache());
    }
}

/// <summary>
/// Operators recorded once on a CUDA device and launched again as one. The tensors of the recording stay where they are: write new
/// inputs into them, <see cref="Replay"/>, read the outputs. Run the work a few times before <see cref="Capture"/>, so that libraries
/// have set themselves up.
/// </summary>
public sealed class CudaGraph : IDisposable
{
    private nint _graph;

    private CudaGraph(nint graph) => _graph = graph;

    /// <summary>Records <paramref name="work"/> without running it.</summary>
    public static CudaGraph Capture(Action work, int device = 0)
    {
        ArgumentNullException.ThrowIfNull(work);
        EngineRuntime.EnsureStarted();
        var graph = new CudaGraph(NativeLoader.Check(NativeMethods.kn_cuda_graph_create(device)));
        try
        {
            NativeLoader.Check(NativeMethods.kn_cuda_graph_begin(graph._graph));
            try
            {
                work();
            }
            catch
            {
                _ = NativeMethods.kn_cuda_graph_end(graph._graph);      // the work's own exception is the one to report
                throw;
            }
            NativeLoader.Check(NativeMethods.kn_cuda_graph_end(graph._graph));
            return graph;
        }
        catch
        {
            graph.Dispose();
            throw;
        }
    }

    /// <summary>Launches the recording on the current stream.</summary>
    public void Replay()
    {
        ObjectDisposedException.ThrowIf(_graph == 0, this);
        NativeLoader.Check(NativeMethods.kn_cuda_graph_replay(_graph));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMethods.kn_cuda_graph_free(_graph);
        _graph = 0;
    }
}

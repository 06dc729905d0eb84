using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

[assembly: DisableRuntimeMarshalling]

namespace Kinora.Engine.Native;

/// <summary>Facts of one tensor, read in one call. Mirrors <c>kn_info</c> of native/torch/kinora_torch.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct TensorInfo
{
    public void* Data;
    public long NumElements, NumBytes;
    public int DType, ItemSize, Dim, DeviceType, DeviceIndex, Flags;
    public long StorageOffset;
    public fixed long Sizes[8];
    public fixed long Strides[8];

    public const int Contiguous = 1, RequiresGrad = 2;
}

/// <summary>The C ABI of libkinora_torch, one line per export.</summary>
internal static unsafe partial class NativeMethods
{
    internal const string Library = "kinora_torch";
    internal const int AbiVersion = 1;

    static NativeMethods() => NativeLoader.Register();

    [LibraryImport(Library)] internal static partial byte* kn_last_error();
    [LibraryImport(Library)] internal static partial int kn_init(int threads);
    [LibraryImport(Library)] internal static partial int kn_abi_version();
    [LibraryImport(Library)] internal static partial byte* kn_build_info();
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)] internal static partial nint kn_op_find(string name, string overload);
    [LibraryImport(Library)] internal static partial byte* kn_op_schema(nint op);
    [LibraryImport(Library)] internal static partial int kn_op_call(nint op, Value* args, int numArgs, Value* results, int maxResults);
    [LibraryImport(Library)] internal static partial void kn_tensor_release(nint tensor);
    [LibraryImport(Library)] internal static partial void kn_tensor_release_many(nint* tensors, int count);
    [LibraryImport(Library)] internal static partial nint kn_tensor_retain(nint tensor);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int kn_tensor_info(nint tensor, TensorInfo* info);
    [LibraryImport(Library)] internal static partial nint kn_from_blob(void* data, long* sizes, long* strides, int dim, int dtype, int deviceType, int deviceIndex, delegate* unmanaged[Cdecl]<void*, void> deleter, void* context);
    [LibraryImport(Library)] internal static partial int kn_set_requires_grad(nint tensor, int value);
    [LibraryImport(Library)] internal static partial nint kn_grad(nint tensor);
    [LibraryImport(Library)] internal static partial int kn_set_grad(nint tensor, nint grad);
    [LibraryImport(Library)] internal static partial int kn_backward(nint* tensors, nint* grads, int count, int retainGraph, int createGraph);
    [LibraryImport(Library)] internal static partial int kn_autograd_grad(nint* outputs, int numOutputs, nint* inputs, int numInputs, nint* gradOutputs, int retainGraph, int createGraph, int allowUnused, nint* results);
    [LibraryImport(Library)] internal static partial int kn_custom_node(nint* inputs, int numInputs, nint* outputs, int numOutputs, delegate* unmanaged[Cdecl]<void*, nint*, int, nint*, int, int> backward, delegate* unmanaged[Cdecl]<void*, void> free, void* context);
    [LibraryImport(Library), SuppressGCTransition] internal static partial int kn_grad_mode(int enabled);
    [LibraryImport(Library)] internal static partial nint kn_inference_enter(int enabled);
    [LibraryImport(Library)] internal static partial void kn_inference_exit(nint guard);
    [LibraryImport(Library)] internal static partial int kn_threads(int count);
    [LibraryImport(Library)] internal static partial int kn_manual_seed(long seed);
    [LibraryImport(Library)] internal static partial int kn_cpu_cache_enable(long limitBytes);
    [LibraryImport(Library)] internal static partial void kn_cpu_cache_trim();
    [LibraryImport(Library)] internal static partial void kn_cpu_cache_stats(long* liveCachedPeak);
    [LibraryImport(Library)] internal static partial int kn_cpu_cache_limit(long limitBytes, long* previous);
    [LibraryImport(Library)] internal static partial void kn_cpu_peak_reset();
    [LibraryImport(Library)] internal static partial int kn_cpu_level(int force);
    [LibraryImport(Library)] internal static partial int kn_device_synchronize(int deviceType, int deviceIndex);
    [LibraryImport(Library)] internal static partial int kn_cuda_available();
    [LibraryImport(Library)] internal static partial int kn_cuda_device_count();
    [LibraryImport(Library)] internal static partial int kn_cuda_device_name(int device, byte* text, int capacity);
    [LibraryImport(Library)] internal static partial int kn_cuda_memory(int device, long* six);
    [LibraryImport(Library)] internal static partial int kn_cuda_peak_reset(int device);
    [LibraryImport(Library)] internal static partial int kn_cuda_empty_cache();
    [LibraryImport(Library)] internal static partial nint kn_cuda_graph_create(int device);
    [LibraryImport(Library)] internal static partial int kn_cuda_graph_begin(nint graph);
    [LibraryImport(Library)] internal static partial int kn_cuda_graph_end(nint graph);
    [LibraryImport(Library)] internal static partial int kn_cuda_graph_replay(nint graph);
    [LibraryImport(Library)] internal static partial void kn_cuda_graph_free(nint graph);
    [LibraryImport(Library)] internal static partial int kn_profiler(int enable);
    [LibraryImport(Library)] internal static partial byte* kn_profiler_report(int top);

    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)] internal static partial int setenv(string name, string value, int overwrite);
    [LibraryImport("libc", StringMarshalling = StringMarshalling.Utf8)] internal static partial int unsetenv(string name);
}

// CUDA: devices, memory, synchronization, and graphs (a recorded sequence of kernels that is launched as one). Compiled in when
// libtorch has CUDA (KN_CUDA); otherwise there are no devices and every other call says so.

#include <ATen/Context.h>

#include <cstring>

#include "internal.h"

#ifdef KN_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>

namespace {

namespace cache = c10::cuda::CUDACachingAllocator;

struct Graph {
  at::cuda::CUDAGraph graph;
  c10::DeviceIndex device;
  std::unique_ptr<c10::cuda::CUDAStreamGuard> capturing;
};

void check(cudaError_t status) { TORCH_CHECK(status == cudaSuccess, "CUDA: ", cudaGetErrorString(status)); }

c10::DeviceIndex checked(int32_t device) {
  const int count = c10::cuda::device_count();
  TORCH_CHECK(device >= 0 && device < count, "CUDA device ", device, " does not exist; there are ", count);
  return (c10::DeviceIndex)device;
}

Graph& graph_of(kn_cuda_graph g) {
  if (!g) throw std::invalid_argument("CUDA graph is null");
  return *(Graph*)g;
}

}  // namespace

extern "C" {

int32_t kn_cuda_available(void) KN_TRY { return at::globalContext().hasCUDA() && c10::cuda::device_count() > 0; } KN_CATCH(-1)

int32_t kn_cuda_device_count(void) KN_TRY { return c10::cuda::device_count(); } KN_CATCH(-1)

int32_t kn_cuda_device_name(int32_t device, char* text, int32_t capacity) KN_TRY {
  KN_REQUIRE(text && capacity > 0, "text");
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, checked(device)));
  std::strncpy(text, properties.name, (size_t)capacity - 1);
  text[capacity - 1] = 0;
  return properties.major * 10 + properties.minor;
} KN_CATCH(-1)

// free and total of the device; allocated by tensors now and at most; reserved by the cache now and at most. Bytes.
int32_t kn_cuda_memory(int32_t device, int64_t* six) KN_TRY {
  KN_REQUIRE(six, "result");
  c10::cuda::CUDAGuard guard(checked(device));
  size_t free_bytes, total_bytes;
  check(cudaMemGetInfo(&free_bytes, &total_bytes));
  auto stats = cache::getDeviceStats(device);
  six[0] = (int64_t)free_bytes;
  six[1] = (int64_t)total_bytes;
  six[2] = stats.allocated_bytes[0].current;
  six[3] = stats.allocated_bytes[0].peak;
  six[4] = stats.reserved_bytes[0].current;
  six[5] = stats.reserved_bytes[0].peak;
  return 0;
} KN_CATCH(-1)

int32_t kn_cuda_peak_reset(int32_t device) KN_TRY {
  cache::resetPeakStats(checked(device));
  return 0;
} KN_CATCH(-1)

int32_t kn_cuda_empty_cache(void) KN_TRY {
  cache::emptyCache();
  return 0;
} KN_CATCH(-1)

int32_t kn_device_synchronize(int32_t device_type, int32_t device_index) KN_TRY {
  if (device_type != (int32_t)c10::DeviceType::CUDA) return 0;
  c10::cuda::CUDAGuard guard(checked(device_index < 0 ? 0 : device_index));
  c10::cuda::device_synchronize();
  return 0;
} KN_CATCH(-1)

kn_cuda_graph kn_cuda_graph_create(int32_t device) KN_TRY {
  auto graph = std::make_unique<Graph>();
  graph->device = checked(device);
  return (kn_cuda_graph)graph.release();
} KN_CATCH(nullptr)

// Capture needs a stream of its own; the operators between begin and end are recorded there and not run.
int32_t kn_cuda_graph_begin(kn_cuda_graph g) KN_TRY {
  auto& graph = graph_of(g);
  TORCH_CHECK(!graph.capturing, "this CUDA graph is being captured already");
  c10::cuda::CUDAGuard guard(graph.device);
  c10::cuda::device_synchronize();
  graph.capturing = std::make_unique<c10::cuda::CUDAStreamGuard>(c10::cuda::getStreamFromPool(false, graph.device));
  try {
    graph.graph.capture_begin();
  } catch (...) {
    graph.capturing.reset();
    throw;
  }
  return 0;
} KN_CATCH(-1)

int32_t kn_cuda_graph_end(kn_cuda_graph g) KN_TRY {
  auto& graph = graph_of(g);
  TORCH_CHECK(graph.capturing, "this CUDA graph is not being captured");
  auto stream = std::move(graph.capturing);      // back to the caller's stream whatever happens
  graph.graph.capture_end();
  return 0;
} KN_CATCH(-1)

int32_t kn_cuda_graph_replay(kn_cuda_graph g) KN_TRY {
  auto& graph = graph_of(g);
  c10::cuda::CUDAGuard guard(graph.device);
  graph.graph.replay();
  return 0;
} KN_CATCH(-1)

void kn_cuda_graph_free(kn_cuda_graph g) {
  try {
    delete (Graph*)g;
  } catch (...) {
  }
}

}

#else

namespace {
[[noreturn]] void refuse() { throw std::runtime_error("CUDA is not compiled in: build the native library against a PyTorch with CUDA (KINORA_LIBTORCH)"); }
}

extern "C" {
int32_t kn_cuda_available(void) { return 0; }
int32_t kn_cuda_device_count(void) { return 0; }
int32_t kn_cuda_device_name(int32_t, char*, int32_t) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_cuda_memory(int32_t, int64_t*) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_cuda_peak_reset(int32_t) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_cuda_empty_cache(void) { return 0; }
int32_t kn_device_synchronize(int32_t device_type, int32_t) KN_TRY {
  if (device_type == (int32_t)c10::DeviceType::CUDA) refuse();
  return 0;
} KN_CATCH(-1)
kn_cuda_graph kn_cuda_graph_create(int32_t) KN_TRY { refuse(); } KN_CATCH(nullptr)
int32_t kn_cuda_graph_begin(kn_cuda_graph) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_cuda_graph_end(kn_cuda_graph) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_cuda_graph_replay(kn_cuda_graph) KN_TRY { refuse(); } KN_CATCH(-1)
void kn_cuda_graph_free(kn_cuda_graph) {}
}

#endif

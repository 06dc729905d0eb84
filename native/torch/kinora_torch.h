// The C ABI of libkinora_torch.so.
//
// A function that returns int32_t gives 0 or more on success and -1 on failure; one that returns a handle gives null on failure. The
// text of the failure is kn_last_error() of the same thread. No exception leaves the library. Handles are owned by the caller.
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KN_API __attribute__((visibility("default")))

typedef struct kn_tensor_* kn_tensor;            // a tensor with one reference
typedef struct kn_op_* kn_op;                    // an operator; lives as long as the process
typedef struct kn_generator_* kn_generator;
typedef struct kn_hook_* kn_hook;
typedef struct kn_pg_* kn_pg;                    // process group
typedef struct kn_cuda_graph_* kn_cuda_graph;

enum kn_tag {
  KN_NONE = 0,
  KN_TENSOR = 1,
  KN_INT = 2,
  KN_DOUBLE = 3,
  KN_BOOL = 4,
  KN_STRING = 5,
  KN_INTS = 6,
  KN_DOUBLES = 7,
  KN_BOOLS = 8,
  KN_TENSORS = 9,
  KN_DEVICE = 10,
  KN_GENERATOR = 11,
  KN_DEFAULT = 255      // the default that the operator's schema declares
};

// One argument or result. Lists point into memory of the caller; a result list is valid until the thread's next call.
typedef struct kn_value {
  int32_t tag;
  int32_t len;          // list length, string bytes, or device: type << 8 | (index & 0xff)
  union {
    int64_t i;
    double d;
    const void* p;
    kn_tensor t;
  } u;
} kn_value;

typedef struct kn_info {
  void* data;
  int64_t numel, nbytes;
  int32_t dtype, itemsize, dim, device_type, device_index;
  int32_t flags;        // 1 contiguous, 2 requires grad
  int64_t storage_offset;
  int64_t sizes[8], strides[8];
} kn_info;

// Start. kn_abi_version changes when anything in this file changes its meaning; additions leave it.
KN_API int32_t kn_abi_version(void);
KN_API int32_t kn_init(int32_t threads);          // 0: as many as the affinity mask allows; returns the number
KN_API const char* kn_last_error(void);
KN_API const char* kn_build_info(void);           // JSON: torch, abi, cxx11_abi, compiler, features, cpu_level
KN_API int32_t kn_threads(int32_t n);             // sets when positive; returns the number in force

// Operators: by schema name ("aten::add", "kinora::attention") and overload ("" for none). A call returns the number of results.
KN_API kn_op kn_op_find(const char* name, const char* overload);
KN_API const char* kn_op_schema(kn_op op);
KN_API int32_t kn_op_call(kn_op op, const kn_value* args, int32_t nargs, kn_value* rets, int32_t max_rets);

// Tensors.
KN_API void kn_tensor_release(kn_tensor t);
KN_API void kn_tensor_release_many(const kn_tensor* t, int32_t n);
KN_API kn_tensor kn_tensor_retain(kn_tensor t);
KN_API int64_t kn_tensor_use_count(kn_tensor t);
KN_API int32_t kn_tensor_info(kn_tensor t, kn_info* out);      // up to 8 dimensions
KN_API int32_t kn_tensor_shape(kn_tensor t, int64_t* sizes, int64_t* strides, int32_t max_dim);      // returns the number of dimensions
KN_API kn_tensor kn_from_blob(void* data, const int64_t* sizes, const int64_t* strides, int32_t dim, int32_t dtype, int32_t device_type, int32_t device_index,
                              void (*deleter)(void*), void* context);

// Autograd. In kn_grad null with an empty kn_last_error means that there is none.
KN_API int32_t kn_set_requires_grad(kn_tensor t, int32_t value);
KN_API kn_tensor kn_grad(kn_tensor t);
KN_API int32_t kn_set_grad(kn_tensor t, kn_tensor grad);
KN_API int32_t kn_backward(const kn_tensor* t, const kn_tensor* grads, int32_t n, int32_t retain_graph, int32_t create_graph);
KN_API int32_t kn_autograd_grad(const kn_tensor* outs, int32_t nout, const kn_tensor* ins, int32_t nin, const kn_tensor* gouts, int32_t retain_graph,
                                int32_t create_graph, int32_t allow_unused, kn_tensor* res);

typedef void (*kn_free_cb)(void* context);

// A node whose backward is a callback: grads_in are borrowed (null: zero), grads_out pass to the library; 0 means success. outputs are
// fresh tensors, computed without recording. The context is freed with the graph, or at once when nothing needs a gradient.
typedef int32_t (*kn_node_cb)(void* context, const kn_tensor* grads_in, int32_t nin, kn_tensor* grads_out, int32_t nout);
KN_API int32_t kn_custom_node(const kn_tensor* inputs, int32_t nin, kn_tensor* outputs, int32_t nout, kn_node_cb callback, kn_free_cb free_context, void* context);

// Called after a leaf's gradient has been accumulated, on the thread that ran its backward, until the hook is freed.
typedef void (*kn_hook_cb)(void* context, kn_tensor leaf);
KN_API kn_hook kn_leaf_post_hook(kn_tensor leaf, kn_hook_cb callback, kn_free_cb free_context, void* context);
KN_API void kn_leaf_hook_free(kn_hook hook);

// Modes of this thread. Each returns what was in force before; -1 only asks.
KN_API int32_t kn_grad_mode(int32_t enabled);
KN_API int32_t kn_autocast(int32_t device_type, int32_t enabled, int32_t dtype);
KN_API void kn_autocast_clear_cache(void);
KN_API void* kn_inference_enter(int32_t enabled);
KN_API void kn_inference_exit(void* guard);

// Random numbers: libtorch's default generators, and generators of one's own (KN_GENERATOR arguments).
KN_API int32_t kn_manual_seed(int64_t seed);
KN_API kn_tensor kn_rng_state(int32_t device_type, int32_t device_index);
KN_API int32_t kn_set_rng_state(int32_t device_type, int32_t device_index, kn_tensor state);
KN_API kn_generator kn_generator_create(int32_t device_type, int32_t device_index, int64_t seed);
KN_API int32_t kn_generator_seed(kn_generator generator, int64_t seed);
KN_API kn_tensor kn_generator_state(kn_generator generator);
KN_API int32_t kn_generator_set_state(kn_generator generator, kn_tensor state);
KN_API void kn_generator_free(kn_generator generator);

// CPU kernels. Levels: 0 generic, 1 avx2, 2 avx512, 3 avx512_bf16. force >= 0 sets one (an error when this processor lacks it), -1 asks
// for the level in force, -2 for the best. KINORA_CPU_LEVEL names the level to start with.
KN_API int32_t kn_cpu_level(int32_t force);
KN_API const char* kn_cpu_level_name(int32_t level);      // null when there is no such level

// Fused attention and AdamW beside the dispatcher. kn_sdpa records gradients; q, k, v [B, H, length, D].
KN_API kn_tensor kn_sdpa(kn_tensor q, kn_tensor k, kn_tensor v, double scale, int32_t causal);
KN_API kn_tensor kn_sdpa_fwd(kn_tensor q, kn_tensor k, kn_tensor v, double scale, int32_t causal, kn_tensor* lse);
KN_API int32_t kn_sdpa_bwd(kn_tensor q, kn_tensor k, kn_tensor v, kn_tensor o, kn_tensor lse, kn_tensor grad_o, double scale, int32_t causal, kn_tensor* gq,
                           kn_tensor* gk, kn_tensor* gv);
KN_API int32_t kn_adamw(const kn_tensor* parameters, const kn_tensor* grads, const kn_tensor* first_moments, const kn_tensor* second_moments, int32_t n, double lr,
                        double beta1, double beta2, double eps, double weight_decay, int64_t step, double grad_scale);

// Host memory. The limit bounds what is kept for reuse, not what tensors use; a negative limit only asks.
KN_API int32_t kn_cpu_cache_enable(int64_t limit_bytes);
KN_API int32_t kn_cpu_cache_limit(int64_t limit_bytes, int64_t* previous);
KN_API void kn_cpu_cache_trim(void);
KN_API void kn_cpu_cache_stats(int64_t* live_cached_peak);      // three numbers of bytes
KN_API void kn_cpu_peak_reset(void);

// Devices. Without CUDA compiled in there are none, and the calls say so.
KN_API int32_t kn_device_synchronize(int32_t device_type, int32_t device_index);
KN_API int32_t kn_cuda_available(void);
KN_API int32_t kn_cuda_device_count(void);
KN_API int32_t kn_cuda_device_name(int32_t device, char* text, int32_t capacity);      // returns the compute capability, 90 for 9.0
KN_API int32_t kn_cuda_memory(int32_t device, int64_t* six);      // bytes: free, total, allocated, its peak, reserved, its peak
KN_API int32_t kn_cuda_peak_reset(int32_t device);
KN_API int32_t kn_cuda_empty_cache(void);
KN_API kn_cuda_graph kn_cuda_graph_create(int32_t device);
KN_API int32_t kn_cuda_graph_begin(kn_cuda_graph graph);
KN_API int32_t kn_cuda_graph_end(kn_cuda_graph graph);
KN_API int32_t kn_cuda_graph_replay(kn_cuda_graph graph);
KN_API void kn_cuda_graph_free(kn_cuda_graph graph);

// Process groups: backend "gloo" or "nccl", init file:///path or tcp://host:port. op: c10d's ReduceOp number (0 sum, 3 min, 4 max).
// With work the reduction is asynchronous, and kn_work_wait ends and frees it.
KN_API kn_pg kn_pg_create(const char* backend, const char* init, int32_t rank, int32_t world, int32_t timeout_ms);
KN_API int32_t kn_pg_allreduce(kn_pg group, kn_tensor t, int32_t op, void** work);
KN_API int32_t kn_pg_broadcast(kn_pg group, kn_tensor t, int32_t root);
KN_API int32_t kn_pg_barrier(kn_pg group);
KN_API int32_t kn_work_wait(void* work);
KN_API void kn_pg_free(kn_pg group);

// Time per operator.
KN_API int32_t kn_profiler(int32_t enable);
KN_API const char* kn_profiler_report(int32_t top);

#ifdef __cplusplus
}
#endif

// C ABI of libkinora_torch.so  -- every function returns 0 / >=0 on success, -1 on error (message via kn_last_error()).
#pragma once
#include <stdint.h>
#ifdef __cplusplus
extern "C" {
#endif
#define KN_API __attribute__((visibility("default")))

typedef struct kn_tensor_* kn_tensor;    // owned c10::TensorImpl* (+1 refcount)
typedef struct kn_op_* kn_op;            // cached operator, never freed

enum kn_tag { KN_NONE=0, KN_TENSOR=1, KN_INT=2, KN_DOUBLE=3, KN_BOOL=4, KN_STRING=5, KN_INTS=6, KN_DOUBLES=7,
              KN_BOOLS=8, KN_TENSORS=9, KN_DEVICE=10, KN_GENERATOR=11, KN_DEFAULT=255 };
typedef struct kn_value {                // 16 bytes, blittable
  int32_t tag;
  int32_t len;                           // list length / string bytes / device: (type<<8 | (index & 0xff))
  union { int64_t i; double d; const void* p; kn_tensor t; } u;
} kn_value;

KN_API const char* kn_last_error(void);
KN_API int32_t kn_init(int32_t threads);
KN_API int32_t kn_abi_version(void);
KN_API const char* kn_build_info(void);

KN_API kn_op  kn_op_find(const char* name, const char* overload);
KN_API const char* kn_op_schema(kn_op op);
// returns number of results written, or -1
KN_API int32_t kn_op_call(kn_op op, const kn_value* args, int32_t nargs, kn_value* rets, int32_t max_rets);

KN_API void    kn_tensor_release(kn_tensor t);
KN_API void    kn_tensor_release_many(const kn_tensor* t, int32_t n);
KN_API kn_tensor kn_tensor_retain(kn_tensor t);
KN_API int64_t kn_tensor_use_count(kn_tensor t);
typedef struct kn_info { void* data; int64_t numel; int64_t nbytes; int32_t dtype; int32_t itemsize; int32_t dim; int32_t device_type; int32_t device_index; int32_t flags; int64_t storage_offset; int64_t sizes[8]; int64_t strides[8]; } kn_info;
KN_API int32_t kn_tensor_info(kn_tensor t, kn_info* out);
KN_API kn_tensor kn_from_blob(void* data, const int64_t* sizes, const int64_t* strides, int32_t dim, int32_t dtype, int32_t dev_type, int32_t dev_index, void (*deleter)(void*), void* ctx);
KN_API int32_t kn_set_requires_grad(kn_tensor t, int32_t v);
KN_API kn_tensor kn_grad(kn_tensor t);
KN_API int32_t kn_set_grad(kn_tensor t, kn_tensor g);
KN_API int32_t kn_backward(const kn_tensor* t, const kn_tensor* g, int32_t n, int32_t retain, int32_t create);
KN_API int32_t kn_autograd_grad(const kn_tensor* outs, int32_t nout, const kn_tensor* ins, int32_t nin, const kn_tensor* gouts, int32_t retain, int32_t create, int32_t allow_unused, kn_tensor* res);
// custom autograd node. cb(ctx, grads_in, n_in, grads_out, n_out): grads_in borrowed; grads_out handles ownership goes to shim. return 0 ok.
typedef int32_t (*kn_node_cb)(void* ctx, const kn_tensor* gin, int32_t nin, kn_tensor* gout, int32_t nout);
typedef void (*kn_free_cb)(void* ctx);
KN_API int32_t kn_custom_node(const kn_tensor* inputs, int32_t nin, kn_tensor* outputs, int32_t nout, kn_node_cb cb, kn_free_cb fr, void* ctx);
// post-accumulate hook on a leaf (DDP)
typedef void (*kn_hook_cb)(void* ctx, kn_tensor leaf);
KN_API int32_t kn_leaf_post_hook(kn_tensor leaf, kn_hook_cb cb, kn_free_cb fr, void* ctx);

// guards (set/restore by caller; return previous)
KN_API int32_t kn_grad_mode(int32_t enabled);               // -1 query
KN_API void*   kn_inference_enter(int32_t enabled); KN_API void kn_inference_exit(void* g);
KN_API int32_t kn_autocast(int32_t device_type, int32_t enabled, int32_t dtype); // returns previous enabled
KN_API void    kn_autocast_clear_cache(void);
KN_API int32_t kn_threads(int32_t n);
KN_API int32_t kn_manual_seed(int64_t seed);
KN_API kn_tensor kn_rng_state(int32_t dev_type, int32_t dev_index); KN_API int32_t kn_set_rng_state(int32_t dev_type,int32_t dev_index, kn_tensor t);

// fused CPU kernels
KN_API kn_tensor kn_sdpa_fwd(kn_tensor q, kn_tensor k, kn_tensor v, double scale, int32_t causal, kn_tensor* lse);
KN_API int32_t kn_sdpa_bwd(kn_tensor q, kn_tensor k, kn_tensor v, kn_tensor o, kn_tensor lse, kn_tensor go, double scale, int32_t causal, kn_tensor* gq, kn_tensor* gk, kn_tensor* gv);
KN_API kn_tensor kn_sdpa(kn_tensor q, kn_tensor k, kn_tensor v, double scale, int32_t causal); // autograd aware
KN_API int32_t kn_adamw(const kn_tensor* p, const kn_tensor* g, const kn_tensor* m, const kn_tensor* v, int32_t n, double lr, double b1, double b2, double eps, double wd, int64_t step, double grad_scale);

// Instruction set of the CPU kernels: 0 generic, 1 avx2, 2 avx512, 3 avx512_bf16. force >= 0 sets it (an error when this processor
// lacks it), -1 asks for the level in force, -2 for the best available. KINORA_CPU_LEVEL names the level to start with.
KN_API int32_t kn_cpu_level(int32_t force);
KN_API const char* kn_cpu_level_name(int32_t level);          // NULL when there is no such level

// CUDA (compiled in when available)
KN_API int32_t kn_cuda_available(void);
KN_API int32_t kn_cuda_device_count(void);

// distributed
typedef struct kn_pg_* kn_pg;
KN_API kn_pg   kn_pg_create(const char* backend, const char* init, int32_t rank, int32_t world, int32_t timeout_ms); // init: file:///path or tcp://host:port
KN_API int32_t kn_pg_allreduce(kn_pg pg, kn_tensor t, int32_t op, void** work); // work==NULL: synchronous
KN_API int32_t kn_pg_broadcast(kn_pg pg, kn_tensor t, int32_t root);
KN_API int32_t kn_pg_barrier(kn_pg pg);
KN_API int32_t kn_work_wait(void* work);
KN_API void    kn_pg_free(kn_pg pg);
#ifdef __cplusplus
}
#endif

#pragma once
#include <stdint.h>
#include <stddef.h>
// plain-C interface to ISA-specific translation units (no std:: in those TUs => no ODR leakage of AVX-512 code)
struct kn_attn_desc {            // element strides; last dim contiguous
  int64_t B, H, Sq, Sk, D;
  int64_t q_b, q_h, q_s, k_b, k_h, k_s, v_b, v_h, v_s, o_b, o_h, o_s;
  float scale; int causal; int bf16;
};
struct kn_kern {
  // bytes of packed K and V per head
  size_t (*pack_bytes)(const kn_attn_desc*);
  void (*pack)(const kn_attn_desc*, const void* k, const void* v, void* kp, void* vp);         // one head
  size_t (*scratch_bytes)(const kn_attn_desc*);
  int (*qblock)(void);
  // one q block of one head
  void (*fwd)(const kn_attn_desc*, const void* q, const void* kp, const void* vp, void* o, float* lse, int64_t q0, void* scratch);
  // backward for one whole head (q,k,v,o,do given as head base pointers; grads same dtype, contiguous [S,D])
  size_t (*bwd_scratch_bytes)(const kn_attn_desc*);
  void (*bwd)(const kn_attn_desc*, const void* q, const void* k, const void* v, const void* o, const void* go, int64_t go_s, const float* lse, void* gq, void* gk, void* gv, int64_t g_s, void* scratch);
  void (*adamw)(float* p, const void* g, int g_bf16, float* m, float* v, int64_t n, float lr, float b1, float b2, float eps, float wd, float bc1, float bc2s, float gs);
  void (*gelu)(const void* x, const void* g, void* y, int64_t n, int bf16); // g!=NULL: backward
};
extern "C" {
const kn_kern* kn_kern_avx512bf16(void);
const kn_kern* kn_kern_avx2(void);
}

// The plain-C interface between the rest of the library and the CPU kernels. One table per instruction set; see level.cpp.
//
// A kernel computes one piece of work on the calling thread; threads, buffers and checks are the caller's. Types of data that may
// be float32 or bf16 are named by a flag beside the pointer.
#pragma once

#include <stddef.h>
#include <stdint.h>

// Unary functions of elementwise kernels.
enum kn_activation { KN_GELU_TANH = 0, KN_SILU = 1 };

// y = LN(x) (1 + scale) + shift, LN without affine part: x [N, R, D], shift and scale [N, D]; mean and 1/deviation [N, R] are kept
// for the backward pass.
struct kn_layer_norm_modulate_args {
  int64_t rows, dim;              // R, D
  float eps;
  int x_bf16, y_bf16;             // y_bf16 is also the type of grad_y
  const void* x;
  const float *shift, *scale;
  float *mean, *rstd;
  void* y;
  const void* grad_y;
  void* grad_x;                   // type of x
};

// y = x + gate h: x, h [N, R, D], gate [N, D].
struct kn_gated_residual_args {
  int64_t rows, dim;
  int x_bf16, h_bf16;             // x_bf16 is also the type of y and grad_y
  const void *x, *h;
  const float* gate;
  void* y;
  const void* grad_y;
  void* grad_h;
};

// y = x / sqrt(mean(x^2) + eps) weight, rows of D; weight may be NULL.
struct kn_rms_norm_args {
  int64_t dim;
  float eps;
  int bf16;
  const void* x;
  const float* weight;
  void* y;
  const void* grad_y;
  void* grad_x;
};

// Group norm of channels-last rows: x, y [N, R, D]. Sums over rows are those of x - pivot and of its square; the second pass is
// y = f(x scale + shift) with scale and shift [N, D].
struct kn_group_norm_args {
  int64_t rows, dim;
  int bf16, silu;                 // f is SiLU or nothing
  const void* x;
  const float* pivot;             // [N, D]
  const float *scale, *shift;
  void* y;
};

// RMS norm of every head, then rotation of neighboring pairs: x [B, L, H, D] with element strides, weight [D], cos and sin
// [L, D/2]; y and grad_x are dense.
struct kn_qk_norm_rope_args {
  int64_t length, heads, dim;
  int64_t x_batch, x_token, x_head;        // strides of x
  int64_t gy_batch, gy_token, gy_head;     // strides of grad_y
  float eps;
  int bf16;
  const void* x;
  const float *weight, *cos, *sin;
  void* y;
  const void* grad_y;
  void* grad_x;
};

// softmax(Q K^T scale + bias) V for q [B, H, queries, D] and k, v [B, H, keys, D] with element strides; the last dimension is
// dense. D is a multiple of 16, for the backward pass on bf16 of 32; strides of bf16 rows are even.
struct kn_strides {
  int64_t batch, head, row;
};
struct kn_attention_args {
  int64_t heads, queries, keys, dim;
  float scale;                         // positive
  int causal, bf16;
  const float* key_bias;               // [.., keys rounded up to 64], divided by scale, -inf in the padding; NULL for none
  int64_t key_bias_batch;
  kn_strides q_strides, k_strides, v_strides, o_strides;
  const void *q, *k, *v;
  void* o;
  float* lse;                          // [B, H, queries]
  kn_strides grad_o_strides, grad_q_strides, grad_k_strides, grad_v_strides;
  const void* grad_o;
  void *grad_q, *grad_k, *grad_v;
};

// 3×3 convolution with stride 1 of channels-last frames (winograd.h). Result frame f of a sample sees frames f .. f + taps - 1.
struct kn_winograd_args {
  int64_t channels, filters, taps;              // multiples of 16; taps 1 for pictures
  int64_t height, width;                        // of the results
  int64_t frames_per_sample;                    // result frames
  int64_t x_height, x_width, padding;           // of the picture that is convolved
  int doublings;                                // 1: that picture is x with every pixel doubled in both directions, 0: it is x
  int64_t x_sample, x_frame, x_row, x_pixel;    // element strides of x; channels are dense
  int x_bf16, weight_bf16;                      // x_bf16 is also the type of y
  const void *x, *weight;                       // weight [filters, channels, taps, 3, 3], dense
  const float* bias;                            // NULL for none
  const void* zeros;                            // at least `channels` zeros of the type of x
  void* y;                                      // [frames, height, width, filters], dense
  int64_t v_point;                              // floats between neighboring points of V
};

struct kn_adamw_args {
  float learning_rate, beta1, beta2, epsilon, weight_decay;
  float correction1, correction2;      // 1 - beta1^t, sqrt(1 - beta2^t)
  float gradient_scale;
};

// Forms in which weights are stored: StorageType of src/Kinora.Engine/Checkpoints/StorageType.cs.
enum kn_stored {
  KN_STORED_INT8 = 2, KN_STORED_E4M3 = 3, KN_STORED_E5M2 = 4, KN_STORED_F16 = 7, KN_STORED_BF16 = 8, KN_STORED_F32 = 11,
  KN_STORED_Q4_0 = 15, KN_STORED_Q5_0 = 16, KN_STORED_Q8_0 = 17, KN_STORED_Q4_K = 18, KN_STORED_Q5_K = 19, KN_STORED_Q6_K = 20,
  KN_STORED_Q4_1 = 21, KN_STORED_Q5_1 = 22, KN_STORED_Q2_K = 23, KN_STORED_Q3_K = 24, KN_STORED_IQ4_NL = 25, KN_STORED_IQ4_XS = 26
};

// out [rows, columns] = data in a stored form, times scales [rows], [1] or none.
struct kn_dequantize_args {
  int type;                            // kn_stored
  int out_bf16, scale_per_row;
  int64_t columns;                     // whole blocks
  const void* data;
  const float* scales;
  void* out;
};

struct kn_kernels {
  const char* name;
  // Rows [row0, row1) of sample n. The backward kernels add their share of the sums over rows to buffers of D floats.
  void (*layer_norm_modulate)(const kn_layer_norm_modulate_args*, int64_t n, int64_t row0, int64_t row1);
  void (*layer_norm_modulate_backward)(const kn_layer_norm_modulate_args*, int64_t n, int64_t row0, int64_t row1, float* grad_shift, float* grad_scale);
  void (*gated_residual)(const kn_gated_residual_args*, int64_t n, int64_t row0, int64_t row1);
  void (*gated_residual_backward)(const kn_gated_residual_args*, int64_t n, int64_t row0, int64_t row1, float* grad_gate);
  void (*rms_norm)(const kn_rms_norm_args*, int64_t row0, int64_t row1);
  void (*rms_norm_backward)(const kn_rms_norm_args*, int64_t row0, int64_t row1, float* grad_weight);
  // Rows [row0, row1) of sample n; sums [2][D] are added to.
  void (*group_norm_sums)(const kn_group_norm_args*, int64_t n, int64_t row0, int64_t row1, float* sums);
  void (*group_norm_apply)(const kn_group_norm_args*, int64_t n, int64_t row0, int64_t row1);
  // y [rows, D] = a GELU(g) for rows [a, g] of 2D numbers, GELU by the error function.
  void (*gated_gelu)(int64_t rows, int64_t dim, int64_t row_stride, int bf16, const void* x, void* y);
  // Tokens [token0, token1) of batch element b.
  void (*qk_norm_rope)(const kn_qk_norm_rope_args*, int64_t b, int64_t token0, int64_t token1);
  void (*qk_norm_rope_backward)(const kn_qk_norm_rope_args*, int64_t b, int64_t token0, int64_t token1, float* grad_weight);
  // y = f(x), or with grad_y: y = grad_y f'(x).
  void (*activation)(int function, int64_t n, int bf16, const void* x, const void* grad_y, void* y);
  // sums[c] += sum over rows of x[r, c]
  void (*column_sums)(int64_t rows, int64_t columns, int64_t row_stride, int bf16, const void* x, float* sums);
  // Attention. A head is a number in [0, B H). Keys and values of a head are packed once; then blocks of attention_query_block
  // queries are independent. The backward pass covers keys [key0, key1) of a head, key0 a multiple of attention_key_tile; with
  // partial_dq (float32 [queries, D]) these keys' share of dQ goes there and grad_q is left alone.
  int attention_query_block, attention_key_tile;
  int64_t (*attention_packed_bytes)(const kn_attention_args*);
  int64_t (*attention_forward_scratch_bytes)(const kn_attention_args*);
  int64_t (*attention_backward_scratch_bytes)(const kn_attention_args*);
  void (*attention_pack)(const kn_attention_args*, int64_t head, void* packed);
  void (*attention_forward)(const kn_attention_args*, int64_t head, int64_t query0, const void* packed, void* scratch);
  void (*attention_backward)(const kn_attention_args*, int64_t head, int64_t key0, int64_t key1, float* partial_dq, void* scratch);
  // Convolution: U of 16 channels of a group of filters; V of tiles [tile0, tile1), tile `base` first in v; the results of such tiles
  // for a group of filters, with scratch of winograd_scratch_floats(tiles).
  int winograd_filter_group;
  int64_t (*winograd_scratch_floats)(int64_t tiles);
  int64_t (*winograd_group_floats)(const kn_winograd_args*);      // of one group in U
  void (*winograd_filters)(const kn_winograd_args*, int64_t group, int64_t channel0, float* u);
  void (*winograd_tiles)(const kn_winograd_args*, int64_t base, int64_t tile0, int64_t tile1, float* v);
  void (*winograd_products)(const kn_winograd_args*, int64_t group, int64_t base, int64_t tile0, int64_t tile1, const float* v, const float* u, float* scratch);
  void (*adamw)(const kn_adamw_args*, const void* gradient, int gradient_bf16, float* parameter, float* first_moment, float* second_moment, int64_t n);
  // Elements [first, last), both at the border of a block of 256 or at the end of a row.
  void (*dequantize)(const kn_dequantize_args*, int64_t first, int64_t last);
};

extern "C" {
const kn_kernels* kn_kernels_generic(void);
const kn_kernels* kn_kernels_avx2(void);
const kn_kernels* kn_kernels_avx512(void);
const kn_kernels* kn_kernels_avx512_bf16(void);
}

// One float vector type per instruction set, on which every CPU kernel of Kinora is written.
//
// The width follows the compiler's flags: 16 floats with AVX-512, 8 with AVX2, 4 otherwise. Arithmetic is GCC's vector extension
// (a*b+c contracts to a fused multiply-add); only what it cannot express is written with intrinsics, each beside its plain form.
//
// Everything here has internal linkage and no C++ standard header is included: the linker keeps one copy of an inline function of
// the standard library for the whole process, and that copy must not be the one that was compiled for AVX-512.
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define KN_INLINE static inline __attribute__((always_inline))
#define KN_LAMBDA __attribute__((always_inline))

#if defined(__AVX512F__) && defined(__AVX512BW__) && defined(__AVX512VL__)
#define KN_AVX512 1
#define KN_WIDTH 16
#elif defined(__AVX2__) && defined(__FMA__)
#define KN_AVX2 1
#define KN_WIDTH 8
#else
#define KN_WIDTH 4
#endif

namespace {

constexpr int kWidth = KN_WIDTH;

typedef uint16_t bf16;
template <class T> constexpr bool is_bf16 = false;
template <> constexpr bool is_bf16<bf16> = true;

typedef float Vec __attribute__((vector_size(4 * KN_WIDTH)));
typedef int32_t IntVec __attribute__((vector_size(4 * KN_WIDTH)));
typedef uint32_t UintVec __attribute__((vector_size(4 * KN_WIDTH)));
typedef uint16_t ShortVec __attribute__((vector_size(2 * KN_WIDTH)));
typedef float HalfVec __attribute__((vector_size(2 * KN_WIDTH)));

// The same types without an alignment promise, for loads and stores.
typedef float VecU __attribute__((vector_size(4 * KN_WIDTH), aligned(4), may_alias));
typedef uint32_t UintVecU __attribute__((vector_size(4 * KN_WIDTH), aligned(4), may_alias));
typedef uint16_t ShortVecU __attribute__((vector_size(2 * KN_WIDTH), aligned(2), may_alias));
typedef float HalfVecU __attribute__((vector_size(2 * KN_WIDTH), aligned(4), may_alias));

// How many lanes of a vector are in memory. Lanes that are not read as zero and are not written.
struct AllLanes {};
struct SomeLanes {
  int count;
};

// Calls f(offset, lanes) for consecutive vectors of an array of n elements.
template <class F> KN_INLINE void each_vector(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kWidth <= n; i += kWidth) f(i, AllLanes{});
  if (i < n) f(i, SomeLanes{(int)(n - i)});
}

KN_INLINE Vec broadcast(float x) { return Vec{} + x; }

#if KN_AVX512
KN_INLINE __mmask16 lane_mask(SomeLanes lanes) { return (__mmask16)((1u << lanes.count) - 1); }
#endif

// --- bf16 <-> float. A bf16 number is the upper half of a float.

KN_INLINE Vec widen(ShortVec x) { return (Vec)(__builtin_convertvector(x, UintVec) << 16); }

// Round to nearest, ties to even; NaN stays NaN.
KN_INLINE ShortVec narrow(Vec x) {
#if defined(__AVX512BF16__) && KN_AVX512
  return (ShortVec)_mm512_cvtneps_pbh((__m512)x);
#else
  UintVec bits = (UintVec)x;
  UintVec rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
  UintVec is_nan = (UintVec)(x != x);
  rounded = (rounded & ~is_nan) | (is_nan & 0x7fc0u);
  return __builtin_convertvector(rounded, ShortVec);
#endif
}

KN_INLINE float widen_scalar(bf16 x) {
  union { uint32_t u; float f; } bits = {(uint32_t)x << 16};
  return bits.f;
}

KN_INLINE bf16 narrow_scalar(float x) {
  union { float f; uint32_t u; } bits = {x};
  if ((bits.u & 0x7fffffffu) > 0x7f800000u) return 0x7fc0;
  return (bf16)((bits.u + 0x7fffu + ((bits.u >> 16) & 1u)) >> 16);
}

// --- Loads and stores

KN_INLINE Vec load(const float* p, AllLanes = {}) { return *(const VecU*)p; }
KN_INLINE Vec load(const bf16* p, AllLanes = {}) { return widen(*(const ShortVecU*)p); }
KN_INLINE void store(float* p, Vec x, AllLanes = {}) { *(VecU*)p = x; }
KN_INLINE void store(bf16* p, Vec x, AllLanes = {}) { *(ShortVecU*)p = narrow(x); }

#if KN_AVX512
KN_INLINE Vec load(const float* p, SomeLanes lanes) { return (Vec)_mm512_maskz_loadu_ps(lane_mask(lanes), p); }
KN_INLINE Vec load(const bf16* p, SomeLanes lanes) { return widen((ShortVec)_mm256_maskz_loadu_epi16(lane_mask(lanes), p)); }
KN_INLINE void store(float* p, Vec x, SomeLanes lanes) { _mm512_mask_storeu_ps(p, lane_mask(lanes), (__m512)x); }
KN_INLINE void store(bf16* p, Vec x, SomeLanes lanes) { _mm256_mask_storeu_epi16(p, lane_mask(lanes), (__m256i)narrow(x)); }
#else
KN_INLINE Vec load(const float* p, SomeLanes lanes) {
  Vec x = {};
  for (int i = 0; i < lanes.count; i++) x[i] = p[i];
  return x;
}
KN_INLINE Vec load(const bf16* p, SomeLanes lanes) {
  Vec x = {};
  for (int i = 0; i < lanes.count; i++) x[i] = widen_scalar(p[i]);
  return x;
}
KN_INLINE void store(float* p, Vec x, SomeLanes lanes) {
  for (int i = 0; i < lanes.count; i++) p[i] = x[i];
}
KN_INLINE void store(bf16* p, Vec x, SomeLanes lanes) {
  for (int i = 0; i < lanes.count; i++) p[i] = narrow_scalar(x[i]);
}
#endif

template <class Lanes> KN_INLINE void accumulate(float* p, Vec x, Lanes lanes) { store(p, load(p, lanes) + x, lanes); }

// Zero in the lanes that are not in memory, so that sums over a row stay right after a shift by the mean.
KN_INLINE Vec only(Vec x, AllLanes) { return x; }
KN_INLINE Vec only(Vec x, SomeLanes lanes) {
#if KN_AVX512
  return (Vec)_mm512_maskz_mov_ps(lane_mask(lanes), (__m512)x);
#else
  for (int i = lanes.count; i < kWidth; i++) x[i] = 0;
  return x;
#endif
}

// --- Arithmetic

KN_INLINE Vec max(Vec a, Vec b) {
#if KN_AVX512
  return (Vec)_mm512_max_ps((__m512)a, (__m512)b);
#elif KN_AVX2
  return (Vec)_mm256_max_ps((__m256)a, (__m256)b);
#elif defined(__x86_64__)
  return (Vec)_mm_max_ps((__m128)a, (__m128)b);
#else
  return a > b ? a : b;
#endif
}

KN_INLINE Vec min(Vec a, Vec b) { return -max(-a, -b); }

KN_INLINE float sum_lanes(Vec x) {
#if KN_AVX512
  return _mm512_reduce_add_ps((__m512)x);
#elif KN_AVX2
  __m128 half = _mm_add_ps(_mm256_castps256_ps128((__m256)x), _mm256_extractf128_ps((__m256)x, 1));
  __m128 quarter = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(quarter, _mm_movehdup_ps(quarter)));
#else
  return (x[0] + x[1]) + (x[2] + x[3]);
#endif
}

KN_INLINE float max_lanes(Vec x) {
#if KN_AVX512
  return _mm512_reduce_max_ps((__m512)x);
#else
  float m = x[0];
  for (int i = 1; i < kWidth; i++) m = x[i] > m ? x[i] : m;
  return m;
#endif
}

KN_INLINE Vec square_root(Vec x) {
#if KN_AVX512
  return (Vec)_mm512_sqrt_ps((__m512)x);
#elif KN_AVX2
  return (Vec)_mm256_sqrt_ps((__m256)x);
#elif defined(__x86_64__)
  return (Vec)_mm_sqrt_ps((__m128)x);
#else
  for (int i = 0; i < kWidth; i++) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

// 1/x. The fast form has about 14 bits, enough before rounding to bf16 (8 bits).
template <bool Fast> KN_INLINE Vec reciprocal(Vec x) {
#if KN_AVX512
  if (Fast) return (Vec)_mm512_rcp14_ps((__m512)x);
#elif KN_AVX2
  if (Fast) {
    Vec r = (Vec)_mm256_rcp_ps((__m256)x);
    return r * (2.0f - x * r);
  }
#endif
  return 1.0f / x;
}

// 2^x = 2^n 2^f with n the nearest integer and f in [-1/2, 1/2]; 2^f is a minimax polynomial, of degree 5 (relative error 2e-7)
// or, for results that become bf16, of degree 3 (1e-4). x above 127 is the caller's mistake; below -126 the result is 0.
template <bool Fast> KN_INLINE Vec exp2_of(Vec x) {
  x = max(broadcast(-150.0f), x);         // in this order a NaN stays one
#if KN_AVX512
  Vec n = (Vec)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  const float shifter = 12582912.0f;      // 1.5 * 2^23: adding it leaves no bits below one
  Vec n = (x + shifter) - shifter;
#endif
  Vec f = x - n, p;
  if (Fast) {
    p = broadcast(5.5171669e-2f);
    p = p * f + 2.4261115e-1f;
    p = p * f + 6.9326099e-1f;
    p = p * f + 9.9992807e-1f;
  } else {
    p = broadcast(1.339887440e-3f);
    p = p * f + 9.618437357e-3f;
    p = p * f + 5.550332548e-2f;
    p = p * f + 2.402264791e-1f;
    p = p * f + 6.931472028e-1f;
    p = p * f + 1.0f;
  }
#if KN_AVX512
  return (Vec)_mm512_scalef_ps((__m512)p, (__m512)n);
#else
  IntVec vanishes = n < -126.5f;
  IntVec scale = (__builtin_convertvector(n, IntVec) + 127) << 23;
  return (Vec)((IntVec)(p * (Vec)scale) & ~vanishes);
#endif
}

constexpr float kLog2E = 1.44269504088896f;

// 1 / (1 + e^-x); the argument is clamped so that e^-x stays finite.
template <bool Fast> KN_INLINE Vec sigmoid(Vec x) {
  return reciprocal<Fast>(1.0f + exp2_of<Fast>(min(x * -kLog2E, broadcast(126.0f))));
}

// --- Neighboring pairs (rotary embeddings)

#if KN_WIDTH == 16
#define KN_PAIRS_SWAPPED 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14
#define KN_EACH_TWICE 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7
#elif KN_WIDTH == 8
#define KN_PAIRS_SWAPPED 1, 0, 3, 2, 5, 4, 7, 6
#define KN_EACH_TWICE 0, 0, 1, 1, 2, 2, 3, 3
#else
#define KN_PAIRS_SWAPPED 1, 0, 3, 2
#define KN_EACH_TWICE 0, 0, 1, 1
#endif

// (b, a) for every pair (a, b).
KN_INLINE Vec swap_pairs(Vec x) { return __builtin_shufflevector(x, x, KN_PAIRS_SWAPPED); }

// Half a vector's worth of numbers, each in two neighboring lanes.
KN_INLINE Vec load_twice(const float* p, AllLanes) {
  HalfVec half = *(const HalfVecU*)p;
  return __builtin_shufflevector(half, half, KN_EACH_TWICE);
}
KN_INLINE Vec load_twice(const float* p, SomeLanes lanes) {
  Vec x = {};
  for (int i = 0; i < lanes.count; i++) x[i] = p[i / 2];
  return x;
}

// -1 in even lanes, +1 in odd ones.
KN_INLINE Vec alternating_sign() {
  Vec x;
  for (int i = 0; i < kWidth; i++) x[i] = i % 2 ? 1.0f : -1.0f;
  return x;
}

}  // namespace

// Small matrix products and the layouts that feed them: the arithmetic inside the attention kernels.
//
// An operand is made of 32-bit words. A word is one float, or, where the processor multiplies bf16 pairs (Dot), two neighboring
// bf16 numbers along the summed dimension. One template serves both; only the innermost instruction differs.
#pragma once

#include "simd.h"

namespace {

typedef uint32_t Word;

#define KN_UNROLL _Pragma("GCC unroll 16")

// Registers of one tile of the product: 6 x 4 of 32 vectors with AVX-512, 6 x 2 of 16 otherwise; the rest hold the operands.
constexpr int kTileRows = 6;
constexpr int kTileVectors = KN_WIDTH == 16 ? 4 : 2;

template <bool Dot> KN_INLINE Vec multiply_add(Vec sum, Word a, UintVec b) {
#if defined(__AVX512BF16__) && KN_AVX512
  if (Dot) return (Vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)a), (__m512bh)b);
#endif
  return sum + (Vec)(UintVec{} + a) * (Vec)b;
}

// C [Rows, Vectors * width] (+)= A [Rows, k words] B [k words, ..]
template <int Rows, int Vectors, bool Dot>
KN_INLINE void multiply_tile(int k, const Word* a, int64_t lda, const Word* b, int64_t ldb, float* c, int64_t ldc, bool add) {
  Vec sum[Rows][Vectors];
  KN_UNROLL for (int i = 0; i < Rows; i++)
    KN_UNROLL for (int j = 0; j < Vectors; j++) sum[i][j] = add ? load(c + i * ldc + j * kWidth) : Vec{};
  for (int p = 0; p < k; p++) {
    UintVec row[Vectors];
    KN_UNROLL for (int j = 0; j < Vectors; j++) row[j] = *(const UintVecU*)(b + p * ldb + j * kWidth);
    KN_UNROLL for (int i = 0; i < Rows; i++) {
      const Word ai = a[i * lda + p];
      KN_UNROLL for (int j = 0; j < Vectors; j++) sum[i][j] = multiply_add<Dot>(sum[i][j], ai, row[j]);
    }
  }
  KN_UNROLL for (int i = 0; i < Rows; i++)
    KN_UNROLL for (int j = 0; j < Vectors; j++) store(c + i * ldc + j * kWidth, sum[i][j]);
}

template <int Vectors, bool Dot>
KN_INLINE void multiply_panel(int m, int k, const Word* a, int64_t lda, const Word* b, int64_t ldb, float* c, int64_t ldc, bool add) {
  int i = 0;
  for (; i + kTileRows <= m; i += kTileRows) multiply_tile<kTileRows, Vectors, Dot>(k, a + i * lda, lda, b, ldb, c + i * ldc, ldc, add);
  if (m - i >= 4) {
    multiply_tile<4, Vectors, Dot>(k, a + i * lda, lda, b, ldb, c + i * ldc, ldc, add);
    i += 4;
  }
  if (m - i >= 2) {
    multiply_tile<2, Vectors, Dot>(k, a + i * lda, lda, b, ldb, c + i * ldc, ldc, add);
    i += 2;
  }
  if (m - i >= 1) multiply_tile<1, Vectors, Dot>(k, a + i * lda, lda, b, ldb, c + i * ldc, ldc, add);
}

// C [m, n] (+)= A [m, k words] B [k words, n]; n is a multiple of 16.
template <bool Dot>
__attribute__((noinline)) void multiply(int m, int n, int k, const Word* a, int64_t lda, const Word* b, int64_t ldb, float* c, int64_t ldc, bool add) {
  constexpr int panel = kTileVectors * kWidth;
  int j = 0;
  for (; j + panel <= n; j += panel) multiply_panel<kTileVectors, Dot>(m, k, a, lda, b + j, ldb, c + j, ldc, add);
#if KN_WIDTH == 16
  switch ((n - j) / kWidth) {
    case 3: return multiply_panel<3, Dot>(m, k, a, lda, b + j, ldb, c + j, ldc, add);
    case 2: return multiply_panel<2, Dot>(m, k, a, lda, b + j, ldb, c + j, ldc, add);
    case 1: return multiply_panel<1, Dot>(m, k, a, lda, b + j, ldb, c + j, ldc, add);
  }
#endif
}

// --- Layouts

#if KN_WIDTH == 16
#define KN_INTERLEAVE_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define KN_INTERLEAVE_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif KN_WIDTH == 8
#define KN_INTERLEAVE_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define KN_INTERLEAVE_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#else
#define KN_INTERLEAVE_LOW 0, 4, 1, 5
#define KN_INTERLEAVE_HIGH 2, 6, 3, 7
#endif

KN_INLINE UintVec load_words(const Word* p) { return *(const UintVecU*)p; }
KN_INLINE UintVec load_words(const float* p) { return (UintVec)load(p); }
KN_INLINE UintVec load_words(const bf16* p) { return (UintVec)load(p); }      // widened to floats

KN_INLINE UintVec load_words(const Word* p, SomeLanes lanes) { return (UintVec)load((const float*)p, lanes); }
KN_INLINE UintVec load_words(const float* p, SomeLanes lanes) { return (UintVec)load(p, lanes); }
KN_INLINE UintVec load_words(const bf16* p, SomeLanes lanes) { return (UintVec)load(p, lanes); }

// Transposes one square of vectors. Interleaving the first half of an array with the second rotates the bits of every index by one;
// as many rotations as a row number has bits exchange row and column.
template <class T> KN_INLINE void transpose_square(const T* source, int64_t stride, int rows, int columns, Word* target, int64_t ld) {
  UintVec x[kWidth], y[kWidth];
  if (columns == kWidth) {
    KN_UNROLL for (int i = 0; i < kWidth; i++) x[i] = i < rows ? load_words(source + i * stride) : UintVec{};
  } else {
    KN_UNROLL for (int i = 0; i < kWidth; i++) x[i] = i < rows ? load_words(source + i * stride, SomeLanes{columns}) : UintVec{};
  }
  KN_UNROLL for (int stage = 1; stage < kWidth; stage *= 2) {
    KN_UNROLL for (int i = 0; i < kWidth / 2; i++) {
      y[2 * i] = __builtin_shufflevector(x[i], x[i + kWidth / 2], KN_INTERLEAVE_LOW);
      y[2 * i + 1] = __builtin_shufflevector(x[i], x[i + kWidth / 2], KN_INTERLEAVE_HIGH);
    }
    KN_UNROLL for (int i = 0; i < kWidth; i++) x[i] = y[i];
  }
  KN_UNROLL for (int i = 0; i < kWidth; i++)
    if (i < columns) *(UintVecU*)(target + i * ld) = x[i];
}

// target [columns, ld] = transpose of source [rows, columns] of any number of columns; rows past the end, up to a whole vector, become zero.
template <class T> void transpose(const T* source, int64_t stride, int rows, int columns, Word* target, int64_t ld) {
  for (int c = 0; c < columns; c += kWidth)
    for (int r = 0; r < rows; r += kWidth)
      transpose_square(source + (int64_t)r * stride + c, stride, rows - r < kWidth ? rows - r : kWidth, columns - c < kWidth ? columns - c : kWidth,
                       target + (int64_t)c * ld + r, ld);
}

// Rows 2r and 2r+1 of bf16 become row r of words (low half: the even row). An odd last row is paired with zeros.
KN_INLINE void pair_rows(const bf16* source, int64_t stride, int rows, int columns, Word* target, int64_t ld) {
  for (int r = 0; r < rows; r += 2)
    for (int c = 0; c < columns; c += kWidth) {
      UintVec low = __builtin_convertvector(*(const ShortVecU*)(source + r * stride + c), UintVec), high = {};
      if (r + 1 < rows) high = __builtin_convertvector(*(const ShortVecU*)(source + (r + 1) * stride + c), UintVec);
      *(UintVecU*)(target + (r / 2) * ld + c) = low | (high << 16);
    }
}

// Rows as dense floats.
template <class T> void widen_rows(const T* source, int64_t stride, int rows, int columns, float* target) {
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c += kWidth) store(target + (int64_t)r * columns + c, load(source + r * stride + c));
}

}  // namespace

// Stored weights to float32 or bf16: 16- and 8-bit floats, 8-bit integers, and GGUF's blocks, times a scale.
// Sources: Micikevicius et al., "FP8 formats for deep learning", arXiv:2209.05433 (8-bit floats); ggml-org/ggml, ggml-common.h and
//          dequantize_row_* of ggml-quants.c (blocks).
//
// A piece of up to 256 elements is decoded to float32 in loops that the compiler turns into vectors; what is then in the first cache is
// scaled, rounded and stored.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace {

constexpr int kPiece = 256;

KN_INLINE float as_float(uint32_t bits) {
  union { uint32_t u; float f; } x = {bits};
  return x.f;
}

// A float of E exponent and M mantissa bits, shifted to bit 0, without its sign. Subnormal values are converted as integers: as float32
// arithmetic on subnormals they would be slow. Has: what the largest exponent means, 0 numbers, 1 infinity and NaN as in IEEE 754.
template <int E, int M, int Has> KN_INLINE float small_float(uint32_t bits) {
  constexpr uint32_t bias = (1u << (E - 1)) - 1, top = (1u << E) - 1;
  const uint32_t exponent = bits >> M, mantissa = bits & ((1u << M) - 1);
  const uint32_t special = Has && exponent == top ? 255u : exponent + 127 - bias;
  const float normal = as_float(special << 23 | mantissa << (23 - M));
  const float step = as_float((127 + 1 - bias - M) << 23);
  return exponent == 0 ? (float)(int32_t)mantissa * step : normal;
}

KN_INLINE float with_sign(float magnitude, uint32_t sign) {
  union { float f; uint32_t u; } x = {magnitude};
  return as_float(x.u | sign);
}

KN_INLINE uint16_t half_bits(const uint8_t* p) { return (uint16_t)(p[0] | p[1] << 8); }

KN_INLINE float from_half(uint32_t h) { return with_sign(small_float<5, 10, 1>(h & 0x7fff), (h & 0x8000) << 16); }

// The largest code of E4M3 is NaN, the others are numbers.
KN_INLINE float from_e4m3(uint32_t b) {
  const float x = small_float<4, 3, 0>(b & 0x7f);
  return with_sign((b & 0x7f) == 0x7f ? as_float(0x7fc00000u) : x, (b & 0x80) << 24);
}

KN_INLINE void decode_q8_0(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x));
  for (int i = 0; i < 32; i++) y[i] = d * (float)(int8_t)x[2 + i];
}

KN_INLINE void decode_q4_0(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x));
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)((x[2 + i] & 15) - 8);
    y[i + 16] = d * (float)((x[2 + i] >> 4) - 8);
  }
}

KN_INLINE void decode_q5_0(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x));
  const uint32_t fifth = (uint32_t)x[2] | (uint32_t)x[3] << 8 | (uint32_t)x[4] << 16 | (uint32_t)x[5] << 24;
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)((int32_t)((x[6 + i] & 15) | (fifth >> i & 1) << 4) - 16);
    y[i + 16] = d * (float)((int32_t)((x[6 + i] >> 4) | (fifth >> (i + 16) & 1) << 4) - 16);
  }
}

// Scales and minima of six bits: the first four plain, the others from nibbles and the upper bits of the first.
KN_INLINE void k_scale(const uint8_t* packed, int j, float* scale, float* min) {
  if (j < 4) {
    *scale = (float)(packed[j] & 63);
    *min = (float)(packed[j + 4] & 63);
  } else {
    *scale = (float)((packed[j + 4] & 15) | (packed[j - 4] >> 6) << 4);
    *min = (float)((packed[j + 4] >> 4) | (packed[j] >> 6) << 4);
  }
}

// d; min; 12 bytes of scales; [32 bytes of fifth bits;] 128 bytes of nibbles.
template <bool Five> KN_INLINE void decode_q45_k(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x)), min = from_half(half_bits(x + 2));
  const uint8_t *scales = x + 4, *fifth = x + 16, *nibbles = x + (Five ? 48 : 16);
  for (int j = 0; j < 4; j++) {
    float scale1, min1, scale2, min2;
    k_scale(scales, 2 * j, &scale1, &min1);
    k_scale(scales, 2 * j + 1, &scale2, &min2);
    scale1 *= d, scale2 *= d, min1 *= min, min2 *= min;
    for (int i = 0; i < 32; i++) {
      const int q = nibbles[32 * j + i];
      const int low = (q & 15) + (Five ? (fifth[i] >> (2 * j) & 1) << 4 : 0), high = (q >> 4) + (Five ? (fifth[i] >> (2 * j + 1) & 1) << 4 : 0);
      y[64 * j + i] = scale1 * (float)low - min1;
      y[64 * j + 32 + i] = scale2 * (float)high - min2;
    }
  }
}

// 128 bytes of low nibbles; 64 bytes of upper bit pairs; 16 signed scales; d.
KN_INLINE void decode_q6_k(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x + 208));
  for (int half = 0; half < 2; half++) {
    const uint8_t *low = x + 64 * half, *high = x + 128 + 32 * half;
    const int8_t* scales = (const int8_t*)x + 192 + 8 * half;
    float* part = y + 128 * half;
    for (int s = 0; s < 2; s++) {
      const float s0 = d * scales[s], s1 = d * scales[s + 2], s2 = d * scales[s + 4], s3 = d * scales[s + 6];
      for (int i = 16 * s; i < 16 * s + 16; i++) {
        part[i] = s0 * (float)(((low[i] & 15) | (high[i] & 3) << 4) - 32);
        part[i + 32] = s1 * (float)(((low[i + 32] & 15) | (high[i] >> 2 & 3) << 4) - 32);
        part[i + 64] = s2 * (float)(((low[i] >> 4) | (high[i] >> 4 & 3) << 4) - 32);
        part[i + 96] = s3 * (float)(((low[i + 32] >> 4) | (high[i] >> 6) << 4) - 32);
      }
    }
  }
}

// d; m; 16 bytes: low nibbles are the first half.
KN_INLINE void decode_q4_1(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x)), m = from_half(half_bits(x + 2));
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)(x[4 + i] & 15) + m;
    y[i + 16] = d * (float)(x[4 + i] >> 4) + m;
  }
}

// d; m; fifth bits; 16 bytes of nibbles.
KN_INLINE void decode_q5_1(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x)), m = from_half(half_bits(x + 2));
  const uint32_t fifth = (uint32_t)x[4] | (uint32_t)x[5] << 8 | (uint32_t)x[6] << 16 | (uint32_t)x[7] << 24;
  for (int i = 0; i < 16; i++) {
    y[i] = d * (float)((x[8 + i] & 15) | (fifth >> i & 1) << 4) + m;
    y[i + 16] = d * (float)((x[8 + i] >> 4) | (fifth >> (i + 16) & 1) << 4) + m;
  }
}

// 16 bytes: a scale in the low nibble, a minimum in the high one, for 16 elements each; 64 bytes of bit pairs; d; dmin.
KN_INLINE void decode_q2_k(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x + 80)), min = from_half(half_bits(x + 82));
  for (int group = 0; group < 16; group++) {
    const uint8_t* pairs = x + 16 + 32 * (group / 8) + 16 * (group & 1);
    const int shift = group & 6;
    const float scale = d * (float)(x[group] & 15), low = min * (float)(x[group] >> 4);
    for (int i = 0; i < 16; i++) y[16 * group + i] = scale * (float)(pairs[i] >> shift & 3) - low;
  }
}

// 32 bytes of third bits, bit j of a byte for the j-th 32 elements, set for codes that are not negative; 64 bytes of bit pairs; 12 bytes with
// 16 scales of 6 bits; d.
KN_INLINE void decode_q3_k(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x + 108));
  const uint8_t* packed = x + 96;
  for (int group = 0; group < 16; group++) {
    const uint8_t *pairs = x + 32 + 32 * (group / 8) + 16 * (group & 1), *third = x + 16 * (group & 1);
    const int shift = group & 6, bit = group / 2;
    const int low = group < 8 ? packed[group] & 15 : packed[group - 8] >> 4, high = packed[8 + (group & 3)] >> (2 * (group / 4)) & 3;
    const float scale = d * (float)((low | high << 4) - 32);
    for (int i = 0; i < 16; i++) y[16 * group + i] = scale * (float)((pairs[i] >> shift & 3) + (third[i] >> bit & 1) * 4 - 4);
  }
}

// The values of IQ4's codes: finer near zero, where weights are dense.
constexpr float kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

KN_INLINE void decode_levels(float d, const uint8_t* codes, float* y) {
  for (int i = 0; i < 16; i++) {
    y[i] = d * kLevels[codes[i] & 15];
    y[i + 16] = d * kLevels[codes[i] >> 4];
  }
}

// d; upper bit pairs of 8 scales; their low nibbles; 128 bytes of codes.
KN_INLINE void decode_iq4_xs(const uint8_t* x, float* y) {
  const float d = from_half(half_bits(x));
  const int high = half_bits(x + 2);
  for (int part = 0; part < 8; part++) {
    const int scale = (x[4 + part / 2] >> (4 * (part & 1)) & 15) | (high >> (2 * part) & 3) << 4;
    decode_levels(d * (float)(scale - 32), x + 8 + 16 * part, y + 32 * part);
  }
}

// Elements [first, first + n) of the weight; n is a number of whole blocks, at most kPiece elements.
KN_INLINE void decode_piece(int type, const uint8_t* data, int64_t first, int n, float* y) {
  switch (type) {
    case KN_STORED_F32: {
      const float* x = (const float*)data + first;
      for (int i = 0; i < n; i++) y[i] = x[i];
      break;
    }
    case KN_STORED_BF16: {
      const uint16_t* x = (const uint16_t*)data + first;
      for (int i = 0; i < n; i++) y[i] = as_float((uint32_t)x[i] << 16);
      break;
    }
    case KN_STORED_F16: {
      const uint16_t* x = (const uint16_t*)data + first;
      for (int i = 0; i < n; i++) y[i] = from_half(x[i]);
      break;
    }
    case KN_STORED_INT8: {
      const int8_t* x = (const int8_t*)data + first;
      for (int i = 0; i < n; i++) y[i] = (float)x[i];
      break;
    }
    case KN_STORED_E4M3: {
      const uint8_t* x = data + first;
      for (int i = 0; i < n; i++) y[i] = from_e4m3(x[i]);
      break;
    }
    case KN_STORED_E5M2: {
      const uint8_t* x = data + first;
      for (int i = 0; i < n; i++) y[i] = from_half((uint32_t)x[i] << 8);
      break;
    }
    case KN_STORED_Q8_0:
      for (int i = 0; i < n; i += 32) decode_q8_0(data + (first + i) / 32 * 34, y + i);
      break;
    case KN_STORED_Q4_0:
      for (int i = 0; i < n; i += 32) decode_q4_0(data + (first + i) / 32 * 18, y + i);
      break;
    case KN_STORED_Q5_0:
      for (int i = 0; i < n; i += 32) decode_q5_0(data + (first + i) / 32 * 22, y + i);
      break;
    case KN_STORED_Q4_K: decode_q45_k<false>(data + first / 256 * 144, y); break;
    case KN_STORED_Q5_K: decode_q45_k<true>(data + first / 256 * 176, y); break;
    case KN_STORED_Q6_K: decode_q6_k(data + first / 256 * 210, y); break;
    case KN_STORED_Q4_1:
      for (int i = 0; i < n; i += 32) decode_q4_1(data + (first + i) / 32 * 20, y + i);
      break;
    case KN_STORED_Q5_1:
      for (int i = 0; i < n; i += 32) decode_q5_1(data + (first + i) / 32 * 24, y + i);
      break;
    case KN_STORED_Q2_K: decode_q2_k(data + first / 256 * 84, y); break;
    case KN_STORED_Q3_K: decode_q3_k(data + first / 256 * 110, y); break;
    case KN_STORED_IQ4_NL:
      for (int i = 0; i < n; i += 32) {
        const uint8_t* block = data + (first + i) / 32 * 18;
        decode_levels(from_half(half_bits(block)), block + 2, y + i);
      }
      break;
    case KN_STORED_IQ4_XS: decode_iq4_xs(data + first / 256 * 136, y); break;
  }
}

template <class T> void dequantize_to(const kn_dequantize_args& a, T* out, int64_t first, int64_t last) {
  float piece[kPiece];
  for (int64_t i = first; i < last;) {
    const int64_t row = i / a.columns;
    int64_t end = (row + 1) * a.columns < last ? (row + 1) * a.columns : last;
    if (end > i + kPiece) end = i + kPiece;
    decode_piece(a.type, (const uint8_t*)a.data, i, (int)(end - i), piece);
    const Vec scale = broadcast(a.scales ? a.scales[a.scale_per_row ? row : 0] : 1.0f);
    T* to = out + i;
    each_vector(end - i, [&](int64_t k, auto lanes) KN_LAMBDA { store(to + k, load(piece + k, lanes) * scale, lanes); });
    i = end;
  }
}

void dequantize(const kn_dequantize_args* a, int64_t first, int64_t last) {
  if (a->out_bf16) dequantize_to(*a, (bf16*)a->out, first, last);
  else dequantize_to(*a, (float*)a->out, first, last);
}

}  // namespace

// 3×3 convolution by minimal filtering: F(4×4, 3×3) of Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// arXiv:1509.09308, section 4.3. A tile of 6×6 pixels becomes B' d B, a filter G g G'; their elementwise product, summed over
// channels as 36 matrix products, becomes 4×4 results A' m A: 36 multiplications where the definition has 144. Everything between
// load and store is float32, so on bf16 data the result is closer to the exact one than a sum of bf16 products.
//
// Buffers, all float:  V [36][tiles][C']  U [K/64][36][C'][64]  with C' = taps C; the last group of filters is as wide as it is. Between
// points of either there is a gap: without it the 36 places that a transform writes to would share one set of the cache.
#pragma once

#include "fused.h"
#include "gemm.h"

namespace {

constexpr int kTileSide = 6, kTileStep = 4, kTilePoints = kTileSide * kTileSide;
constexpr int kFilterGroup = 64, kFilterGap = 16;

// The interpolation points are 0, ±a, ±b and infinity with a = 1/√2 and b = √2: with a b = 1 the transforms amplify rounding several
// times less than with the ±1 and ±2 of the paper (Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
// Convolution for Deep Neural Networks", arXiv:1803.10986, sections 2 and 6). Row p of B' has the coefficients of the product of (x - q) over the other finite
// points q, row p of G is (1, p, p²) over that polynomial's value at p, column p of A' is (1, p, p², p³).
constexpr float kA = 0.70710678118654752f, kB = 1.41421356237309505f;

// B' of one column or row.
KN_INLINE void tile_transform(const Vec* d, int stride, Vec* out, int out_stride) {
  const Vec d0 = d[0], d1 = d[stride], d2 = d[2 * stride], d3 = d[3 * stride], d4 = d[4 * stride], d5 = d[5 * stride];
  const Vec even_a = d4 - 2.0f * d2, odd_a = d3 - 2.0f * d1, even_b = d4 - 0.5f * d2, odd_b = d3 - 0.5f * d1;
  out[0] = (d0 + d4) - 2.5f * d2;
  out[out_stride] = even_a + kA * odd_a;
  out[2 * out_stride] = even_a - kA * odd_a;
  out[3 * out_stride] = even_b + kB * odd_b;
  out[4 * out_stride] = even_b - kB * odd_b;
  out[5 * out_stride] = (d1 + d5) - 2.5f * d3;
}

// G of one column or row.
KN_INLINE void filter_transform(const Vec* g, int stride, Vec* out, int out_stride) {
  const Vec g0 = g[0], g1 = g[stride], g2 = g[2 * stride];
  const Vec even_a = (g0 + 0.5f * g2) * (-2.0f / 3), odd_a = g1 * (-2.0f / 3 * kA), even_b = (g0 + 2.0f * g2) * (1.0f / 6), odd_b = g1 * (kB / 6);
  out[0] = g0;
  out[out_stride] = even_a + odd_a;
  out[2 * out_stride] = even_a - odd_a;
  out[3 * out_stride] = even_b + odd_b;
  out[4 * out_stride] = even_b - odd_b;
  out[5 * out_stride] = g2;
}

// A' of one column or row.
KN_INLINE void result_transform(const Vec* m, int stride, Vec* out, int out_stride) {
  const Vec sum_a = m[stride] + m[2 * stride], difference_a = (m[stride] - m[2 * stride]) * kA;
  const Vec sum_b = m[3 * stride] + m[4 * stride], difference_b = (m[3 * stride] - m[4 * stride]) * kB;
  out[0] = m[0] + (sum_a + sum_b);
  out[out_stride] = difference_a + difference_b;
  out[2 * out_stride] = 0.5f * sum_a + 2.0f * sum_b;
  out[3 * out_stride] = (0.5f * difference_a + 2.0f * difference_b) + m[5 * stride];
}

KN_INLINE float as_float(float x) { return x; }
KN_INLINE float as_float(bf16 x) { return widen_scalar(x); }

// Floats between neighboring points of U, and of a whole group.
KN_INLINE int64_t filter_point(const kn_winograd_args& a, int64_t width) { return a.taps * a.channels * width + kFilterGap; }
int64_t winograd_group_floats(const kn_winograd_args* a) { return kTilePoints * filter_point(*a, kFilterGroup); }

KN_INLINE int64_t filter_group_width(const kn_winograd_args& a, int64_t group) {
  const int64_t rest = a.filters - group * kFilterGroup;
  return rest < kFilterGroup ? rest : kFilterGroup;
}

// U of 16 channels of one group of filters. Filters stand as published, [K, C, taps, 3, 3].
template <class W> void winograd_filters_of(const kn_winograd_args& a, int64_t group, int64_t channel0, float* u) {
  constexpr int channels = 16, weights = 9;
  const int64_t width = filter_group_width(a, group), point = filter_point(a, width), row = a.channels * a.taps * weights;
  u += group * winograd_group_floats(&a);
  Word by_weight[channels * weights * kWidth] __attribute__((aligned(64)));
  for (int64_t k = 0; k < width; k += kWidth)
    for (int64_t tap = 0; tap < a.taps; tap++) {
      const W* source = (const W*)a.weight + (group * kFilterGroup + k) * row + channel0 * a.taps * weights;
      if (a.taps == 1) {
        transpose(source, row, kWidth, channels * weights, by_weight, kWidth);
      } else {
        for (int c = 0; c < channels; c++)
          for (int i = 0; i < weights; i++) {
            Vec x;
            for (int lane = 0; lane < kWidth; lane++) {
              const W* p = source + lane * row + (c * a.taps + tap) * weights + i;
              x[lane] = as_float(*p);
            }
            *(VecU*)(by_weight + (c * weights + i) * kWidth) = x;
          }
      }
      for (int c = 0; c < channels; c++) {
        Vec g[weights], half[kTileSide * 3], full[kTilePoints];
        KN_UNROLL for (int i = 0; i < weights; i++) g[i] = *(const VecU*)(by_weight + (c * weights + i) * kWidth);
        KN_UNROLL for (int j = 0; j < 3; j++) filter_transform(g + j, 3, half + j, 3);
        KN_UNROLL for (int i = 0; i < kTileSide; i++) filter_transform(half + 3 * i, 1, full + kTileSide * i, 1);
        float* target = u + (tap * a.channels + channel0 + c) * width + k;
        for (int p = 0; p < kTilePoints; p++) store(target + p * point, full[p]);
      }
    }
}

void winograd_filters(const kn_winograd_args* a, int64_t group, int64_t channel0, float* u) {
  with_type(a->weight_bf16, [&](auto t) { winograd_filters_of<typename decltype(t)::type>(*a, group, channel0, u); });
}

struct TilePlace {
  int64_t frame, row, column;      // of the tile's first result
};

KN_INLINE TilePlace tile_place(const kn_winograd_args& a, int64_t tile) {
  const int64_t across = (a.width + kTileStep - 1) / kTileStep, down = (a.height + kTileStep - 1) / kTileStep;
  return {tile / (across * down), tile / across % down * kTileStep, tile % across * kTileStep};
}

// V of tiles [tile0, tile1); v is that of tile `base`.
template <class X> void winograd_tiles_of(const kn_winograd_args& a, int64_t base, int64_t tile0, int64_t tile1, float* v) {
  const int64_t inner = a.taps * a.channels;
  for (int64_t tile = tile0; tile < tile1; tile++) {
    const TilePlace at = tile_place(a, tile);
    const X* sample = (const X*)a.x + at.frame / a.frames_per_sample * a.x_sample;
    for (int64_t tap = 0; tap < a.taps; tap++) {
      const X* frame = sample + (at.frame % a.frames_per_sample + tap) * a.x_frame;
      const X* pixels[kTilePoints];
      for (int i = 0; i < kTileSide; i++)
        for (int j = 0; j < kTileSide; j++) {
          const int64_t r = at.row + i - a.padding, c = at.column + j - a.padding;
          const bool inside = r >= 0 && c >= 0 && r < a.x_height && c < a.x_width;
          pixels[kTileSide * i + j] = inside ? frame + (r >> a.doublings) * a.x_row + (c >> a.doublings) * a.x_pixel : (const X*)a.zeros;
        }
      float* target = v + (tile - base) * inner + tap * a.channels;
      for (int64_t c = 0; c < a.channels; c += kWidth) {
        Vec half[kTilePoints];
        KN_UNROLL for (int j = 0; j < kTileSide; j++) {
          Vec d[kTileSide];
          KN_UNROLL for (int i = 0; i < kTileSide; i++) d[i] = load(pixels[kTileSide * i + j] + c);
          tile_transform(d, 1, half + j, kTileSide);
        }
        KN_UNROLL for (int i = 0; i < kTileSide; i++) {
          Vec out[kTileSide];
          tile_transform(half + kTileSide * i, 1, out, 1);
          KN_UNROLL for (int j = 0; j < kTileSide; j++) store(target + (kTileSide * i + j) * a.v_point + c, out[j]);
        }
      }
    }
  }
}

void winograd_tiles(const kn_winograd_args* a, int64_t base, int64_t tile0, int64_t tile1, float* v) {
  with_type(a->x_bf16, [&](auto t) { winograd_tiles_of<typename decltype(t)::type>(*a, base, tile0, tile1, v); });
}

// The results of tiles [tile0, tile1) for one group of filters.
template <class Y> void winograd_results_of(const kn_winograd_args& a, int64_t group, int64_t tile0, int64_t tile1, const float* m, int64_t m_point) {
  const int64_t width = filter_group_width(a, group);
  for (int64_t tile = tile0; tile < tile1; tile++) {
    const TilePlace at = tile_place(a, tile);
    const int rows = a.height - at.row < kTileStep ? (int)(a.height - at.row) : kTileStep;
    const int columns = a.width - at.column < kTileStep ? (int)(a.width - at.column) : kTileStep;
    Y* y = (Y*)a.y + ((at.frame * a.height + at.row) * a.width + at.column) * a.filters + group * kFilterGroup;
    const float* source = m + (tile - tile0) * width;
    for (int64_t k = 0; k < width; k += kWidth) {
      Vec half[kTileStep * kTileSide], full[kTileStep * kTileStep];
      KN_UNROLL for (int j = 0; j < kTileSide; j++) {
        Vec column[kTileSide];
        KN_UNROLL for (int i = 0; i < kTileSide; i++) column[i] = load(source + (kTileSide * i + j) * m_point + k);
        result_transform(column, 1, half + j, kTileSide);
      }
      KN_UNROLL for (int i = 0; i < kTileStep; i++) result_transform(half + kTileSide * i, 1, full + kTileStep * i, 1);
      const Vec bias = a.bias ? load(a.bias + group * kFilterGroup + k) : Vec{};
      for (int i = 0; i < rows; i++)
        for (int j = 0; j < columns; j++) store(y + (i * a.width + j) * a.filters + k, full[kTileStep * i + j] + bias);
    }
  }
}

int64_t winograd_scratch_floats(int64_t tiles) { return kTilePoints * (tiles * kFilterGroup + kWidth); }

void winograd_products(const kn_winograd_args* a, int64_t group, int64_t base, int64_t tile0, int64_t tile1, const float* v, const float* u, float* scratch) {
  constexpr int64_t block = 512;      // channels of a step: that much of U stays in the second-level cache for all tiles
  constexpr int rows = 4 * kTileRows, line = 64 / sizeof(float);
  const int64_t inner = a->taps * a->channels, width = filter_group_width(*a, group), tiles = tile1 - tile0, point = tiles * kFilterGroup + kWidth, u_point = filter_point(*a, width);
  u += group * winograd_group_floats(a);
  v += (tile0 - base) * inner;
  for (int p = 0; p < kTilePoints; p++) {
    // While one point is multiplied, the next one's operands come from the last-level cache.
    const float *next_u = u + (p + 1) * u_point, *next_v = v + (p + 1) * a->v_point;
    const int64_t share_u = inner * width * rows / tiles, share_v = inner * rows;
    for (int64_t t = 0; t < tiles; t += rows) {
      if (p + 1 < kTilePoints) {
        for (int64_t i = 0; i < share_u; i += line) __builtin_prefetch(next_u + t / rows * share_u + i, 0, 2);
        for (int64_t i = 0; i < share_v; i += line) __builtin_prefetch(next_v + t / rows * share_v + i, 0, 2);
      }
      const int some = tiles - t < rows ? (int)(tiles - t) : rows;
      for (int64_t c = 0; c < inner; c += block) {
        const int depth = inner - c < block ? (int)(inner - c) : (int)block;
        multiply<false>(some, (int)width, depth, (const Word*)(v + p * a->v_point + t * inner + c), inner, (const Word*)(u + p * u_point + c * width), width,
                        scratch + p * point + t * width, width, c > 0);
      }
    }
  }
  with_type(a->x_bf16, [&](auto t) { winograd_results_of<typename decltype(t)::type>(*a, group, tile0, tile1, scratch, point); });
}

}  // namespace

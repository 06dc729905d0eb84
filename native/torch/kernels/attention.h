// softmax(Q K^T scale + bias) V, forward and backward, without storing the scores: blocks of queries meet blocks of keys, and the
// softmax is rescaled as larger scores appear (Dao, "FlashAttention-2", arXiv:2307.08691, algorithms 1 and 2). The log of the
// softmax's denominator is kept for the backward pass, which recomputes the probabilities.
//
// T is the type of the data. With Dot the products multiply bf16 pairs; without it they run in float32, and bf16 data is widened
// while it is packed. Sums, maxima and exponentials are float32 always.
//
// A query without any key (all masked, or a causal one before the first key) gets zeros, and passes no gradient.
#pragma once

#include "gemm.h"
#include "kernels.h"

namespace {

constexpr int kKeyPanel = 64;        // keys of one packed panel of K^T
constexpr int kQueryBlock = 48;      // forward: queries and keys of one step; the scores (48 KB) stay in the second-level cache
constexpr int kKeyBlock = 256;
constexpr int kQueryTile = 128;      // backward: keys x queries of one step, 64 x 128 scores
constexpr int kKeyTile = 64;

KN_INLINE int64_t round_up(int64_t x, int64_t unit) { return (x + unit - 1) / unit * unit; }
KN_INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

KN_INLINE void zero(void* p, int64_t bytes) { __builtin_memset(p, 0, (size_t)bytes); }

// Hands out pieces of one buffer, each on a cache line. Starting at null it measures how much is needed.
struct Arena {
  char* next;
  template <class T> T* take(int64_t count) {
    next = (char*)round_up((int64_t)next, 64);
    T* piece = (T*)next;
    next += count * (int64_t)sizeof(T);
    return piece;
  }
};

constexpr int64_t kArenaSlack = 4096;

// Words per row of D numbers.
template <bool Dot> KN_INLINE int64_t words_of(int64_t dim) { return Dot ? dim / 2 : dim; }

struct Head {
  int64_t batch, head;
  Head(const kn_attention_args& a, int64_t i) : batch(i / a.heads), head(i % a.heads) {}
  template <class T> const T* of(const void* base, const kn_strides& s) const { return (const T*)base + batch * s.batch + head * s.head; }
  template <class T> T* of(void* base, const kn_strides& s) const { return (T*)base + batch * s.batch + head * s.head; }
};

// --- Packing of one head: K^T in panels [keys/64][words][64]; V as [keys/2][D] pairs or [keys][D] floats. Missing keys are zero.

template <bool Dot> int64_t packed_words(const kn_attention_args& a) { return round_up(a.keys, kKeyPanel) * words_of<Dot>(a.dim); }

template <class T, bool Dot> void pack_keys(const kn_attention_args& a, const T* k, Word* packed) {
  const int64_t words = words_of<Dot>(a.dim);
  for (int64_t j = 0; j < a.keys; j += kKeyPanel) {
    const int rows = (int)least(a.keys - j, kKeyPanel);
    Word* panel = packed + j * words;
    if (rows < kKeyPanel) zero(panel, kKeyPanel * words * 4);
    if (Dot) transpose((const Word*)(k + j * a.k_strides.row), a.k_strides.row / 2, rows, (int)words, panel, kKeyPanel);
    else transpose(k + j * a.k_strides.row, a.k_strides.row, rows, (int)words, panel, kKeyPanel);
  }
}

template <class T, bool Dot> void pack_values(const kn_attention_args& a, const T* v, Word* packed) {
  const int64_t padded = round_up(a.keys, kKeyPanel), d = a.dim;
  if (Dot) {
    const int64_t pairs = (a.keys + 1) / 2;
    pair_rows((const bf16*)v, a.v_strides.row, (int)a.keys, (int)d, packed, d);
    zero(packed + pairs * d, (padded / 2 - pairs) * d * 4);
  } else {
    widen_rows(v, a.v_strides.row, (int)a.keys, (int)d, (float*)packed);
    zero(packed + a.keys * d, (padded - a.keys) * d * 4);
  }
}

template <class T, bool Dot> void pack_head(const kn_attention_args& a, int64_t i, void* packed) {
  Head head(a, i);
  pack_keys<T, Dot>(a, head.of<T>(a.k, a.k_strides), (Word*)packed);
  pack_values<T, Dot>(a, head.of<T>(a.v, a.v_strides), (Word*)packed + packed_words<Dot>(a));
}

// --- Forward, one block of queries of one head

template <bool Dot> struct ForwardBuffers {
  float *scores, *out, *maximum, *sum;
  bf16* probabilities;
  float* queries;                 // widened, where the data cannot be multiplied as it is
  ForwardBuffers(Arena& arena, const kn_attention_args& a)
      : scores(arena.take<float>(kQueryBlock * kKeyBlock)),
        out(arena.take<float>(kQueryBlock * a.dim)),
        maximum(arena.take<float>(kQueryBlock)),
        sum(arena.take<float>(kQueryBlock)),
        probabilities(arena.take<bf16>(Dot ? kQueryBlock * kKeyBlock : 0)),
        queries(arena.take<float>(a.bf16 && !Dot ? kQueryBlock * a.dim : 0)) {}
};

KN_INLINE float row_maximum(const float* row, int n) {
  Vec m[4] = {load(row), load(row + kWidth), load(row + 2 * kWidth), load(row + 3 * kWidth)};
  for (int j = 4 * kWidth; j < n; j += 4 * kWidth)
    KN_UNROLL for (int u = 0; u < 4; u++) m[u] = max(m[u], load(row + j + u * kWidth));
  return max_lanes(max(max(m[0], m[1]), max(m[2], m[3])));
}

// row = 2^(row * factor + offset); returns the sum. With Dot the result goes to p as bf16.
template <bool Dot> KN_INLINE float exponentials(float* row, bf16* p, int n, float factor, float offset) {
  Vec sum0 = {}, sum1 = {};
  for (int j = 0; j < n; j += 2 * kWidth) {
    Vec x0 = exp2_of<Dot>(load(row + j) * factor + offset), x1 = exp2_of<Dot>(load(row + j + kWidth) * factor + offset);
    if (Dot) {
      store(p + j, x0);
      store(p + j + kWidth, x1);
    } else {
      store(row + j, x0);
      store(row + j + kWidth, x1);
    }
    sum0 += x0;
    sum1 += x1;
  }
  return sum_lanes(sum0 + sum1);
}

template <class T, bool Dot> void attend_block(const kn_attention_args& a, int64_t i, int64_t q0, const void* packed, void* scratch) {
  const float kInfinity = __builtin_inff();
  const int64_t d = a.dim, words = words_of<Dot>(d);
  const int m = (int)least(a.queries - q0, kQueryBlock);
  Head head(a, i);
  Arena arena{(char*)scratch};
  ForwardBuffers<Dot> buf(arena, a);
  const Word* kt = (const Word*)packed;
  const Word* v = kt + packed_words<Dot>(a);

  const T* q_rows = head.of<T>(a.q, a.q_strides) + q0 * a.q_strides.row;
  const Word* q = (const Word*)q_rows;
  int64_t ldq = Dot ? a.q_strides.row / 2 : a.q_strides.row;
  if (is_bf16<T> && !Dot) {
    widen_rows(q_rows, a.q_strides.row, m, (int)d, buf.queries);
    q = (const Word*)buf.queries;
    ldq = d;
  }

  const float* bias = a.key_bias ? a.key_bias + head.batch * a.key_bias_batch : nullptr;
  const float factor = a.scale * kLog2E;
  const int64_t shift = a.keys - a.queries;      // causal: the last query sees the last key
  const int64_t key_end = a.causal ? least(a.keys, q0 + m + shift) : a.keys;
  for (int r = 0; r < m; r++) {
    buf.maximum[r] = -kInfinity;
    buf.sum[r] = 0;
  }
  zero(buf.out, m * d * 4);

  for (int64_t j0 = 0; j0 < key_end; j0 += kKeyBlock) {
    const int n = (int)least(key_end - j0, kKeyBlock), padded = (int)round_up(n, kKeyPanel);
    for (int j = 0; j < padded; j += kKeyPanel)
      multiply<Dot>(m, kKeyPanel, (int)words, q, ldq, kt + (j0 + j) * words, kKeyPanel, buf.scores + j, kKeyBlock, false);
    const bool ragged = padded != n || (a.causal && j0 + n > q0 + shift + 1);
    for (int r = 0; r < m; r++) {
      float* row = buf.scores + r * kKeyBlock;
      if (bias)
        for (int j = 0; j < padded; j += kWidth) store(row + j, load(row + j) + load(bias + j0 + j));
      if (ragged) {
        const int64_t last = a.causal ? least(n, q0 + r + shift + 1 - j0) : n;
        for (int64_t j = last < 0 ? 0 : last; j < padded; j++) row[j] = -kInfinity;
      }
      const float before = buf.maximum[r], seen = row_maximum(row, padded);
      float now = seen > before ? seen : before;
      if (now == -kInfinity) now = -1e30f;       // nothing to see yet: keeps the differences below defined
      buf.maximum[r] = now;
      const float sum = exponentials<Dot>(row, buf.probabilities + r * (Dot ? kKeyBlock : 0), padded, factor, -now * factor);
      if (before == now || buf.sum[r] == 0) {
        buf.sum[r] += sum;
      } else {
        const float rescale = __builtin_exp2f((before - now) * factor);
        buf.sum[r] = buf.sum[r] * rescale + sum;
        for (int64_t c = 0; c < d; c += kWidth) store(buf.out + r * d + c, load(buf.out + r * d + c) * rescale);
      }
    }
    if (Dot) multiply<true>(m, (int)d, padded / 2, (const Word*)buf.probabilities, kKeyBlock / 2, v + j0 / 2 * d, d, buf.out, d, j0 != 0);
    else multiply<false>(m, (int)d, padded, (const Word*)buf.scores, kKeyBlock, v + j0 * d, d, buf.out, d, j0 != 0);
  }

  T* o = head.of<T>(a.o, a.o_strides);
  for (int r = 0; r < m; r++) {
    const float inverse = buf.sum[r] > 0 ? 1 / buf.sum[r] : 0;
    a.lse[i * a.queries + q0 + r] = buf.sum[r] > 0 ? buf.maximum[r] * a.scale + __builtin_logf(buf.sum[r]) : kInfinity;
    for (int64_t c = 0; c < d; c += kWidth) store(o + (q0 + r) * a.o_strides.row + c, load(buf.out + r * d + c) * inverse);
  }
}

// --- Backward, keys [key0, key1) of one head. With P = softmax, D_i = sum_d o_id do_id:
//   dV = P^T dO,  dS = P (dO V^T - D),  dK = scale dS^T Q,  dQ = scale dS K.
// The scores are formed transposed (keys x queries), so that P^T and dS^T come out as row operands of the next products.

template <class T, bool Dot> struct BackwardBuffers {
  Word *qt, *gt;                  // Q^T and dO^T, [queries/128][words][128]
  Word *q, *g;                    // Q and dO as right operands: pairs [queries/2][D] or floats [queries][D]
  float* dqt;                     // dQ^T, [queries/128][D][128]
  float *minus_lse, *delta;       // -lse log2(e), D_i
  float *st, *dpt, *pt_float;     // scores, dO V^T, P^T, each [64][128]
  bf16 *pt, *dst;                 // P^T and dS^T as left operands (Dot)
  Word* ds_pairs;                 // dS^T as right operand (Dot)
  float *dk, *dv;
  Word *k_rows, *v_rows;          // this tile's keys and values, zero past the end
  Word *k_pairs, *kt;             // K^T as left operand [D][64 keys]
  BackwardBuffers(Arena& arena, const kn_attention_args& a) {
    const int64_t d = a.dim, w = words_of<Dot>(d), queries = round_up(a.queries, kQueryTile), tile = kKeyTile * kQueryTile;
    qt = arena.take<Word>(queries * w);
    gt = arena.take<Word>(queries * w);
    q = arena.take<Word>(queries * w);
    g = arena.take<Word>(queries * w);
    dqt = arena.take<float>(queries * d);
    minus_lse = arena.take<float>(queries);
    delta = arena.take<float>(queries);
    st = arena.take<float>(tile);
    dpt = arena.take<float>(tile);
    pt_float = arena.take<float>(Dot ? 0 : tile);
    pt = arena.take<bf16>(Dot ? tile : 0);
    dst = arena.take<bf16>(Dot ? tile : 0);
    ds_pairs = arena.take<Word>(Dot ? tile / 2 : 0);
    dk = arena.take<float>(kKeyTile * d);
    dv = arena.take<float>(kKeyTile * d);
    k_rows = arena.take<Word>(kKeyTile * w);
    v_rows = arena.take<Word>(kKeyTile * w);
    k_pairs = arena.take<Word>(Dot ? kKeyTile / 2 * d : 0);
    kt = arena.take<Word>(kKeyTile * w);
  }
};

// Lays out queries and their gradients in every form that the products need, and the two numbers per query.
template <class T, bool Dot> void prepare_queries(const kn_attention_args& a, int64_t i, const BackwardBuffers<T, Dot>& buf) {
  Head head(a, i);
  const int64_t d = a.dim, w = words_of<Dot>(d);
  const T *q = head.of<T>(a.q, a.q_strides), *g = head.of<T>(a.grad_o, a.grad_o_strides), *o = head.of<T>(a.o, a.o_strides);
  for (int64_t i0 = 0; i0 < a.queries; i0 += kQueryTile) {
    const int rows = (int)least(a.queries - i0, kQueryTile);
    if (rows < kQueryTile) {
      Word* const forms[] = {buf.qt, buf.gt, buf.q, buf.g};
      for (Word* p : forms) zero(p + i0 * w, kQueryTile * w * 4);
    }
    const T *q0 = q + i0 * a.q_strides.row, *g0 = g + i0 * a.grad_o_strides.row;
    if (Dot) {
      transpose((const Word*)q0, a.q_strides.row / 2, rows, (int)w, buf.qt + i0 * w, kQueryTile);
      transpose((const Word*)g0, a.grad_o_strides.row / 2, rows, (int)w, buf.gt + i0 * w, kQueryTile);
      pair_rows((const bf16*)q0, a.q_strides.row, rows, (int)d, buf.q + i0 * w, d);
      pair_rows((const bf16*)g0, a.grad_o_strides.row, rows, (int)d, buf.g + i0 * w, d);
    } else {
      transpose(q0, a.q_strides.row, rows, (int)w, buf.qt + i0 * w, kQueryTile);
      transpose(g0, a.grad_o_strides.row, rows, (int)w, buf.gt + i0 * w, kQueryTile);
      widen_rows(q0, a.q_strides.row, rows, (int)d, (float*)buf.q + i0 * w);
      widen_rows(g0, a.grad_o_strides.row, rows, (int)d, (float*)buf.g + i0 * w);
    }
    for (int r = 0; r < kQueryTile; r++) {
      if (r >= rows) {
        buf.minus_lse[i0 + r] = 0;
        buf.delta[i0 + r] = 0;
        continue;
      }
      buf.minus_lse[i0 + r] = -a.lse[i * a.queries + i0 + r] * kLog2E;
      Vec dot = {};
      for (int64_t c = 0; c < d; c += kWidth) dot += load(o + (i0 + r) * a.o_strides.row + c) * load(g0 + r * a.grad_o_strides.row + c);
      buf.delta[i0 + r] = sum_lanes(dot);
    }
  }
}

// The rows of one tile of keys as left operand: in place where possible, else copied (zero past the end) or widened.
template <class T, bool Dot> const Word* tile_rows(const T* rows, int64_t stride, int count, int64_t d, Word* copy, int64_t& ld) {
  const int64_t w = words_of<Dot>(d);
  if (count == kKeyTile && (Dot || !is_bf16<T>)) {
    ld = Dot ? stride / 2 : stride;
    return (const Word*)rows;
  }
  ld = w;
  zero(copy + count * w, (kKeyTile - count) * w * 4);
  if (Dot)
    for (int r = 0; r < count; r++) __builtin_memcpy(copy + r * w, rows + r * stride, (size_t)w * 4);
  else widen_rows(rows, stride, count, (int)d, (float*)copy);
  return copy;
}

// P^T and dS^T of one tile, from scores st and dO V^T in dpt.
template <class T, bool Dot>
KN_INLINE void softmax_gradient(const kn_attention_args& a, const BackwardBuffers<T, Dot>& buf, const float* bias, int64_t j0, int64_t i0, int keys) {
  const float factor = a.scale * kLog2E;
  const int64_t shift = a.keys - a.queries;
  const bool crosses = a.causal && j0 + kKeyTile > i0 + shift;
  IntVec lane;
  for (int u = 0; u < kWidth; u++) lane[u] = u;
  for (int r = 0; r < kKeyTile; r += 2)
    for (int c = 0; c < kQueryTile; c += kWidth) {
      Vec ds[2];
      const Vec minus_lse = load(buf.minus_lse + i0 + c), delta = load(buf.delta + i0 + c);
      KN_UNROLL for (int u = 0; u < 2; u++) {
        const int at = (r + u) * kQueryTile + c;
        const float offset = bias && r + u < keys ? bias[j0 + r + u] * factor : 0;
        Vec p = exp2_of<Dot>(load(buf.st + at) * factor + (minus_lse + offset));
        if (r + u >= keys) p = Vec{};
        if (crosses) p = (Vec)((IntVec)p & (lane + (int32_t)(i0 + c + shift) >= (int32_t)(j0 + r + u)));
        ds[u] = p * (load(buf.dpt + at) - delta);
        if (Dot) {
          store(buf.pt + at, p);
          store(buf.dst + at, ds[u]);
        } else {
          store(buf.pt_float + at, p);
          store(buf.st + at, ds[u]);
        }
      }
      if (Dot) {
        UintVec low = __builtin_convertvector(narrow(ds[0]), UintVec), high = __builtin_convertvector(narrow(ds[1]), UintVec);
        *(UintVecU*)(buf.ds_pairs + r / 2 * kQueryTile + c) = low | (high << 16);
      }
    }
}

template <class T, bool Dot>
void attend_backward(const kn_attention_args& a, int64_t i, int64_t key0, int64_t key1, float* partial_dq, void* scratch) {
  Head head(a, i);
  Arena arena{(char*)scratch};
  BackwardBuffers<T, Dot> buf(arena, a);
  const int64_t d = a.dim, w = words_of<Dot>(d), queries = round_up(a.queries, kQueryTile), shift = a.keys - a.queries;
  const float* bias = a.key_bias ? a.key_bias + head.batch * a.key_bias_batch : nullptr;
  const T *k = head.of<T>(a.k, a.k_strides), *v = head.of<T>(a.v, a.v_strides);
  T *grad_k = head.of<T>(a.grad_k, a.grad_k_strides), *grad_v = head.of<T>(a.grad_v, a.grad_v_strides);
  prepare_queries<T, Dot>(a, i, buf);
  zero(buf.dqt, queries * d * 4);

  for (int64_t j0 = key0; j0 < key1; j0 += kKeyTile) {
    const int keys = (int)least(key1 - j0, kKeyTile);
    int64_t ldk, ldv;
    const Word* k_rows = tile_rows<T, Dot>(k + j0 * a.k_strides.row, a.k_strides.row, keys, d, buf.k_rows, ldk);
    const Word* v_rows = tile_rows<T, Dot>(v + j0 * a.v_strides.row, a.v_strides.row, keys, d, buf.v_rows, ldv);
    if (Dot) {
      zero(buf.k_pairs, kKeyTile / 2 * d * 4);
      pair_rows((const bf16*)(k + j0 * a.k_strides.row), a.k_strides.row, keys, (int)d, buf.k_pairs, d);
      transpose(buf.k_pairs, d, kKeyTile / 2, (int)d, buf.kt, kKeyTile / 2);
    } else {
      transpose(k_rows, ldk, kKeyTile, (int)d, buf.kt, kKeyTile);
    }

    bool add = false;
    int64_t first = 0;                      // causal: queries before the first key of the tile see nothing of it
    if (a.causal && j0 > shift) first = (j0 - shift) / kQueryTile * kQueryTile;
    for (int64_t i0 = first; i0 < queries; i0 += kQueryTile) {
      multiply<Dot>(kKeyTile, kQueryTile, (int)w, k_rows, ldk, buf.qt + i0 * w, kQueryTile, buf.st, kQueryTile, false);
      multiply<Dot>(kKeyTile, kQueryTile, (int)w, v_rows, ldv, buf.gt + i0 * w, kQueryTile, buf.dpt, kQueryTile, false);
      softmax_gradient<T, Dot>(a, buf, bias, j0, i0, keys);
      if (Dot) {
        multiply<true>(kKeyTile, (int)d, kQueryTile / 2, (const Word*)buf.pt, kQueryTile / 2, buf.g + i0 * w, d, buf.dv, d, add);
        multiply<true>(kKeyTile, (int)d, kQueryTile / 2, (const Word*)buf.dst, kQueryTile / 2, buf.q + i0 * w, d, buf.dk, d, add);
        multiply<true>((int)d, kQueryTile, kKeyTile / 2, buf.kt, kKeyTile / 2, buf.ds_pairs, kQueryTile, buf.dqt + i0 * d, kQueryTile, true);
      } else {
        multiply<false>(kKeyTile, (int)d, kQueryTile, (const Word*)buf.pt_float, kQueryTile, buf.g + i0 * w, d, buf.dv, d, add);
        multiply<false>(kKeyTile, (int)d, kQueryTile, (const Word*)buf.st, kQueryTile, buf.q + i0 * w, d, buf.dk, d, add);
        multiply<false>((int)d, kQueryTile, kKeyTile, buf.kt, kKeyTile, (const Word*)buf.st, kQueryTile, buf.dqt + i0 * d, kQueryTile, true);
      }
      add = true;
    }
    if (!add) {
      zero(buf.dk, kKeyTile * d * 4);
      zero(buf.dv, kKeyTile * d * 4);
    }
    for (int r = 0; r < keys; r++)
      for (int64_t c = 0; c < d; c += kWidth) {
        store(grad_k + (j0 + r) * a.grad_k_strides.row + c, load(buf.dk + r * d + c) * a.scale);
        store(grad_v + (j0 + r) * a.grad_v_strides.row + c, load(buf.dv + r * d + c));
      }
  }

  // dQ^T back to rows.
  T* grad_q = head.of<T>(a.grad_q, a.grad_q_strides);
  float square[kWidth * kWidth];
  for (int64_t r = 0; r < a.queries; r += kWidth)
    for (int64_t c = 0; c < d; c += kWidth) {
      const int64_t tile = r / kQueryTile * kQueryTile;
      transpose_square(buf.dqt + tile * d + c * kQueryTile + (r - tile), kQueryTile, kWidth, kWidth, (Word*)square, kWidth);
      const int rows = (int)least(a.queries - r, kWidth);
      for (int x = 0; x < rows; x++) {
        const Vec dq = load(square + x * kWidth) * a.scale;
        if (partial_dq) store(partial_dq + (r + x) * d + c, dq);
        else store(grad_q + (r + x) * a.grad_q_strides.row + c, dq);
      }
    }
}

// --- The table's entries: bf16 data is multiplied as pairs where the processor can.

#if defined(__AVX512BF16__) && KN_AVX512
constexpr bool kDotOfBf16 = true;
#else
constexpr bool kDotOfBf16 = false;
#endif

int64_t attention_packed_bytes(const kn_attention_args* a) {
  const int64_t words = a->bf16 ? packed_words<kDotOfBf16>(*a) : packed_words<false>(*a);
  return round_up(2 * words * 4, 64);
}

int64_t attention_forward_scratch_bytes(const kn_attention_args* a) {
  Arena measure{nullptr};
  if (a->bf16) ForwardBuffers<kDotOfBf16>(measure, *a);
  else ForwardBuffers<false>(measure, *a);
  return (int64_t)measure.next + kArenaSlack;
}

int64_t attention_backward_scratch_bytes(const kn_attention_args* a) {
  Arena measure{nullptr};
  if (a->bf16) BackwardBuffers<bf16, kDotOfBf16>(measure, *a);
  else BackwardBuffers<float, false>(measure, *a);
  return (int64_t)measure.next + kArenaSlack;
}

void attention_pack(const kn_attention_args* a, int64_t head, void* packed) {
  if (a->bf16) pack_head<bf16, kDotOfBf16>(*a, head, packed);
  else pack_head<float, false>(*a, head, packed);
}

void attention_forward(const kn_attention_args* a, int64_t head, int64_t query0, const void* packed, void* scratch) {
  if (a->bf16) attend_block<bf16, kDotOfBf16>(*a, head, query0, packed, scratch);
  else attend_block<float, false>(*a, head, query0, packed, scratch);
}

void attention_backward(const kn_attention_args* a, int64_t head, int64_t key0, int64_t key1, float* partial_dq, void* scratch) {
  if (a->bf16) attend_backward<bf16, kDotOfBf16>(*a, head, key0, key1, partial_dq, scratch);
  else attend_backward<float, false>(*a, head, key0, key1, partial_dq, scratch);
}

}  // namespace

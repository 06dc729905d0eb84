// compiled with -mavx512f -mavx512bw -mavx512vl -mavx512dq -mavx512bf16 -mfma ; no std headers with inline templates!
#include <immintrin.h>
#include <string.h>
#include <math.h>
#include "kernels.h"
#define AI static inline __attribute__((always_inline))
typedef uint16_t bf16;
namespace {
AI float bf2f(bf16 x) { uint32_t u = (uint32_t)x << 16; float f; memcpy(&f, &u, 4); return f; }
AI bf16 f2bf(float f) { uint32_t u; memcpy(&u, &f, 4); if ((u & 0x7fffffff) > 0x7f800000) return 0x7fc0; u += 0x7fff + ((u >> 16) & 1); return (bf16)(u >> 16); }
AI __m512 ldbf(const bf16* p) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)p)), 16)); }
AI void stbf(bf16* p, __m512 v) { _mm256_storeu_si256((__m256i*)p, (__m256i)_mm512_cvtneps_pbh(v)); }

// 2^x, x<=0 mostly. degree-5 minimax on [-0.5,0.5]
AI __m512 exp2v(__m512 x) {
  x = _mm512_max_ps(x, _mm512_set1_ps(-150.f));
  __m512 n = _mm512_roundscale_ps(x, 8), f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(1.339887440e-3f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.618437357e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.550332548e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.402264791e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.931472028e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}
AI __m512 exp2v_fast(__m512 x) { // degree 3, rel err ~1e-4: enough for bf16 P
  x = _mm512_max_ps(x, _mm512_set1_ps(-150.f));
  __m512 n = _mm512_roundscale_ps(x, 8), f = _mm512_sub_ps(x, n);
  __m512 p = _mm512_set1_ps(5.5171669e-2f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.4261115e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.9326099e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.9992807e-1f));
  return _mm512_scalef_ps(p, n);
}

// C[MR x 16*NV] (+)= A[MR x K4] * B[K4 x 16*NV]; K in 4-byte units (fp32: 1 element, bf16: a pair)
template <int MR, int NV, bool BF>
AI void ukr(int K4, const uint32_t* A, long lda, const uint32_t* B, long ldb, float* C, long ldc, bool acc) {
  __m512 c[MR][NV];
  if (acc) {
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
      for (int j = 0; j < NV; j++) c[i][j] = _mm512_loadu_ps(C + i * ldc + 16 * j);
  } else {
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
      for (int j = 0; j < NV; j++) c[i][j] = _mm512_setzero_ps();
  }
  for (int k = 0; k < K4; k++) {
    __m512i b[NV];
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) b[j] = _mm512_loadu_si512(B + k * ldb + 16 * j);
#pragma GCC unroll 8
    for (int i = 0; i < MR; i++) {
      __m512i a = _mm512_set1_epi32((int)A[i * lda + k]);
#pragma GCC unroll 8
      for (int j = 0; j < NV; j++) {
        if (BF) c[i][j] = _mm512_dpbf16_ps(c[i][j], (__m512bh)a, (__m512bh)b[j]);
        else c[i][j] = _mm512_fmadd_ps(_mm512_castsi512_ps(a), _mm512_castsi512_ps(b[j]), c[i][j]);
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < MR; i++)
#pragma GCC unroll 8
    for (int j = 0; j < NV; j++) _mm512_storeu_ps(C + i * ldc + 16 * j, c[i][j]);
}
template <int NV, bool BF>
AI void gemm_nv(int M, int K4, const uint32_t* A, long lda, const uint32_t* B, long ldb, float* C, long ldc, bool acc) {
  int i = 0;
  for (; i + 6 <= M; i += 6) ukr<6, NV, BF>(K4, A + i * lda, lda, B, ldb, C + i * ldc, ldc, acc);
  if (M - i >= 4) { ukr<4, NV, BF>(K4, A + i * lda, lda, B, ldb, C + i * ldc, ldc, acc); i += 4; }
  if (M - i >= 2) { ukr<2, NV, BF>(K4, A + i * lda, lda, B, ldb, C + i * ldc, ldc, acc); i += 2; }
  if (M - i >= 1) ukr<1, NV, BF>(K4, A + i * lda, lda, B, ldb, C + i * ldc, ldc, acc);
}
// N multiple of 16
template <bool BF>
__attribute__((noinline)) void gemm(int M, int N, int K4, const uint32_t* A, long lda, const uint32_t* B, long ldb, float* C, long ldc, bool acc) {
  int j = 0;
  for (; j + 64 <= N; j += 64) gemm_nv<4, BF>(M, K4, A, lda, B + j, ldb, C + j, ldc, acc);
  int r = (N - j) / 16;
  if (r == 3) gemm_nv<3, BF>(M, K4, A, lda, B + j, ldb, C + j, ldc, acc);
  else if (r == 2) gemm_nv<2, BF>(M, K4, A, lda, B + j, ldb, C + j, ldc, acc);
  else if (r == 1) gemm_nv<1, BF>(M, K4, A, lda, B + j, ldb, C + j, ldc, acc);
}

// 16x16 transpose of 32-bit: src rows stride ss, dst rows stride ds
AI void tr16(const uint32_t* s, long ss, uint32_t* d, long ds, int rows) {
  __m512i r[16], t[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) r[i] = i < rows ? _mm512_loadu_si512(s + i * ss) : _mm512_setzero_si512();
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) { t[2*i] = _mm512_unpacklo_epi32(r[2*i], r[2*i+1]); t[2*i+1] = _mm512_unpackhi_epi32(r[2*i], r[2*i+1]); }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[4*i] = _mm512_unpacklo_epi64(t[4*i], t[4*i+2]); r[4*i+1] = _mm512_unpackhi_epi64(t[4*i], t[4*i+2]);
    r[4*i+2] = _mm512_unpacklo_epi64(t[4*i+1], t[4*i+3]); r[4*i+3] = _mm512_unpackhi_epi64(t[4*i+1], t[4*i+3]); }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i+4], 0x88); t[i+4] = _mm512_shuffle_i32x4(r[i], r[i+4], 0xdd);
    t[i+8] = _mm512_shuffle_i32x4(r[i+8], r[i+12], 0x88); t[i+12] = _mm512_shuffle_i32x4(r[i+8], r[i+12], 0xdd); }
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i+8], 0x88); r[i+4] = _mm512_shuffle_i32x4(t[i+4], t[i+12], 0x88);
    r[i+8] = _mm512_shuffle_i32x4(t[i], t[i+8], 0xdd); r[i+12] = _mm512_shuffle_i32x4(t[i+4], t[i+12], 0xdd); }
#pragma GCC unroll 16
  for (int i = 0; i < 16; i++) _mm512_storeu_si512(d + i * ds, r[i]);
}
// dst[C4][ldd] = transpose(src[R][C4]) in 32-bit units, R padded up to multiple of 16 with zeros; C4 multiple of 16
void transpose32(const uint32_t* s, long ss, int R, int C4, uint32_t* d, long ldd) {
  for (int c = 0; c < C4; c += 16)
    for (int r = 0; r < R; r += 16) tr16(s + (long)r * ss + c, ss, d + (long)c * ldd + r, ldd, R - r < 16 ? R - r : 16);
}
// VNNI interleave rows: dst[R/2][C] u32 = (row 2r, row 2r+1)
void vnni(const bf16* s, long ss, int R, int C, uint32_t* d, long ldd) {
  for (int r = 0; r < R; r += 2) for (int c = 0; c < C; c += 16) {
    __m512i lo = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(s + (long)r * ss + c)));
    __m512i hi = r + 1 < R ? _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i*)(s + (long)(r + 1) * ss + c))) : _mm512_setzero_si512();
    _mm512_storeu_si512(d + (long)(r / 2) * ldd + c, _mm512_or_si512(lo, _mm512_slli_epi32(hi, 16)));
  }
}

constexpr int BQ = 48, BK = 256;
AI int64_t rup(int64_t x, int64_t m) { return (x + m - 1) / m * m; }
AI int64_t d4(const kn_attn_desc* a) { return a->bf16 ? a->D / 2 : a->D; }

size_t pack_bytes(const kn_attn_desc* a) { return (size_t)rup(a->Sk, 64) * a->D * (a->bf16 ? 2 : 4) + 64; }
// K: blocks of 64 keys: [Sk/64][D4][64]; V: bf16 -> vnni [Sk/2][D], fp32 -> copy [Sk][D]
void pack(const kn_attn_desc* a, const void* k, const void* v, void* kp, void* vp) {
  long D4 = d4(a); int64_t Sk = a->Sk, Sp = rup(Sk, 64);
  for (int64_t j = 0; j < Sp; j += 64) {
    int R = (int)(Sk - j < 64 ? Sk - j : 64);
    const uint32_t* src = a->bf16 ? (const uint32_t*)((const bf16*)k + j * a->k_s) : (const uint32_t*)((const float*)k + j * a->k_s);
    uint32_t* dst = (uint32_t*)kp + j * D4;
    if (R < 64) memset(dst, 0, 64 * D4 * 4);
    transpose32(src, a->bf16 ? a->k_s / 2 : a->k_s, R, (int)D4, dst, 64);
  }
  if (a->bf16) { vnni((const bf16*)v, a->v_s, (int)Sk, (int)a->D, (uint32_t*)vp, a->D); int64_t r = rup(Sk, 2) / 2; memset((uint32_t*)vp + r * a->D, 0, (Sp / 2 - r) * a->D * 4); }
  else { for (int64_t j = 0; j < Sk; j++) memcpy((float*)vp + j * a->D, (const float*)v + j * a->v_s, a->D * 4); memset((float*)vp + Sk * a->D, 0, (Sp - Sk) * a->D * 4); }
}
size_t scratch_bytes(const kn_attn_desc* a) { return BQ * BK * 4 + BQ * BK * 2 + BQ * a->D * 4 + 3 * BQ * 4 + 4096; }
int qblock(void) { return BQ; }

template <bool BF>
void fwd_t(const kn_attn_desc* a, const void* q, const void* kp, const void* vp, void* o, float* lse, int64_t q0, void* scratch) {
  const int D = (int)a->D, D4 = (int)d4(a), M = (int)(a->Sq - q0 < BQ ? a->Sq - q0 : BQ);
  char* sc = (char*)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
  float* S = (float*)sc; sc += BQ * BK * 4; bf16* P = (bf16*)sc; sc += BQ * BK * 2; float* O = (float*)sc; sc += BQ * D * 4; float* mx = (float*)sc; float* l = mx + BQ;
  const uint32_t* Q = BF ? (const uint32_t*)((const bf16*)q + q0 * a->q_s) : (const uint32_t*)((const float*)q + q0 * a->q_s);
  const long lq = BF ? a->q_s / 2 : a->q_s;
  for (int i = 0; i < M; i++) { mx[i] = -INFINITY; l[i] = 0; }
  const float c = a->scale * 1.44269504088896f; const __m512 cv = _mm512_set1_ps(c);
  const int64_t off = a->Sk - a->Sq; // causal alignment bottom-right
  int64_t kend = a->Sk; if (a->causal) { int64_t e = q0 + M + off; if (e < kend) kend = e; }
  for (int64_t j0 = 0; j0 < kend; j0 += BK) {
    int n = (int)(kend - j0 < BK ? kend - j0 : BK), np = (int)rup(n, 64);
    for (int j = 0; j < np; j += 64) gemm_nv<4, BF>(M, D4, Q, lq, (const uint32_t*)kp + (j0 + j) * D4, 64, S + j, BK, false);
    const bool mask = np != n || (a->causal && j0 + n > q0 + off + 1);
    for (int i = 0; i < M; i++) {
      float* s = S + i * BK; int lim = n; if (a->causal) { int64_t x = q0 + i + off + 1 - j0; if (x < lim) lim = x < 0 ? 0 : (int)x; }
      if (mask) for (int j = lim; j < np; j++) s[j] = -INFINITY;
      __m512 m0 = _mm512_loadu_ps(s), m1 = _mm512_loadu_ps(s + 16), m2 = _mm512_loadu_ps(s + 32), m3 = _mm512_loadu_ps(s + 48);
      for (int j = 64; j < np; j += 64) { m0 = _mm512_max_ps(m0, _mm512_loadu_ps(s + j)); m1 = _mm512_max_ps(m1, _mm512_loadu_ps(s + j + 16)); m2 = _mm512_max_ps(m2, _mm512_loadu_ps(s + j + 32)); m3 = _mm512_max_ps(m3, _mm512_loadu_ps(s + j + 48)); }
      float rm = _mm512_reduce_max_ps(_mm512_max_ps(_mm512_max_ps(m0, m1), _mm512_max_ps(m2, m3)));
      float mo = mx[i], mn = rm > mo ? rm : mo; if (mn == -INFINITY) mn = -1e30f;
      mx[i] = mn; const __m512 nm = _mm512_set1_ps(-mn * c);
      __m512 s0 = _mm512_setzero_ps(), s1 = s0;
      for (int j = 0; j < np; j += 32) {
        __m512 x0 = _mm512_fmadd_ps(_mm512_loadu_ps(s + j), cv, nm), x1 = _mm512_fmadd_ps(_mm512_loadu_ps(s + j + 16), cv, nm);
        if (BF) { x0 = exp2v_fast(x0); x1 = exp2v_fast(x1); _mm512_storeu_si512(P + i * BK + j, (__m512i)_mm512_cvtne2ps_pbh(x1, x0)); }
        else { x0 = exp2v(x0); x1 = exp2v(x1); _mm512_storeu_ps(s + j, x0); _mm512_storeu_ps(s + j + 16, x1); }
        s0 = _mm512_add_ps(s0, x0); s1 = _mm512_add_ps(s1, x1);
      }
      float sum = _mm512_reduce_add_ps(_mm512_add_ps(s0, s1));
      if (j0 == 0) l[i] = sum;
      else { float al = mo == mn ? 1.f : exp2f((mo - mn) * c); l[i] = l[i] * al + sum; if (al != 1.f) { __m512 av = _mm512_set1_ps(al); for (int d = 0; d < D; d += 16) _mm512_storeu_ps(O + i * D + d, _mm512_mul_ps(av, _mm512_loadu_ps(O + i * D + d))); } }
    }
    if (BF) gemm<true>(M, D, np / 2, (const uint32_t*)P, BK / 2, (const uint32_t*)vp + (j0 / 2) * D, D, O, D, j0 != 0);
    else gemm<false>(M, D, np, (const uint32_t*)S, BK, (const uint32_t*)vp + j0 * D, D, O, D, j0 != 0);
  }
  for (int i = 0; i < M; i++) {
    __m512 r = _mm512_set1_ps(l[i] > 0 ? 1.f / l[i] : 0.f);
    if (lse) lse[q0 + i] = mx[i] * a->scale + logf(l[i]);
    for (int d = 0; d < D; d += 16) {
      __m512 x = _mm512_mul_ps(r, _mm512_loadu_ps(O + i * D + d));
      if (BF) stbf((bf16*)o + (q0 + i) * a->o_s + d, x); else _mm512_storeu_ps((float*)o + (q0 + i) * a->o_s + d, x);
    }
  }
}
void fwd(const kn_attn_desc* a, const void* q, const void* kp, const void* vp, void* o, float* lse, int64_t q0, void* sc) {
  if (a->bf16) fwd_t<true>(a, q, kp, vp, o, lse, q0, sc); else fwd_t<false>(a, q, kp, vp, o, lse, q0, sc);
}

// ---- backward, one head. Works on transposed scores: S^T = K Q^T  [64 keys][BQB queries]
constexpr int BQB = 128, BKB = 64;
size_t bwd_scratch_bytes(const kn_attn_desc* a) {
  int64_t Sq = rup(a->Sq, BQB), Sk = rup(a->Sk, BKB), D = a->D, es = 4;
  return (size_t)(Sq * D * es * 2 /*QT,dOT packed*/ + Sq * D * es * 2 /*Q,dO vnni*/ + D * Sq * 4 /*dQT*/ + Sq * 4 * 2 + Sk * D * es /*KT rows*/ + BKB * BQB * 4 * 3 + BKB * BQB * 2 * 3 + 2 * BKB * D * 4 + BKB*D*8 + 65536);
}
template <bool BF>
void bwd_t(const kn_attn_desc* a, const void* q, const void* k, const void* v, const void* o, const void* go, int64_t go_s, const float* lse, void* gq, void* gk, void* gv, int64_t g_s, void* scratch) {
  const int D = (int)a->D; const long D4 = d4(a); const int64_t Sq = a->Sq, Sk = a->Sk, Sqp = rup(Sq, BQB), Skp = rup(Sk, BKB);
  char* sc = (char*)(((uintptr_t)scratch + 63) & ~(uintptr_t)63);
  auto take = [&](size_t b) { void* r = sc; sc += (b + 63) / 64 * 64; return r; };
  uint32_t* QT = (uint32_t*)take(Sqp * D4 * 4);   // [Sqp/BQB][D4][BQB]
  uint32_t* GT = (uint32_t*)take(Sqp * D4 * 4);
  uint32_t* Qv = (uint32_t*)take(Sqp * D4 * 4);   // bf: vnni [Sqp/2][D]; fp32: rows [Sqp][D]
  uint32_t* Gv = (uint32_t*)take(Sqp * D4 * 4);
  float* dQT = (float*)take((size_t)D * Sqp * 4); // [Sqp/BQB][D][BQB]
  float* L = (float*)take(Sqp * 4); float* De = (float*)take(Sqp * 4);
  float* ST = (float*)take(BKB * BQB * 4); float* dPT = (float*)take(BKB * BQB * 4); float* PTf = (float*)take(BKB * BQB * 4);
  bf16* PT = (bf16*)take(BKB * BQB * 2); bf16* dST = (bf16*)take(BKB * BQB * 2); uint32_t* dSv = (uint32_t*)take(BKB / 2 * BQB * 4);
  float* dK = (float*)take(BKB * D * 4); float* dV = (float*)take(BKB * D * 4);
  uint32_t* KT = (uint32_t*)take(D * BKB * 4);    // bf: [D][BKB] bf16 rows ; fp32 [D][BKB]
  uint32_t* Kr = (uint32_t*)take(BKB * D * 4); uint32_t* Vr = (uint32_t*)take(BKB * D * 4);
  const int es = BF ? 2 : 4;
  memset(dQT, 0, (size_t)D * Sqp * 4);
  const float c = a->scale * 1.44269504088896f;
  for (int64_t i0 = 0; i0 < Sqp; i0 += BQB) {
    int R = (int)(Sq - i0 < BQB ? Sq - i0 : BQB);
    if (R < BQB) { memset(QT + i0 * D4, 0, BQB * D4 * 4); memset(GT + i0 * D4, 0, BQB * D4 * 4); memset(Qv + i0 * D4, 0, BQB * D4 * 4); memset(Gv + i0 * D4, 0, BQB * D4 * 4); }
    const char* qs = (const char*)q + i0 * a->q_s * es; const char* gs = (const char*)go + i0 * go_s * es;
    transpose32((const uint32_t*)qs, a->q_s * es / 4, R, (int)D4, QT + i0 * D4, BQB);
    transpose32((const uint32_t*)gs, go_s * es / 4, R, (int)D4, GT + i0 * D4, BQB);
    if (BF) { vnni((const bf16*)qs, a->q_s, R, D, Qv + i0 * D4, D); vnni((const bf16*)gs, go_s, R, D, Gv + i0 * D4, D); }
    else for (int r = 0; r < R; r++) { memcpy(Qv + (i0 + r) * D, qs + r * a->q_s * 4, D * 4); memcpy(Gv + (i0 + r) * D, gs + r * go_s * 4, D * 4); }
    for (int r = 0; r < BQB; r++) {
      int64_t i = i0 + r; if (r >= R) { L[i] = 0; De[i] = 0; continue; }
      L[i] = -lse[i] * 1.44269504088896f;
      __m512 s = _mm512_setzero_ps();
      for (int d = 0; d < D; d += 16) {
        if (BF) s = _mm512_fmadd_ps(ldbf((const bf16*)o + i * a->o_s + d), ldbf((const bf16*)go + i * go_s + d), s);
        else s = _mm512_fmadd_ps(_mm512_loadu_ps((const float*)o + i * a->o_s + d), _mm512_loadu_ps((const float*)go + i * go_s + d), s);
      }
      De[i] = _mm512_reduce_add_ps(s);
    }
  }
  const __m512 cv = _mm512_set1_ps(c); const int64_t off = Sk - Sq;
  for (int64_t j0 = 0; j0 < Skp; j0 += BKB) {
    int R = (int)(Sk - j0 < BKB ? Sk - j0 : BKB);
    const uint32_t *Ka = (const uint32_t*)((const char*)k + j0 * a->k_s * es), *Va = (const uint32_t*)((const char*)v + j0 * a->v_s * es); long lk = a->k_s * es / 4, lv = a->v_s * es / 4;
    if (R < BKB) { memset(Kr, 0, BKB * D * es); memset(Vr, 0, BKB * D * es); for (int r = 0; r < R; r++) { memcpy(Kr + r * D4, Ka + r * lk, D4 * 4); memcpy(Vr + r * D4, Va + r * lv, D4 * 4); } Ka = Kr; Va = Vr; lk = lv = D4; }
    if (BF) { for (int r = 0; r < BKB; r++) for (int d = 0; d < D; d++) ((bf16*)KT)[d * BKB + r] = ((const bf16*)(Ka + r * lk))[d]; }
    else transpose32(Ka, lk, BKB, D, KT, BKB);
    bool first = true;
    int64_t istart = 0; if (a->causal) { istart = (j0 - off) / BQB * BQB; if (istart < 0) istart = 0; }
    for (int64_t i0 = istart; i0 < Sqp; i0 += BQB) {
      gemm<BF>(BKB, BQB, (int)D4, Ka, lk, QT + i0 * D4, BQB, ST, BQB, false);
      gemm<BF>(BKB, BQB, (int)D4, Va, lv, GT + i0 * D4, BQB, dPT, BQB, false);
      const bool cm = a->causal && (j0 + BKB > i0 + off);
      for (int r = 0; r < BKB; r += 2) for (int cidx = 0; cidx < BQB; cidx += 16) {
        __m512 ds[2];
#pragma GCC unroll 2
        for (int u = 0; u < 2; u++) {
          int rr = r + u; const __m512 nl = _mm512_loadu_ps(L + i0 + cidx);
          __m512 p = _mm512_fmadd_ps(_mm512_loadu_ps(ST + rr * BQB + cidx), cv, nl);
          p = BF ? exp2v_fast(p) : exp2v(p);
          if (rr >= R) p = _mm512_setzero_ps();
          if (cm) { // query index i0+cidx+lane must be >= j - off
            __m512i qi = _mm512_add_epi32(_mm512_set1_epi32((int)(i0 + cidx + off)), _mm512_setr_epi32(0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15));
            p = _mm512_maskz_mov_ps(_mm512_cmpge_epi32_mask(qi, _mm512_set1_epi32((int)(j0 + rr))), p);
          }
          ds[u] = _mm512_mul_ps(p, _mm512_sub_ps(_mm512_loadu_ps(dPT + rr * BQB + cidx), _mm512_loadu_ps(De + i0 + cidx)));
          if (BF) { stbf(PT + rr * BQB + cidx, p); stbf(dST + rr * BQB + cidx, ds[u]); }
          else { _mm512_storeu_ps(PTf + rr * BQB + cidx, p); _mm512_storeu_ps(ST + rr * BQB + cidx, ds[u]); }
        }
        if (BF) {
          __m512i lo = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(ds[0])), hi = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(ds[1]));
          _mm512_storeu_si512(dSv + (r / 2) * BQB + cidx, _mm512_or_si512(lo, _mm512_slli_epi32(hi, 16)));
        }
      }
      if (BF) {
        gemm<true>(BKB, D, BQB / 2, (const uint32_t*)PT, BQB / 2, Gv + i0 * D4, D, dV, D, !first);
        gemm<true>(BKB, D, BQB / 2, (const uint32_t*)dST, BQB / 2, Qv + i0 * D4, D, dK, D, !first);
        gemm<true>(D, BQB, BKB / 2, KT, BKB / 2, dSv, BQB, dQT + i0 * D, BQB, true);
      } else {
        gemm<false>(BKB, D, BQB, (const uint32_t*)PTf, BQB, Gv + i0 * D4, D, dV, D, !first);
        gemm<false>(BKB, D, BQB, (const uint32_t*)ST, BQB, Qv + i0 * D4, D, dK, D, !first);
        gemm<false>(D, BQB, BKB, KT, BKB, (const uint32_t*)ST, BQB, dQT + i0 * D, BQB, true);
      }
      first = false;
    }
    if (first) { memset(dK, 0, BKB * D * 4); memset(dV, 0, BKB * D * 4); }
    const __m512 sv = _mm512_set1_ps(a->scale);
    for (int r = 0; r < R; r++) for (int d = 0; d < D; d += 16) {
      __m512 x = _mm512_mul_ps(sv, _mm512_loadu_ps(dK + r * D + d)), y = _mm512_loadu_ps(dV + r * D + d);
      if (BF) { stbf((bf16*)gk + (j0 + r) * g_s + d, x); stbf((bf16*)gv + (j0 + r) * g_s + d, y); }
      else { _mm512_storeu_ps((float*)gk + (j0 + r) * g_s + d, x); _mm512_storeu_ps((float*)gv + (j0 + r) * g_s + d, y); }
    }
  }
  for (int64_t i0 = 0; i0 < Sqp; i0 += BQB) {
    int R = (int)(Sq - i0 < BQB ? Sq - i0 : BQB);
    for (int r = 0; r < BQB; r += 16) for (int d = 0; d < D; d += 16) {
      alignas(64) float t[16][16]; tr16((const uint32_t*)(dQT + i0 * D + (long)d * BQB + r), BQB, (uint32_t*)t, 16, 16);
      for (int x = 0; x < 16 && r + x < R; x++) {
        __m512 y = _mm512_mul_ps(_mm512_set1_ps(a->scale), _mm512_load_ps(t[x]));
        if (BF) stbf((bf16*)gq + (i0 + r + x) * g_s + d, y); else _mm512_storeu_ps((float*)gq + (i0 + r + x) * g_s + d, y);
      }
    }
  }
}
void bwd(const kn_attn_desc* a, const void* q, const void* k, const void* v, const void* o, const void* go, int64_t go_s, const float* lse, void* gq, void* gk, void* gv, int64_t g_s, void* sc) {
  if (a->bf16) bwd_t<true>(a, q, k, v, o, go, go_s, lse, gq, gk, gv, g_s, sc); else bwd_t<false>(a, q, k, v, o, go, go_s, lse, gq, gk, gv, g_s, sc);
}
void adamw(float* p, const void* g, int gbf, float* m, float* v, int64_t n, float lr, float b1, float b2, float eps, float wd, float bc1, float bc2s, float gs) {
  const __m512 B1 = _mm512_set1_ps(b1), B1c = _mm512_set1_ps(1 - b1), B2 = _mm512_set1_ps(b2), B2c = _mm512_set1_ps(1 - b2), E = _mm512_set1_ps(eps), ST = _mm512_set1_ps(-lr / bc1), W = _mm512_set1_ps(1 - lr * wd), C2 = _mm512_set1_ps(1.f / bc2s), G = _mm512_set1_ps(gs);
  for (int64_t i = 0; i < n; i += 16) {
    __mmask16 k = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    __m512 x = gbf ? _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(k, (const bf16*)g + i)), 16)) : _mm512_maskz_loadu_ps(k, (const float*)g + i);
    x = _mm512_mul_ps(x, G);
    __m512 mm = _mm512_fmadd_ps(B1c, x, _mm512_mul_ps(B1, _mm512_maskz_loadu_ps(k, m + i)));
    __m512 vv = _mm512_fmadd_ps(B2c, _mm512_mul_ps(x, x), _mm512_mul_ps(B2, _mm512_maskz_loadu_ps(k, v + i)));
    __m512 de = _mm512_fmadd_ps(_mm512_sqrt_ps(vv), C2, E);
    __m512 pp = _mm512_fmadd_ps(ST, _mm512_div_ps(mm, de), _mm512_mul_ps(W, _mm512_maskz_loadu_ps(k, p + i)));
    _mm512_mask_storeu_ps(m + i, k, mm); _mm512_mask_storeu_ps(v + i, k, vv); _mm512_mask_storeu_ps(p + i, k, pp);
  }
}
// gelu(tanh): y = x*sigmoid(2u)
template <bool BF> AI __m512 ld(const void* p, int64_t i, __mmask16 k) { return BF ? _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(k, (const bf16*)p + i)), 16)) : _mm512_maskz_loadu_ps(k, (const float*)p + i); }
template <bool BF> AI void st(void* p, int64_t i, __mmask16 k, __m512 v) { if (BF) _mm256_mask_storeu_epi16((bf16*)p + i, k, (__m256i)_mm512_cvtneps_pbh(v)); else _mm512_mask_storeu_ps((float*)p + i, k, v); }
template <bool BF, bool BWD> AI void gelu_t(const void* x, const void* g, void* y, int64_t n) {
  const __m512 c1 = _mm512_set1_ps(-2 * 0.7978845608f * 1.44269504f), c3 = _mm512_set1_ps(0.044715f), one = _mm512_set1_ps(1.f), k2 = _mm512_set1_ps(2 * 0.7978845608f), c33 = _mm512_set1_ps(3 * 0.044715f);
  for (int64_t i = 0; i < n; i += 16) {
    __mmask16 k = n - i >= 16 ? 0xffff : (__mmask16)((1u << (n - i)) - 1);
    __m512 v = ld<BF>(x, i, k), v2 = _mm512_mul_ps(v, v), u = _mm512_mul_ps(v, _mm512_fmadd_ps(c3, v2, one));
    __m512 e = exp2v(_mm512_min_ps(_mm512_mul_ps(u, c1), _mm512_set1_ps(126.f))), s = _mm512_div_ps(one, _mm512_add_ps(one, e));
    if (!BWD) st<BF>(y, i, k, _mm512_mul_ps(v, s));
    else { __m512 d = _mm512_mul_ps(_mm512_mul_ps(v, s), _mm512_mul_ps(_mm512_sub_ps(one, s), _mm512_mul_ps(k2, _mm512_fmadd_ps(c33, v2, one)))); st<BF>(y, i, k, _mm512_mul_ps(ld<BF>(g, i, k), _mm512_add_ps(s, d))); }
  }
}
void gelu(const void* x, const void* g, void* y, int64_t n, int bf) { if (bf) { if (g) gelu_t<true, true>(x, g, y, n); else gelu_t<true, false>(x, g, y, n); } else { if (g) gelu_t<false, true>(x, g, y, n); else gelu_t<false, false>(x, g, y, n); } }
const kn_kern K = { pack_bytes, pack, scratch_bytes, qblock, fwd, bwd_scratch_bytes, bwd, adamw, gelu };
} // namespace
extern "C" const kn_kern* kn_kern_avx512bf16(void) { return &K; }

#include "internal.h"
#include "kernels.h"
#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <c10/core/GradMode.h>
#include <c10/core/CPUAllocator.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <sys/mman.h>
#include <atomic>
#include <map>
#include <mutex>
#include <unordered_map>

// ------------------------------------------------------------------ caching CPU allocator (no page-fault storms)
namespace {
struct CacheAlloc final : c10::Allocator {
  struct Hdr { size_t cap; uint64_t magic; char pad[48]; };           // 64 bytes in front of each block
  std::mutex mu; std::unordered_map<size_t, std::vector<void*>> bins; std::atomic<size_t> cached{0}, live{0}, peak{0}; size_t limit = (size_t)8 << 30;
  static size_t cls(size_t n) {                                          // 8 classes per octave, <=12.5% waste
    n += sizeof(Hdr); if (n <= 4096) return (n + 63) / 64 * 64;
    int lg = 63 - __builtin_clzll(n); size_t step = (size_t)1 << (lg - 3); return (n + step - 1) / step * step;
  }
  static CacheAlloc& get() { static CacheAlloc* a = new CacheAlloc(); return *a; }
  static void del(void* ctx) {
    if (!ctx) return;
    auto& s = get(); Hdr* h = (Hdr*)ctx - 1; size_t c = h->cap; s.live -= c;
    if (c >= 65536) { std::lock_guard<std::mutex> l(s.mu); if (s.cached + c <= s.limit) { s.bins[c].push_back(h); s.cached += c; return; } }
    if (c >= (4u << 20)) munmap((void*)h, c); else free(h);
  }
  void* raw(size_t n) {
    size_t c = cls(n); void* p = nullptr;
    if (c >= 65536) { std::lock_guard<std::mutex> l(mu); auto it = bins.find(c); if (it != bins.end() && !it->second.empty()) { p = it->second.back(); it->second.pop_back(); cached -= c; } }
    if (!p) {
      if (c >= (4u << 20)) {
        p = mmap(nullptr, c, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (p == MAP_FAILED) { trim(); p = mmap(nullptr, c, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); }
        TORCH_CHECK(p != MAP_FAILED, "out of host memory: tried to allocate ", n, " bytes (", live.load() >> 20, " MiB in use)");
        madvise(p, c, MADV_HUGEPAGE);
      } else { int rc = posix_memalign(&p, 64, c); TORCH_CHECK(rc == 0, "out of host memory"); }
    }
    ((Hdr*)p)->cap = c; ((Hdr*)p)->magic = 0x7476616c6c6f63ull; live += c; size_t l = live, k = peak; while (l > k && !peak.compare_exchange_weak(k, l)) {}
    return p;
  }
  void trim() { std::lock_guard<std::mutex> l(mu); for (auto& b : bins) for (void* p : b.second) { if (b.first >= (4u << 20)) munmap(p, b.first); else free(p); } bins.clear(); cached = 0; }
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t n) override { if (!n) return {nullptr, nullptr, &del0, c10::Device(c10::DeviceType::CPU)}; void* p = raw(n); void* dp = (char*)p + sizeof(Hdr); return {dp, dp, &del, c10::Device(c10::DeviceType::CPU)}; }
  void copy_data(void* d, const void* s, size_t n) const override { default_copy_data(d, s, n); }
#else
  c10::DataPtr allocate(size_t n) const override { if (!n) return {nullptr, nullptr, &del0, c10::Device(c10::DeviceType::CPU)}; void* p = get().raw(n); void* dp = (char*)p + sizeof(Hdr); return {dp, dp, &del, c10::Device(c10::DeviceType::CPU)}; }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return &del; }
  static void del0(void*) {}
};
const kn_kern* kern() { static const kn_kern* k = __builtin_cpu_supports("avx512bf16") ? kn_kern_avx512bf16() : nullptr; return k; }

struct Scratch { void* p = nullptr; size_t n = 0; ~Scratch() { free(p); } void* get(size_t b) { if (b > n) { free(p); p = aligned_alloc(4096, (b + 4095) / 4096 * 4096); n = b; } return p; } };
thread_local Scratch t_scratch;

template <class F> void dyn_parallel(int64_t n, const F& f) {           // dynamic scheduling on torch's own OpenMP pool
  std::atomic<int64_t> next{0}; int T = at::get_num_threads();
  at::parallel_for(0, T, 1, [&](int64_t a, int64_t b) { for (int64_t t = a; t < b; t++) for (int64_t i; (i = next++) < n;) f(i); });
}
kn_attn_desc mk(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& o, double scale, bool causal) {
  kn_attn_desc d; d.B = q.size(0); d.H = q.size(1); d.Sq = q.size(2); d.Sk = k.size(2); d.D = q.size(3);
  d.q_b = q.stride(0); d.q_h = q.stride(1); d.q_s = q.stride(2); d.k_b = k.stride(0); d.k_h = k.stride(1); d.k_s = k.stride(2); d.v_b = v.stride(0); d.v_h = v.stride(1); d.v_s = v.stride(2);
  d.o_b = o.stride(0); d.o_h = o.stride(1); d.o_s = o.stride(2); d.scale = (float)scale; d.causal = causal; d.bf16 = q.scalar_type() == at::kBFloat16; return d;
}
void check(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  TORCH_CHECK(kern(), "fused attention: CPU lacks AVX512-BF16");
  TORCH_CHECK(q.dim() == 4 && k.dim() == 4 && v.dim() == 4 && q.scalar_type() == k.scalar_type() && k.scalar_type() == v.scalar_type() && (q.scalar_type() == at::kFloat || q.scalar_type() == at::kBFloat16), "fused attention: need 4-D fp32/bf16 q,k,v of one dtype");
  TORCH_CHECK(q.size(3) % (q.scalar_type() == at::kBFloat16 ? 32 : 16) == 0 && q.size(3) <= 256 && q.stride(3) == 1 && k.stride(3) == 1 && v.stride(3) == 1 && v.size(3) == q.size(3), "fused attention: head dim must be a multiple of 32 (<=256), last dim contiguous");
}
// o has layout [B,S,H,D] in memory (ready for the output projection), returned as [B,H,S,D] view
at::Tensor fwd_impl(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, double scale, bool causal, at::Tensor& lse) {
  check(q, k, v); auto* K = kern();
  int64_t B = q.size(0), H = q.size(1), S = q.size(2), D = q.size(3);
  auto o = at::empty_strided({B, H, S, D}, {S * H * D, D, H * D, 1}, q.options().requires_grad(false));
  lse = at::empty({B, H, S}, q.options().dtype(at::kFloat).requires_grad(false));
  auto d = mk(q, k, v, o, scale, causal); int es = d.bf16 ? 2 : 4;
  size_t pb = K->pack_bytes(&d), sb = K->scratch_bytes(&d); pb = (pb + 63) / 64 * 64;
  auto pk = at::empty({(int64_t)(pb * B * H * 2)}, q.options().dtype(at::kByte).requires_grad(false)); char* pp = (char*)pk.data_ptr();
  const char *qp = (const char*)q.data_ptr(), *kp = (const char*)k.data_ptr(), *vp = (const char*)v.data_ptr(); char* op = (char*)o.data_ptr(); float* lp = (float*)lse.data_ptr();
  dyn_parallel(B * H, [&](int64_t i) { int64_t b = i / H, h = i % H; K->pack(&d, kp + (b * d.k_b + h * d.k_h) * es, vp + (b * d.v_b + h * d.v_h) * es, pp + i * 2 * pb, pp + i * 2 * pb + pb); });
  int64_t qb = K->qblock(), nq = (S + qb - 1) / qb;
  dyn_parallel(B * H * nq, [&](int64_t t) {
    int64_t i = t / nq, b = i / H, h = i % H, q0 = (t % nq) * qb;
    K->fwd(&d, qp + (b * d.q_b + h * d.q_h) * es, pp + i * 2 * pb, pp + i * 2 * pb + pb, op + (b * d.o_b + h * d.o_h) * es, lp + i * S, q0, t_scratch.get(sb));
  });
  return o;
}
void bwd_impl(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const at::Tensor& o, const at::Tensor& lse, at::Tensor go, double scale, bool causal, at::Tensor& gq, at::Tensor& gk, at::Tensor& gv) {
  auto* K = kern(); int64_t B = q.size(0), H = q.size(1), S = q.size(2), Sk = k.size(2), D = q.size(3);
  if (go.stride(3) != 1 || go.scalar_type() != q.scalar_type()) go = go.to(q.scalar_type()).contiguous();
  auto opt = q.options().requires_grad(false);
  gq = at::empty_strided({B, H, S, D}, {S * H * D, D, H * D, 1}, opt); gk = at::empty_strided({B, H, Sk, D}, {Sk * H * D, D, H * D, 1}, opt); gv = at::empty_strided({B, H, Sk, D}, {Sk * H * D, D, H * D, 1}, opt);
  auto d = mk(q, k, v, o, scale, causal); int es = d.bf16 ? 2 : 4; size_t sb = K->bwd_scratch_bytes(&d);
  auto P = [&](const at::Tensor& t) { return (char*)t.data_ptr(); };
  dyn_parallel(B * H, [&](int64_t i) {
    int64_t b = i / H, h = i % H; int64_t og = (b * S * H * D + h * D) * es, okv = (b * Sk * H * D + h * D) * es;
    K->bwd(&d, P(q) + (b * d.q_b + h * d.q_h) * es, P(k) + (b * d.k_b + h * d.k_h) * es, P(v) + (b * d.v_b + h * d.v_h) * es, P(o) + (b * d.o_b + h * d.o_h) * es,
           P(go) + (b * go.stride(0) + h * go.stride(1)) * es, go.stride(2), (const float*)lse.data_ptr() + i * S, P(gq) + og, P(gk) + okv, P(gv) + okv, H * D, t_scratch.get(sb));
  });
}
struct SdpaBackward : torch::autograd::Node {
  torch::autograd::SavedVariable q, k, v, o; at::Tensor lse; double scale; bool causal;
  std::string name() const override { return "KinoraSdpaBackward"; }
  torch::autograd::variable_list apply(torch::autograd::variable_list&& g) override {
    auto qq = q.unpack(), kk = k.unpack(), vv = v.unpack(), oo = o.unpack(kn_self(this));
    at::Tensor gq, gk, gv; c10::AutoGradMode ng(false); bwd_impl(qq, kk, vv, oo, lse, g[0], scale, causal, gq, gk, gv); return {gq, gk, gv};
  }
  void release_variables() override { q.reset_data(); k.reset_data(); v.reset_data(); o.reset_data(); lse.reset(); }
};
} // namespace
extern "C" {
KN_API int32_t kn_cpu_cache_enable(int64_t limit) { auto& a = CacheAlloc::get(); a.limit = (size_t)limit; c10::SetCPUAllocator(&a, 100); return 0; }
KN_API void kn_cpu_cache_trim(void) { CacheAlloc::get().trim(); }
KN_API void kn_cpu_cache_stats(int64_t* o) { auto& a = CacheAlloc::get(); o[0] = a.live; o[1] = a.cached; o[2] = a.peak; }
kn_tensor kn_sdpa_fwd(kn_tensor q, kn_tensor k, kn_tensor v, double scale, int32_t causal, kn_tensor* lse) KN_TRY {
  at::Tensor l; auto o = fwd_impl(kn_borrow_copy(q), kn_borrow_copy(k), kn_borrow_copy(v), scale, causal, l); if (lse) *lse = kn_release_handle(std::move(l)); return kn_release_handle(std::move(o));
} KN_CATCH(nullptr)
int32_t kn_sdpa_bwd(kn_tensor q, kn_tensor k, kn_tensor v, kn_tensor o, kn_tensor lse, kn_tensor go, double scale, int32_t causal, kn_tensor* gq, kn_tensor* gk, kn_tensor* gv) KN_TRY {
  at::Tensor a, b, c; bwd_impl(kn_borrow_copy(q), kn_borrow_copy(k), kn_borrow_copy(v), kn_borrow_copy(o), kn_borrow_copy(lse), kn_borrow_copy(go), scale, causal, a, b, c);
  *gq = kn_release_handle(std::move(a)); *gk = kn_release_handle(std::move(b)); *gv = kn_release_handle(std::move(c)); return 0;
} KN_CATCH(-1)
kn_tensor kn_sdpa(kn_tensor qh, kn_tensor kh, kn_tensor vh, double scale, int32_t causal) KN_TRY {
  auto q = kn_borrow_copy(qh), k = kn_borrow_copy(kh), v = kn_borrow_copy(vh); at::Tensor lse, o;
  bool rg = c10::GradMode::is_enabled() && torch::autograd::any_variable_requires_grad({q, k, v});
  { c10::AutoGradMode ng(false); o = fwd_impl(q, k, v, scale, causal, lse); }
  if (rg) {
    auto n = kn_make_node<SdpaBackward>();
    n->set_next_edges(torch::autograd::collect_next_edges(q, k, v)); torch::autograd::set_history(o, n);
    n->q = torch::autograd::SavedVariable(q, false); n->k = torch::autograd::SavedVariable(k, false); n->v = torch::autograd::SavedVariable(v, false); n->o = torch::autograd::SavedVariable(o, true); n->lse = lse; n->scale = scale; n->causal = causal;
  }
  return kn_release_handle(std::move(o));
} KN_CATCH(nullptr)
int32_t kn_adamw(const kn_tensor* p, const kn_tensor* g, const kn_tensor* m, const kn_tensor* v, int32_t n, double lr, double b1, double b2, double eps, double wd, int64_t step, double gs) KN_TRY {
  TORCH_CHECK(kern(), "no kernel"); double bc1 = 1 - std::pow(b1, (double)step), bc2 = std::sqrt(1 - std::pow(b2, (double)step));
  constexpr int64_t CH = 65536; struct W { int t; int64_t off; }; std::vector<W> w; std::vector<at::Tensor> P(n), G(n), M(n), V(n);
  for (int i = 0; i < n; i++) { P[i] = kn_borrow_copy(p[i]); G[i] = kn_borrow_copy(g[i]).contiguous(); M[i] = kn_borrow_copy(m[i]); V[i] = kn_borrow_copy(v[i]); TORCH_CHECK(P[i].is_contiguous() && P[i].scalar_type() == at::kFloat, "adamw: param must be contiguous fp32"); for (int64_t o = 0; o < P[i].numel(); o += CH) w.push_back({i, o}); }
  dyn_parallel((int64_t)w.size(), [&](int64_t x) { int t = w[x].t; int64_t o = w[x].off, c = std::min(CH, P[t].numel() - o); bool bf = G[t].scalar_type() == at::kBFloat16;
    kern()->adamw((float*)P[t].data_ptr() + o, bf ? (void*)((uint16_t*)G[t].data_ptr() + o) : (void*)((float*)G[t].data_ptr() + o), bf, (float*)M[t].data_ptr() + o, (float*)V[t].data_ptr() + o, c, lr, b1, b2, eps, wd, bc1, bc2, gs); });
  for (int i = 0; i < n; i++) P[i].unsafeGetTensorImpl()->bump_version();
  return 0;
} KN_CATCH(-1)
}

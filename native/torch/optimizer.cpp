// The fused AdamW step over a whole list of parameters (kernels/adamw.h), and nothing else: schedules, clipping and state live in C#.

#include <ATen/core/Tensor.h>

#include <cmath>
#include <vector>

#include "cpu_level.h"
#include "internal.h"

namespace {

constexpr int64_t kChunk = 65536;      // elements handed to a thread at a time

void check_state(const at::Tensor& t, const at::Tensor& parameter, const char* what, int i) {
  TORCH_CHECK(t.device().is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && t.sizes() == parameter.sizes(), "kn_adamw: ", what, " ", i,
              " must be a contiguous float32 CPU tensor ", parameter.sizes(), ", got ", t.toString(), " ", t.sizes(),
              t.is_contiguous() ? "" : " with gaps");
}

}  // namespace

extern "C" int32_t kn_adamw(const kn_tensor* p, const kn_tensor* g, const kn_tensor* m, const kn_tensor* v, int32_t n, double lr, double beta1, double beta2,
                            double eps, double weight_decay, int64_t step, double grad_scale) KN_TRY {
  KN_REQUIRE(n == 0 || (p && g && m && v), "the four tensor lists");
  TORCH_CHECK(step >= 1, "kn_adamw: steps count from 1, got ", step);
  kn_adamw_args a{};
  a.learning_rate = (float)lr;
  a.beta1 = (float)beta1;
  a.beta2 = (float)beta2;
  a.epsilon = (float)eps;
  a.weight_decay = (float)weight_decay;
  a.correction1 = (float)(1 - std::pow(beta1, (double)step));
  a.correction2 = (float)std::sqrt(1 - std::pow(beta2, (double)step));
  a.gradient_scale = (float)grad_scale;

  struct Chunk {
    int tensor;
    int64_t offset;
  };
  struct Entry {
    at::Tensor parameter, gradient, first, second;
  };
  std::vector<Entry> entries;
  std::vector<Chunk> chunks;
  entries.reserve(n);
  for (int i = 0; i < n; i++) {
    Entry e{kn_required(p[i], "parameter"), kn_required(g[i], "gradient"), kn_required(m[i], "first moment"), kn_required(v[i], "second moment")};
    check_state(e.parameter, e.parameter, "parameter", i);
    check_state(e.first, e.parameter, "first moment", i);
    check_state(e.second, e.parameter, "second moment", i);
    TORCH_CHECK(e.gradient.device().is_cpu() && e.gradient.sizes() == e.parameter.sizes(), "kn_adamw: gradient ", i, " must be a CPU tensor ", e.parameter.sizes(), ", got ", e.gradient.sizes());
    if (e.gradient.scalar_type() != at::kBFloat16) e.gradient = e.gradient.to(at::kFloat);
    e.gradient = e.gradient.contiguous();
    for (int64_t at = 0; at < e.parameter.numel(); at += kChunk) chunks.push_back({i, at});
    entries.push_back(std::move(e));
  }
  const auto kernel = kn_active_kernels().adamw;
  kn_parallel_units((int64_t)chunks.size(), [&](int64_t c) {
    const Entry& e = entries[chunks[c].tensor];
    const int64_t at = chunks[c].offset, count = std::min(kChunk, e.parameter.numel() - at);
    const bool bf16 = e.gradient.scalar_type() == at::kBFloat16;
    kernel(&a, (const char*)e.gradient.data_ptr() + at * (bf16 ? 2 : 4), bf16, (float*)e.parameter.data_ptr() + at, (float*)e.first.data_ptr() + at,
           (float*)e.second.data_ptr() + at, count);
  });
  // Autograd must see that these changed in place.
  for (auto& e : entries)
    for (auto* t : {&e.parameter, &e.first, &e.second}) t->unsafeGetTensorImpl()->bump_version();
  return 0;
} KN_CATCH(-1)

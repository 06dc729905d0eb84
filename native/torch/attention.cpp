// Attention on the CPU: kinora::attention, and the plain-C entry points that share its kernels (kernels/attention.h).
//
// Shapes    B batch  H heads  S queries  T keys  D head size; q [B, H, S, D], k and v [B, H, T, D], key mask [B, T] or [1, T]
// Layouts   any strides with a dense last dimension: the views that a packed projection gives are read in place. The result is
//           stored as [B, S, H, D], ready for the output projection, and returned as its [B, H, S, D] view.
// Fused     D a multiple of 16, on bf16 with gradients of 32, D up to 256. Anything else (other types, other head
//           sizes, a mask that needs a gradient, other devices) is composed of ATen operators, which stores the S x T scores.

#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_strided.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/softmax.h>
#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <limits>

#include "cpu_level.h"
#include "internal.h"

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = c10::optional<Tensor>;

constexpr const char* kName = "kinora::attention";
constexpr int64_t kMaxHeadDim = 256;

bool given(const OptionalTensor& t) { return t && t->defined(); }

bool is_fusable(const Tensor& q, const OptionalTensor& mask) {
  const bool bf16 = q.scalar_type() == at::kBFloat16;
  const int64_t unit = bf16 && c10::GradMode::is_enabled() ? 32 : 16;      // the backward pass takes whole vectors of pairs
  return q.device().is_cpu() && (bf16 || q.scalar_type() == at::kFloat) && q.size(3) > 0 && q.size(3) % unit == 0 &&
         q.size(3) <= kMaxHeadDim && !(given(mask) && mask->requires_grad());
}

void check(const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& mask, double scale) {
  TORCH_CHECK(q.dim() == 4 && k.dim() == 4 && v.dim() == 4, kName, ": q, k and v must be [B, H, length, D], got ", q.sizes(), ", ", k.sizes(), ", ", v.sizes());
  TORCH_CHECK(q.scalar_type() == k.scalar_type() && q.scalar_type() == v.scalar_type(), kName, ": q, k and v must have one type, got ", q.scalar_type(), ", ",
              k.scalar_type(), ", ", v.scalar_type());
  TORCH_CHECK(k.sizes() == v.sizes() && q.size(0) == k.size(0) && q.size(1) == k.size(1) && q.size(3) == k.size(3), kName,
              ": k and v must be [", q.size(0), ", ", q.size(1), ", keys, ", q.size(3), "] for q ", q.sizes(), ", got ", k.sizes(), " and ", v.sizes());
  TORCH_CHECK(scale > 0, kName, ": scale must be positive, got ", scale);
  if (given(mask))
    TORCH_CHECK(mask->dim() == 2 && (mask->size(0) == q.size(0) || mask->size(0) == 1) && mask->size(1) == k.size(2), kName, ": the key mask must be [",
                q.size(0), ", ", k.size(2), "] or [1, ", k.size(2), "], got ", mask->sizes());
}

double scale_or_default(const c10::optional<double>& scale, const Tensor& q) { return scale ? *scale : 1 / std::sqrt((double)q.size(-1)); }

// --- Composed of ATen operators. A query without any key gets zeros, as in the kernel.

Tensor attention_composed(const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& mask, c10::optional<double> scale, bool causal) {
  const double s = scale_or_default(scale, q);
  check(q, k, v, mask, s);
  Tensor scores = at::matmul(q * s, k.transpose(-2, -1)), forbidden;
  if (given(mask)) {
    Tensor keys = mask->unsqueeze(1).unsqueeze(1);
    if (mask->scalar_type() == at::kBool) forbidden = keys.logical_not();
    else scores = scores + keys;
  }
  if (causal) {
    const int64_t queries = q.size(2), length = k.size(2);
    Tensor future = at::ones({queries, length}, q.options().dtype(at::kBool).requires_grad(false)).triu(length - queries + 1);
    forbidden = forbidden.defined() ? forbidden.logical_or(future) : future;
  }
  if (!forbidden.defined()) return at::matmul(at::softmax(scores, -1), v);
  scores = scores.masked_fill(forbidden, -std::numeric_limits<double>::infinity());
  return at::matmul(at::softmax(scores, -1).masked_fill(forbidden, 0), v);
}

// --- The kernels

kn_strides strides_of(const Tensor& t) { return {t.stride(0), t.stride(1), t.stride(2)}; }

// A layout that the kernels can read: the last dimension dense, and rows of bf16 on whole pairs.
Tensor readable(const Tensor& t) {
  const bool dense = t.stride(3) == 1 || t.size(3) == 1;
  const bool paired = t.scalar_type() != at::kBFloat16 || ((t.stride(0) | t.stride(1) | t.stride(2)) & 1) == 0;
  return dense && paired ? t : t.contiguous();
}

Tensor head_last(const Tensor& like, int64_t length) {
  const int64_t b = like.size(0), h = like.size(1), d = like.size(3);
  return at::empty_strided({b, h, length, d}, {length * h * d, d, h * d, 1}, like.options().requires_grad(false));
}

// The mask in the kernels' form: added to raw scores, padded to whole panels of keys.
Tensor key_bias(const OptionalTensor& mask, int64_t keys, double scale) {
  if (!given(mask)) return {};
  Tensor bias = at::full({mask->size(0), (keys + 63) / 64 * 64}, -std::numeric_limits<float>::infinity(), at::kFloat);
  Tensor inner = bias.narrow(1, 0, keys);
  if (mask->scalar_type() == at::kBool) inner.masked_fill_(*mask, 0);
  else inner.copy_(mask->to(at::kFloat) / scale);
  return bias;
}

kn_attention_args arguments(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, double scale, bool causal, const Tensor& o, const Tensor& lse) {
  kn_attention_args a{};
  a.heads = q.size(1);
  a.queries = q.size(2);
  a.keys = k.size(2);
  a.dim = q.size(3);
  a.scale = (float)scale;
  a.causal = causal;
  a.bf16 = q.scalar_type() == at::kBFloat16;
  if (bias.defined()) {
    a.key_bias = bias.data_ptr<float>();
    a.key_bias_batch = bias.size(0) == 1 ? 0 : bias.stride(0);
  }
  a.q_strides = strides_of(q);
  a.k_strides = strides_of(k);
  a.v_strides = strides_of(v);
  a.o_strides = strides_of(o);
  a.q = q.data_ptr();
  a.k = k.data_ptr();
  a.v = v.data_ptr();
  a.o = o.data_ptr();
  a.lse = lse.data_ptr<float>();
  return a;
}

Tensor forward_kernels(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, double scale, bool causal, Tensor& lse) {
  const auto& kernels = kn_active_kernels();
  const int64_t heads = q.size(0) * q.size(1), queries = q.size(2);
  Tensor o = head_last(q, queries);
  lse = at::empty({q.size(0), q.size(1), queries}, at::kFloat);
  if (k.size(2) == 0) {
    lse.fill_(std::numeric_limits<float>::infinity());
    return o.zero_();
  }
  const auto a = arguments(q, k, v, bias, scale, causal, o, lse);
  const int64_t packed_bytes = kernels.attention_packed_bytes(&a), scratch_bytes = kernels.attention_forward_scratch_bytes(&a);
  const int64_t block = kernels.attention_query_block, blocks = (queries + block - 1) / block;
  Tensor packed = at::empty({packed_bytes * heads}, at::kByte);
  char* memory = (char*)packed.data_ptr();
  kn_parallel_units(heads, [&](int64_t i) { kernels.attention_pack(&a, i, memory + i * packed_bytes); });
  kn_parallel_units(heads * blocks, [&](int64_t u) {
    const int64_t i = u / blocks;
    kernels.attention_forward(&a, i, u % blocks * block, memory + i * packed_bytes, kn_thread_scratch(scratch_bytes));
  });
  return o;
}

// With fewer heads than threads the keys of a head are shared out too, and the shares' parts of dQ are added at the end.
variable_list backward_kernels(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias, const Tensor& o, const Tensor& lse, const Tensor& grad, double scale, bool causal) {
  const auto& kernels = kn_active_kernels();
  const int64_t heads = q.size(0) * q.size(1), queries = q.size(2), keys = k.size(2), d = q.size(3);
  Tensor go = readable(grad.scalar_type() == q.scalar_type() ? grad : grad.to(q.scalar_type()));
  Tensor gq = head_last(q, queries), gk = head_last(k, keys), gv = head_last(k, keys);
  if (heads == 0 || queries == 0 || keys == 0) return {gq.zero_(), gk.zero_(), gv.zero_()};
  auto a = arguments(q, k, v, bias, scale, causal, o, lse);
  a.grad_o_strides = strides_of(go);
  a.grad_q_strides = strides_of(gq);
  a.grad_k_strides = strides_of(gk);
  a.grad_v_strides = strides_of(gv);
  a.grad_o = go.data_ptr();
  a.grad_q = gq.data_ptr();
  a.grad_k = gk.data_ptr();
  a.grad_v = gv.data_ptr();

  const int64_t tile = kernels.attention_key_tile, tiles = (keys + tile - 1) / tile, threads = at::get_num_threads();
  int64_t shares = heads >= threads ? 1 : std::min((threads + heads - 1) / heads, std::max<int64_t>(1, tiles / 4));
  const int64_t span = (tiles + shares - 1) / shares * tile;
  shares = (keys + span - 1) / span;
  Tensor partial;
  if (shares > 1) partial = at::empty({heads, shares, queries, d}, at::kFloat);
  float* parts = shares > 1 ? partial.data_ptr<float>() : nullptr;
  const int64_t scratch_bytes = kernels.attention_backward_scratch_bytes(&a);
  kn_parallel_units(heads * shares, [&](int64_t u) {
    const int64_t i = u / shares, key0 = u % shares * span;
    kernels.attention_backward(&a, i, key0, std::min(keys, key0 + span), parts ? parts + u * queries * d : nullptr, kn_thread_scratch(scratch_bytes));
  });
  if (shares > 1) gq.copy_(partial.sum(1).reshape({q.size(0), q.size(1), queries, d}));
  return {gq, gk, gv};
}

struct Attention : torch::autograd::Function<Attention> {
  static Tensor forward(AutogradContext* ctx, const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& mask, double scale, bool causal) {
    at::AutoDispatchBelowADInplaceOrView below;
    Tensor qr = readable(q), kr = readable(k), vr = readable(v), bias = key_bias(mask, k.size(2), scale), lse;
    Tensor o = forward_kernels(qr, kr, vr, bias, scale, causal, lse);
    if (ctx) {
      ctx->save_for_backward({qr, kr, vr, o, lse, bias});
      ctx->saved_data["scale"] = scale;
      ctx->saved_data["causal"] = causal;
    }
    return o;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    TORCH_CHECK(!c10::GradMode::is_enabled(), kName, ": the fused kernel has no second derivative");
    auto saved = ctx->get_saved_variables();
    auto g = backward_kernels(saved[0], saved[1], saved[2], saved[5], saved[3], saved[4], grads[0], ctx->saved_data["scale"].toDouble(), ctx->saved_data["causal"].toBool());
    return {g[0], g[1], g[2], Tensor(), Tensor(), Tensor()};
  }
};

Tensor attention_cpu(const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& mask, c10::optional<double> scale, bool causal) {
  const double s = scale_or_default(scale, q);
  check(q, k, v, mask, s);
  return is_fusable(q, mask) ? Attention::forward(nullptr, q, k, v, mask, s, causal) : attention_composed(q, k, v, mask, s, causal);
}

Tensor attention_autograd(const Tensor& q, const Tensor& k, const Tensor& v, const OptionalTensor& mask, c10::optional<double> scale, bool causal) {
  const double s = scale_or_default(scale, q);
  check(q, k, v, mask, s);
  return is_fusable(q, mask) ? Attention::apply(q, k, v, mask, s, causal) : attention_composed(q, k, v, mask, s, causal);
}

void check_fusable(const Tensor& q, const Tensor& k, const Tensor& v, double scale) {
  check(q, k, v, {}, scale);
  TORCH_CHECK(is_fusable(q, {}), "fused attention: q must be a CPU tensor of float32 (head size a multiple of 16) or bf16 (of 32), up to 256; got ", q.toString(), " ", q.sizes());
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(kinora, m) {
  m.def("attention(Tensor q, Tensor k, Tensor v, Tensor? key_mask=None, float? scale=None, bool causal=False) -> Tensor");
}
TORCH_LIBRARY_IMPL(kinora, CompositeImplicitAutograd, m) { m.impl("attention", attention_composed); }
TORCH_LIBRARY_IMPL(kinora, CPU, m) { m.impl("attention", attention_cpu); }
TORCH_LIBRARY_IMPL(kinora, AutogradCPU, m) { m.impl("attention", attention_autograd); }

extern "C" {

kn_tensor kn_sdpa(kn_tensor q, kn_tensor k, kn_tensor v, double scale, int32_t causal) KN_TRY {
  return kn_release_handle(attention_autograd(kn_required(q, "q"), kn_required(k, "k"), kn_required(v, "v"), {}, scale, causal != 0));
} KN_CATCH(nullptr)

kn_tensor kn_sdpa_fwd(kn_tensor qh, kn_tensor kh, kn_tensor vh, double scale, int32_t causal, kn_tensor* lse) KN_TRY {
  Tensor q = kn_required(qh, "q"), k = kn_required(kh, "k"), v = kn_required(vh, "v"), l;
  check_fusable(q, k, v, scale);
  c10::AutoGradMode no_grad(false);
  Tensor o = forward_kernels(readable(q), readable(k), readable(v), {}, scale, causal != 0, l);
  if (lse) *lse = kn_release_handle(std::move(l));
  return kn_release_handle(std::move(o));
} KN_CATCH(nullptr)

int32_t kn_sdpa_bwd(kn_tensor qh, kn_tensor kh, kn_tensor vh, kn_tensor o, kn_tensor lse, kn_tensor go, double scale, int32_t causal, kn_tensor* gq,
                    kn_tensor* gk, kn_tensor* gv) KN_TRY {
  Tensor q = kn_required(qh, "q"), k = kn_required(kh, "k"), v = kn_required(vh, "v");
  check_fusable(q, k, v, scale);
  KN_REQUIRE(gq && gk && gv, "a place for each gradient");
  c10::AutoGradMode no_grad(false);
  auto g = backward_kernels(readable(q), readable(k), readable(v), {}, readable(kn_required(o, "o")), kn_required(lse, "lse").contiguous(), kn_required(go, "go"), scale, causal != 0);
  *gq = kn_release_handle(std::move(g[0]));
  *gk = kn_release_handle(std::move(g[1]));
  *gv = kn_release_handle(std::move(g[2]));
  return 0;
} KN_CATCH(-1)

}

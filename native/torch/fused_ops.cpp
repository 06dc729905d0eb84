// Kinora's fused operators, registered with the dispatcher: C# calls them by name like ATen's, the profiler sees them, autograd
// works through them. On CPU tensors of float32 and bf16 they run the kernels of kernels/fused.h; any other device or type gets the
// same mathematics composed of ATen operators.
//
// Sums over rows are formed per block of rows whose size depends on the shape only, then added in order: results do not depend on
// the number of threads. Second derivatives exist in the composed form only, and asking the fused one for them is an error.

#include <ATen/core/Tensor.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/layer_norm.h>
#include <ATen/ops/rsqrt.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/library.h>

#include <cmath>
#include <vector>

#include "cpu_level.h"

namespace {

using at::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using OptionalTensor = c10::optional<Tensor>;
using OptionalType = c10::optional<at::ScalarType>;

bool is_float_or_bf16(const Tensor& t) { return t.scalar_type() == at::kFloat || t.scalar_type() == at::kBFloat16; }
bool is_bf16(const Tensor& t) { return t.scalar_type() == at::kBFloat16; }
bool is_fusable(const Tensor& t) { return t.device().is_cpu() && is_float_or_bf16(t); }

// About 16 thousand elements: large against the cost of handing out work, small against a cache.
int64_t rows_per_unit(int64_t dim) { return std::max<int64_t>(8, 16384 / std::max<int64_t>(dim, 1)); }
int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }

void refuse_second_derivative(const char* op) {
  TORCH_CHECK(!c10::GradMode::is_enabled(), op, ": the fused kernel has no second derivative. Compose it of ATen operators where one is needed.");
}

Tensor as_type(const Tensor& t, at::ScalarType type) { return t.scalar_type() == type ? t : t.to(type); }

// A per-sample row of numbers ([N, D] or [N, 1, D], any type) as dense float32 [N, D].
Tensor sample_rows(const char* op, const char* name, const Tensor& t, int64_t n, int64_t d) {
  const bool right = (t.dim() == 2 && t.size(0) == n && t.size(1) == d) || (t.dim() == 3 && t.size(0) == n && t.size(1) == 1 && t.size(2) == d);
  TORCH_CHECK(right, op, ": ", name, " must be [", n, ", ", d, "] or [", n, ", 1, ", d, "], got ", t.sizes());
  return as_type(t, at::kFloat).reshape({n, d}).contiguous();
}

void check_rows(const char* op, const Tensor& x) { TORCH_CHECK(x.dim() == 3, op, ": x must be [N, R, D], got ", x.sizes()); }

// [N, D] → [N, 1, D] so that it broadcasts over rows.
Tensor over_rows(const Tensor& t) { return t.dim() == 2 ? t.unsqueeze(1) : t; }

// Cuts N samples of R rows into units and calls f(n, row0, row1, unit of sample).
struct RowUnits {
  int64_t samples, rows, step, per_sample;
  RowUnits(int64_t n, int64_t r, int64_t d) : samples(n), rows(r), step(std::min(rows_per_unit(d), std::max<int64_t>(r, 1))), per_sample(ceil_div(r, step)) {}
  template <class F> void run(const F& f) const {
    kn_parallel_units(samples * per_sample, [&](int64_t i) {
      const int64_t n = i / per_sample, u = i % per_sample;
      f(n, u * step, std::min(rows, (u + 1) * step), u);
    });
  }
  // Room for one partial sum of D numbers per unit, and the total per sample.
  Tensor partial_sums(int64_t d) const { return at::zeros({samples, per_sample, d}, at::kFloat); }
  static Tensor total(const Tensor& partial) { return partial.size(1) == 1 ? partial.select(1, 0) : partial.sum(1); }
};

// --- layer_norm_modulate

Tensor layer_norm_modulate_composed(const Tensor& x, const Tensor& shift, const Tensor& scale, double eps, OptionalType dtype) {
  check_rows("kinora::layer_norm_modulate", x);
  Tensor h = at::layer_norm(x.to(at::kFloat), {x.size(2)}, {}, {}, eps);
  return (h * (over_rows(scale) + 1) + over_rows(shift)).to(dtype.value_or(x.scalar_type()));
}

struct LayerNormModulate : torch::autograd::Function<LayerNormModulate> {
  static constexpr const char* kName = "kinora::layer_norm_modulate";

  static kn_layer_norm_modulate_args arguments(const Tensor& x, double eps, at::ScalarType y_type) {
    kn_layer_norm_modulate_args a{};
    a.rows = x.size(1);
    a.dim = x.size(2);
    a.eps = (float)eps;
    a.x_bf16 = is_bf16(x);
    a.y_bf16 = y_type == at::kBFloat16;
    a.x = x.data_ptr();
    return a;
  }

  static Tensor run(const Tensor& x, const Tensor& shift, const Tensor& scale, double eps, at::ScalarType y_type, Tensor& mean, Tensor& rstd) {
    Tensor y = at::empty(x.sizes(), x.options().dtype(y_type));
    mean = at::empty({x.size(0), x.size(1)}, at::kFloat);
    rstd = at::empty({x.size(0), x.size(1)}, at::kFloat);
    auto a = arguments(x, eps, y_type);
    a.shift = shift.data_ptr<float>();
    a.scale = scale.data_ptr<float>();
    a.mean = mean.data_ptr<float>();
    a.rstd = rstd.data_ptr<float>();
    a.y = y.data_ptr();
    auto kernel = kn_active_kernels().layer_norm_modulate;
    RowUnits(x.size(0), a.rows, a.dim).run([&](int64_t n, int64_t row0, int64_t row1, int64_t) { kernel(&a, n, row0, row1); });
    return y;
  }

  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& shift, const Tensor& scale, double eps, OptionalType dtype) {
    at::AutoDispatchBelowADInplaceOrView below;
    Tensor xd = x.contiguous(), mean, rstd;
    const int64_t n = x.size(0), d = x.size(2);
    Tensor shift_rows = sample_rows(kName, "shift", shift, n, d), scale_rows = sample_rows(kName, "scale", scale, n, d);
    Tensor y = run(xd, shift_rows, scale_rows, eps, dtype.value_or(x.scalar_type()), mean, rstd);
    if (ctx) {
      ctx->save_for_backward({xd, scale_rows, mean, rstd});
      ctx->saved_data["shift"] = shift.sizes().vec();
      ctx->saved_data["shift_type"] = (int64_t)shift.scalar_type();
      ctx->saved_data["scale"] = scale.sizes().vec();
      ctx->saved_data["scale_type"] = (int64_t)scale.scalar_type();
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuse_second_derivative(kName);
    auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &scale = saved[1];
    Tensor g = grads[0].contiguous(), gx = at::empty_like(x);
    auto a = arguments(x, 0, g.scalar_type());
    a.scale = scale.data_ptr<float>();
    a.mean = saved[2].data_ptr<float>();
    a.rstd = saved[3].data_ptr<float>();
    a.grad_y = g.data_ptr();
    a.grad_x = gx.data_ptr();
    RowUnits units(x.size(0), a.rows, a.dim);
    Tensor shift_sums = units.partial_sums(a.dim), scale_sums = units.partial_sums(a.dim);
    float *p_shift = shift_sums.data_ptr<float>(), *p_scale = scale_sums.data_ptr<float>();
    auto kernel = kn_active_kernels().layer_norm_modulate_backward;
    units.run([&](int64_t n, int64_t row0, int64_t row1, int64_t u) {
      const int64_t offset = (n * units.per_sample + u) * a.dim;
      kernel(&a, n, row0, row1, p_shift + offset, p_scale + offset);
    });
    auto shaped = [&](const Tensor& sums, const char* key, const char* type) {
      return as_type(RowUnits::total(sums), (at::ScalarType)ctx->saved_data[type].toInt()).reshape(ctx->saved_data[key].toIntVector());
    };
    return {gx, shaped(shift_sums, "shift", "shift_type"), shaped(scale_sums, "scale", "scale_type"), Tensor(), Tensor()};
  }
};

bool layer_norm_modulate_fuses(const Tensor& x, OptionalType dtype) {
  const auto y = dtype.value_or(x.scalar_type());
  return is_fusable(x) && (y == at::kFloat || y == at::kBFloat16);
}

Tensor layer_norm_modulate_cpu(const Tensor& x, const Tensor& shift, const Tensor& scale, double eps, OptionalType dtype) {
  if (!layer_norm_modulate_fuses(x, dtype)) return layer_norm_modulate_composed(x, shift, scale, eps, dtype);
  check_rows(LayerNormModulate::kName, x);
  return LayerNormModulate::forward(nullptr, x, shift, scale, eps, dtype);
}

Tensor layer_norm_modulate_autograd(const Tensor& x, const Tensor& shift, const Tensor& scale, double eps, OptionalType dtype) {
  if (!layer_norm_modulate_fuses(x, dtype)) return layer_norm_modulate_composed(x, shift, scale, eps, dtype);
  check_rows(LayerNormModulate::kName, x);
  return LayerNormModulate::apply(x, shift, scale, eps, dtype);
}

// --- gated_residual

Tensor gated_residual_composed(const Tensor& x, const Tensor& gate, const Tensor& h) {
  check_rows("kinora::gated_residual", x);
  return (x + over_rows(gate) * h).to(x.scalar_type());
}

struct GatedResidual : torch::autograd::Function<GatedResidual> {
  static constexpr const char* kName = "kinora::gated_residual";

  static kn_gated_residual_args arguments(const Tensor& x, const Tensor& h, const Tensor& gate) {
    kn_gated_residual_args a{};
    a.rows = h.size(1);
    a.dim = h.size(2);
    a.x_bf16 = is_bf16(x);
    a.h_bf16 = is_bf16(h);
    a.h = h.data_ptr();
    a.gate = gate.data_ptr<float>();
    return a;
  }

  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& gate, const Tensor& h) {
    at::AutoDispatchBelowADInplaceOrView below;
    Tensor xd = x.contiguous(), hd = h.contiguous();
    Tensor gate_rows = sample_rows(kName, "gate", gate, x.size(0), x.size(2));
    Tensor y = at::empty(xd.sizes(), xd.options());
    auto a = arguments(xd, hd, gate_rows);
    a.x = xd.data_ptr();
    a.y = y.data_ptr();
    auto kernel = kn_active_kernels().gated_residual;
    RowUnits(x.size(0), a.rows, a.dim).run([&](int64_t n, int64_t row0, int64_t row1, int64_t) { kernel(&a, n, row0, row1); });
    if (ctx) {
      ctx->save_for_backward({hd, gate_rows});
      ctx->saved_data["gate"] = gate.sizes().vec();
      ctx->saved_data["gate_type"] = (int64_t)gate.scalar_type();
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuse_second_derivative(kName);
    auto saved = ctx->get_saved_variables();
    const Tensor &h = saved[0], &gate = saved[1];
    Tensor g = grads[0].contiguous(), gh = at::empty_like(h);
    auto a = arguments(g, h, gate);
    a.grad_y = g.data_ptr();
    a.grad_h = gh.data_ptr();
    RowUnits units(h.size(0), a.rows, a.dim);
    Tensor sums = units.partial_sums(a.dim);
    float* p = sums.data_ptr<float>();
    auto kernel = kn_active_kernels().gated_residual_backward;
    units.run([&](int64_t n, int64_t row0, int64_t row1, int64_t u) { kernel(&a, n, row0, row1, p + (n * units.per_sample + u) * a.dim); });
    Tensor g_gate = as_type(RowUnits::total(sums), (at::ScalarType)ctx->saved_data["gate_type"].toInt()).reshape(ctx->saved_data["gate"].toIntVector());
    return {g, g_gate, gh};
  }
};

bool gated_residual_fuses(const Tensor& x, const Tensor& h) {
  check_rows(GatedResidual::kName, x);
  TORCH_CHECK(h.sizes() == x.sizes(), GatedResidual::kName, ": h must have the shape of x, ", x.sizes(), ", got ", h.sizes());
  return is_fusable(x) && is_fusable(h);
}

Tensor gated_residual_cpu(const Tensor& x, const Tensor& gate, const Tensor& h) {
  return gated_residual_fuses(x, h) ? GatedResidual::forward(nullptr, x, gate, h) : gated_residual_composed(x, gate, h);
}

Tensor gated_residual_autograd(const Tensor& x, const Tensor& gate, const Tensor& h) {
  return gated_residual_fuses(x, h) ? GatedResidual::apply(x, gate, h) : gated_residual_composed(x, gate, h);
}

// --- rms_norm

Tensor rms_norm_composed(const Tensor& x, const OptionalTensor& weight, double eps) {
  Tensor f = x.to(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  Tensor n = f * at::rsqrt((f * f).mean(-1, true) + eps);
  return (weight && weight->defined() ? n * *weight : n).to(x.scalar_type());
}

struct RmsNorm : torch::autograd::Function<RmsNorm> {
  static constexpr const char* kName = "kinora::rms_norm";

  static kn_rms_norm_args arguments(const Tensor& x, const Tensor& weight, double eps) {
    kn_rms_norm_args a{};
    a.dim = x.size(-1);
    a.eps = (float)eps;
    a.bf16 = is_bf16(x);
    a.x = x.data_ptr();
    a.weight = weight.defined() ? weight.data_ptr<float>() : nullptr;
    return a;
  }

  static Tensor forward(AutogradContext* ctx, const Tensor& x, const OptionalTensor& weight, double eps) {
    at::AutoDispatchBelowADInplaceOrView below;
    Tensor xd = x.contiguous(), w;
    if (weight && weight->defined()) {
      TORCH_CHECK(weight->dim() == 1 && weight->size(0) == x.size(-1), kName, ": weight must be [", x.size(-1), "], got ", weight->sizes());
      w = as_type(*weight, at::kFloat).contiguous();
    }
    Tensor y = at::empty(xd.sizes(), xd.options());
    auto a = arguments(xd, w, eps);
    a.y = y.data_ptr();
    auto kernel = kn_active_kernels().rms_norm;
    RowUnits(1, a.dim ? x.numel() / a.dim : 0, a.dim).run([&](int64_t, int64_t row0, int64_t row1, int64_t) { kernel(&a, row0, row1); });
    if (ctx) {
      ctx->save_for_backward({xd, w});
      ctx->saved_data["eps"] = eps;
      ctx->saved_data["type"] = (int64_t)(w.defined() ? weight->scalar_type() : at::kFloat);
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuse_second_derivative(kName);
    auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &w = saved[1];
    Tensor g = grads[0].contiguous(), gx = at::empty_like(x);
    auto a = arguments(x, w, ctx->saved_data["eps"].toDouble());
    a.grad_y = g.data_ptr();
    a.grad_x = gx.data_ptr();
    RowUnits units(1, a.dim ? x.numel() / a.dim : 0, a.dim);
    Tensor sums = units.partial_sums(a.dim);
    float* p = sums.data_ptr<float>();
    auto kernel = kn_active_kernels().rms_norm_backward;
    units.run([&](int64_t, int64_t row0, int64_t row1, int64_t u) { kernel(&a, row0, row1, p + u * a.dim); });
    Tensor gw;
    if (w.defined()) gw = as_type(RowUnits::total(sums).select(0, 0), (at::ScalarType)ctx->saved_data["type"].toInt());
    return {gx, gw, Tensor()};
  }
};

bool rms_norm_fuses(const Tensor& x) {
  TORCH_CHECK(x.dim() >= 1, RmsNorm::kName, ": x must have a dimension to normalize over");
  return is_fusable(x);
}

Tensor rms_norm_cpu(const Tensor& x, const OptionalTensor& weight, double eps) {
  return rms_norm_fuses(x) ? RmsNorm::forward(nullptr, x, weight, eps) : rms_norm_composed(x, weight, eps);
}

Tensor rms_norm_autograd(const Tensor& x, const OptionalTensor& weight, double eps) {
  return rms_norm_fuses(x) ? RmsNorm::apply(x, weight, eps) : rms_norm_composed(x, weight, eps);
}

// --- qk_norm_rope

Tensor qk_norm_rope_composed(const Tensor& x, const Tensor& weight, const Tensor& cos, const Tensor& sin, double eps) {
  Tensor n = rms_norm_composed(x, weight, eps);
  Tensor pairs = n.to(at::kFloat).unflatten(-1, {x.size(3) / 2, 2});
  Tensor a = pairs.select(-1, 0), b = pairs.select(-1, 1), c = cos.unsqueeze(1), s = sin.unsqueeze(1);
  return at::stack({a * c - b * s, a * s + b * c}, -1).flatten(-2).to(x.scalar_type());
}

struct QkNormRope : torch::autograd::Function<QkNormRope> {
  static constexpr const char* kName = "kinora::qk_norm_rope";

  static kn_qk_norm_rope_args arguments(const Tensor& x, const Tensor& weight, const Tensor& cos, const Tensor& sin, double eps) {
    kn_qk_norm_rope_args a{};
    a.length = x.size(1);
    a.heads = x.size(2);
    a.dim = x.size(3);
    a.x_batch = x.stride(0);
    a.x_token = x.stride(1);
    a.x_head = x.stride(2);
    a.eps = (float)eps;
    a.bf16 = is_bf16(x);
    a.x = x.data_ptr();
    a.weight = weight.data_ptr<float>();
    a.cos = cos.data_ptr<float>();
    a.sin = sin.data_ptr<float>();
    return a;
  }

  static Tensor dense_last(const Tensor& t) { return t.stride(-1) == 1 ? t : t.contiguous(); }

  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Tensor& weight, const Tensor& cos, const Tensor& sin, double eps) {
    at::AutoDispatchBelowADInplaceOrView below;
    Tensor xd = dense_last(x), w = as_type(weight, at::kFloat).contiguous();
    Tensor c = as_type(cos, at::kFloat).contiguous(), s = as_type(sin, at::kFloat).contiguous();
    Tensor y = at::empty(xd.sizes(), xd.options());
    auto a = arguments(xd, w, c, s, eps);
    a.y = y.data_ptr();
    auto kernel = kn_active_kernels().qk_norm_rope;
    RowUnits(x.size(0), a.length, a.heads * a.dim).run([&](int64_t b, int64_t token0, int64_t token1, int64_t) { kernel(&a, b, token0, token1); });
    if (ctx) {
      ctx->save_for_backward({xd, w, c, s});
      ctx->saved_data["eps"] = eps;
      ctx->saved_data["type"] = (int64_t)weight.scalar_type();
    }
    return y;
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuse_second_derivative(kName);
    auto saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    Tensor g = dense_last(grads[0]), gx = at::empty(x.sizes(), x.options());
    auto a = arguments(x, saved[1], saved[2], saved[3], ctx->saved_data["eps"].toDouble());
    a.gy_batch = g.stride(0);
    a.gy_token = g.stride(1);
    a.gy_head = g.stride(2);
    a.grad_y = g.data_ptr();
    a.grad_x = gx.data_ptr();
    RowUnits units(x.size(0), a.length, a.heads * a.dim);
    Tensor sums = units.partial_sums(a.dim);
    float* p = sums.data_ptr<float>();
    auto kernel = kn_active_kernels().qk_norm_rope_backward;
    units.run([&](int64_t b, int64_t token0, int64_t token1, int64_t u) { kernel(&a, b, token0, token1, p + (b * units.per_sample + u) * a.dim); });
    Tensor gw = as_type(sums.sum(c10::IntArrayRef({0, 1})), (at::ScalarType)ctx->saved_data["type"].toInt());
    return {gx, gw, Tensor(), Tensor(), Tensor()};
  }
};

bool qk_norm_rope_fuses(const Tensor& x, const Tensor& weight, const Tensor& cos, const Tensor& sin) {
  TORCH_CHECK(x.dim() == 4 && x.size(3) % 2 == 0, QkNormRope::kName, ": x must be [B, L, H, D] with an even D, got ", x.sizes());
  TORCH_CHECK(weight.dim() == 1 && weight.size(0) == x.size(3), QkNormRope::kName, ": weight must be [", x.size(3), "], got ", weight.sizes());
  for (const Tensor* t : {&cos, &sin})
    TORCH_CHECK(t->dim() == 2 && t->size(0) == x.size(1) && t->size(1) == x.size(3) / 2, QkNormRope::kName, ": cos and sin must be [", x.size(1), ", ",
                x.size(3) / 2, "], got ", t->sizes());
  return is_fusable(x) && !cos.requires_grad() && !sin.requires_grad();
}

Tensor qk_norm_rope_cpu(const Tensor& x, const Tensor& weight, const Tensor& cos, const Tensor& sin, double eps) {
  if (!qk_norm_rope_fuses(x, weight, cos, sin)) return qk_norm_rope_composed(x, weight, cos, sin, eps);
  return QkNormRope::forward(nullptr, x, weight, cos, sin, eps);
}

Tensor qk_norm_rope_autograd(const Tensor& x, const Tensor& weight, const Tensor& cos, const Tensor& sin, double eps) {
  if (!qk_norm_rope_fuses(x, weight, cos, sin)) return qk_norm_rope_composed(x, weight, cos, sin, eps);
  return QkNormRope::apply(x, weight, cos, sin, eps);
}

// --- gelu_tanh and silu

template <int Kind> Tensor activation_composed(const Tensor& x) { return Kind == KN_SILU ? at::silu(x) : at::gelu(x, "tanh"); }

// y = f(x), or grad f'(x) when grad is given. Any dense layout is kept.
template <int Kind> Tensor activation_run(const Tensor& x, const Tensor& grad) {
  Tensor y = at::empty_like(x);
  const char *px = (const char*)x.data_ptr(), *pg = grad.defined() ? (const char*)grad.data_ptr() : nullptr;
  char* py = (char*)y.data_ptr();
  const int64_t n = x.numel(), step = 16384, size = x.element_size();
  const bool bf16 = is_bf16(x);
  auto kernel = kn_active_kernels().activation;
  kn_parallel_units(ceil_div(n, step), [&](int64_t i) {
    const int64_t at = i * step * size;
    kernel(Kind, std::min(step, n - i * step), bf16, px + at, pg ? pg + at : nullptr, py + at);
  });
  return y;
}

template <int Kind> struct Activation : torch::autograd::Function<Activation<Kind>> {
  static Tensor forward(AutogradContext* ctx, const Tensor& x) {
    at::AutoDispatchBelowADInplaceOrView below;
    Tensor xd = x.is_non_overlapping_and_dense() ? x : x.contiguous();
    if (ctx) ctx->save_for_backward({xd});
    return activation_run<Kind>(xd, Tensor());
  }

  static variable_list backward(AutogradContext* ctx, variable_list grads) {
    refuse_second_derivative(Kind == KN_SILU ? "kinora::silu" : "kinora::gelu_tanh");
    Tensor x = ctx->get_saved_variables()[0], g = grads[0];
    if (g.strides() != x.strides()) {
      Tensor same = at::empty_like(x);
      same.copy_(g);
      g = same;
    }
    return {activation_run<Kind>(x, g)};
  }
};

template <int Kind> Tensor activation_cpu(const Tensor& x) {
  return is_fusable(x) ? Activation<Kind>::forward(nullptr, x) : activation_composed<Kind>(x);
}

template <int Kind> Tensor activation_autograd(const Tensor& x) {
  return is_fusable(x) ? Activation<Kind>::apply(x) : activation_composed<Kind>(x);
}

// --- group_norm and gated_gelu: inference only; with gradients they are composed.

bool needs_gradient(std::initializer_list<const Tensor*> tensors) {
  if (!c10::GradMode::is_enabled()) return false;
  for (const Tensor* t : tensors)
    if (t->defined() && t->requires_grad()) return true;
  return false;
}

Tensor group_norm(const Tensor& x, int64_t groups, const OptionalTensor& weight, const OptionalTensor& bias, double eps, bool silu) {
  const Tensor w = weight.value_or(Tensor()), b = bias.value_or(Tensor());
  const bool affine = w.defined() && b.defined();
  // Channels-last and dense: [N, .., C] in memory.
  Tensor rows = x.dim() >= 3 ? x.movedim(1, -1) : x;
  if (!is_fusable(x) || x.dim() < 3 || x.size(1) < 1 || groups < 1 || x.size(1) % groups != 0 || x.numel() == 0 || !affine || !rows.is_contiguous() || needs_gradient({&x, &w, &b})) {
    Tensor wide = as_type(x, at::kFloat);
    Tensor h = as_type(at::group_norm(wide, groups, w.defined() ? as_type(w, at::kFloat) : w, b.defined() ? as_type(b, at::kFloat) : b, eps), x.scalar_type());
    return silu ? at::silu(h) : h;
  }
  at::AutoDispatchBelowADInplaceOrView below;
  const int64_t n = x.size(0), c = x.size(1), r = x.numel() / (n * c), width = c / groups;
  Tensor wf = as_type(w, at::kFloat).contiguous(), bf = as_type(b, at::kFloat).contiguous();
  Tensor pivot = as_type(rows.reshape({n, r, c}).select(1, 0), at::kFloat).contiguous();
  Tensor y = at::empty(rows.sizes(), x.options()), factors = at::empty({2, n, c}, at::kFloat);
  kn_group_norm_args a{};
  a.rows = r;
  a.dim = c;
  a.bf16 = is_bf16(x);
  a.silu = silu;
  a.x = x.data_ptr();
  a.pivot = pivot.data_ptr<float>();
  a.scale = factors.data_ptr<float>();
  a.shift = a.scale + n * c;
  a.y = y.data_ptr();
  const auto& kernels = kn_active_kernels();
  RowUnits units(n, r, c);
  Tensor sums = units.partial_sums(2 * c);
  float *ps = sums.data_ptr<float>(), *scale = factors.data_ptr<float>(), *shift = scale + n * c;
  units.run([&](int64_t i, int64_t row0, int64_t row1, int64_t u) { kernels.group_norm_sums(&a, i, row0, row1, ps + (i * units.per_sample + u) * 2 * c); });
  const float *pw = wf.data_ptr<float>(), *pb = bf.data_ptr<float>();
  kn_parallel_units(n * groups, [&](int64_t i) {
    const int64_t sample = i / groups, first = i % groups * width;
    std::vector<double> mean(width), square(width);
    for (int64_t u = 0; u < units.per_sample; u++) {
      const float* p = ps + (sample * units.per_sample + u) * 2 * c + first;
      for (int64_t k = 0; k < width; k++) {
        mean[k] += p[k];
        square[k] += p[c + k];
      }
    }
    // From the moments about each channel's pivot to those about the group's mean.
    double total = 0, variance = 0;
    for (int64_t k = 0; k < width; k++) {
      mean[k] = mean[k] / r;
      total += mean[k] + a.pivot[sample * c + first + k];
    }
    const double center = total / width;
    for (int64_t k = 0; k < width; k++) {
      const double from_pivot = a.pivot[sample * c + first + k] - center;
      variance += square[k] / r + 2 * from_pivot * mean[k] + from_pivot * from_pivot;
    }
    const double rstd = 1 / std::sqrt(std::max(variance / width, 0.0) + eps);
    for (int64_t k = first; k < first + width; k++) {
      scale[sample * c + k] = (float)(pw[k] * rstd);
      shift[sample * c + k] = (float)(pb[k] - center * pw[k] * rstd);
    }
  });
  units.run([&](int64_t i, int64_t row0, int64_t row1, int64_t) { kernels.group_norm_apply(&a, i, row0, row1); });
  return y.movedim(-1, 1);
}

// [a, g] along the last dimension → a GELU(g).
Tensor gated_gelu(const Tensor& x) {
  TORCH_CHECK(x.dim() > 0 && x.size(-1) % 2 == 0, "kinora::gated_gelu: the last dimension must be even, got ", x.sizes());
  const int64_t d = x.size(-1) / 2;
  if (!is_fusable(x) || x.numel() == 0 || needs_gradient({&x})) return x.narrow(-1, 0, d) * at::gelu(x.narrow(-1, d, d));
  at::AutoDispatchBelowADInplaceOrView below;
  Tensor xd = x.contiguous();
  auto sizes = x.sizes().vec();
  sizes.back() = d;
  Tensor y = at::empty(sizes, x.options());
  const int64_t rows = y.numel() / d, step = rows_per_unit(d), size = x.element_size();
  const char* px = (const char*)xd.data_ptr();
  char* py = (char*)y.data_ptr();
  const bool bf16 = is_bf16(x);
  auto kernel = kn_active_kernels().gated_gelu;
  kn_parallel_units(ceil_div(rows, step), [&](int64_t i) {
    kernel(std::min(step, rows - i * step), d, 2 * d, bf16, px + i * step * 2 * d * size, py + i * step * d * size);
  });
  return y;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(kinora, m) {
  m.def("group_norm(Tensor x, int groups, Tensor? weight=None, Tensor? bias=None, float eps=1e-5, bool silu=False) -> Tensor");
  m.def("gated_gelu(Tensor x) -> Tensor");
  m.def("layer_norm_modulate(Tensor x, Tensor shift, Tensor scale, float eps=1e-6, ScalarType? dtype=None) -> Tensor");
  m.def("gated_residual(Tensor x, Tensor gate, Tensor h) -> Tensor");
  m.def("rms_norm(Tensor x, Tensor? weight=None, float eps=1e-6) -> Tensor");
  m.def("qk_norm_rope(Tensor x, Tensor weight, Tensor cos, Tensor sin, float eps=1e-6) -> Tensor");
  m.def("gelu_tanh(Tensor x) -> Tensor");
  m.def("silu(Tensor x) -> Tensor");
}

TORCH_LIBRARY_IMPL(kinora, CompositeImplicitAutograd, m) {
  m.impl("group_norm", group_norm);
  m.impl("gated_gelu", gated_gelu);
  m.impl("layer_norm_modulate", layer_norm_modulate_composed);
  m.impl("gated_residual", gated_residual_composed);
  m.impl("rms_norm", rms_norm_composed);
  m.impl("qk_norm_rope", qk_norm_rope_composed);
  m.impl("gelu_tanh", activation_composed<KN_GELU_TANH>);
  m.impl("silu", activation_composed<KN_SILU>);
}

TORCH_LIBRARY_IMPL(kinora, CPU, m) {
  m.impl("layer_norm_modulate", layer_norm_modulate_cpu);
  m.impl("gated_residual", gated_residual_cpu);
  m.impl("rms_norm", rms_norm_cpu);
  m.impl("qk_norm_rope", qk_norm_rope_cpu);
  m.impl("gelu_tanh", activation_cpu<KN_GELU_TANH>);
  m.impl("silu", activation_cpu<KN_SILU>);
}

TORCH_LIBRARY_IMPL(kinora, AutogradCPU, m) {
  m.impl("layer_norm_modulate", layer_norm_modulate_autograd);
  m.impl("gated_residual", gated_residual_autograd);
  m.impl("rms_norm", rms_norm_autograd);
  m.impl("qk_norm_rope", qk_norm_rope_autograd);
  m.impl("gelu_tanh", activation_autograd<KN_GELU_TANH>);
  m.impl("silu", activation_autograd<KN_SILU>);
}

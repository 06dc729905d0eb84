// Elementwise and row kernels: norms with modulation, gated residual, rotary embedding, activations. All are bound by memory
// traffic; their worth is that each array is read and written once. Sums and the arithmetic run in float32.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace {

template <class T> struct Type {
  using type = T;
};

// Calls f(Type<bf16>) or f(Type<float>).
template <class F> KN_INLINE void with_type(int is_bf16_data, F f) {
  if (is_bf16_data) f(Type<bf16>{});
  else f(Type<float>{});
}

// --- LN(x) (1 + scale) + shift

template <class X, class Y>
void layer_norm_modulate_rows(const kn_layer_norm_modulate_args& a, int64_t n, int64_t row0, int64_t row1) {
  const int64_t d = a.dim;
  const float *shift = a.shift + n * d, *scale = a.scale + n * d;
  for (int64_t r = n * a.rows + row0; r < n * a.rows + row1; r++) {
    const X* x = (const X*)a.x + r * d;
    Y* y = (Y*)a.y + r * d;
    Vec sum = {};
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA { sum += load(x + i, lanes); });
    const float mean = sum_lanes(sum) / d;
    Vec squares = {};
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec centered = only(load(x + i, lanes) - mean, lanes);
      squares += centered * centered;
    });
    const float rstd = 1.0f / __builtin_sqrtf(sum_lanes(squares) / d + a.eps);
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec xhat = (load(x + i, lanes) - mean) * rstd;
      store(y + i, xhat * (1.0f + load(scale + i, lanes)) + load(shift + i, lanes), lanes);
    });
    a.mean[r] = mean;
    a.rstd[r] = rstd;
  }
}

// With g' = g (1 + scale) and xhat = (x - mean) rstd:
//   dx = rstd (g' - mean(g') - xhat mean(g' xhat)),  dshift = sum_rows g,  dscale = sum_rows g xhat.
template <class X, class G>
void layer_norm_modulate_backward_rows(const kn_layer_norm_modulate_args& a, int64_t n, int64_t row0, int64_t row1, float* grad_shift, float* grad_scale) {
  const int64_t d = a.dim;
  const float* scale = a.scale + n * d;
  for (int64_t r = n * a.rows + row0; r < n * a.rows + row1; r++) {
    const X* x = (const X*)a.x + r * d;
    const G* g = (const G*)a.grad_y + r * d;
    X* gx = (X*)a.grad_x + r * d;
    const float mean = a.mean[r], rstd = a.rstd[r];
    Vec sum = {}, dot = {};
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec gi = load(g + i, lanes), xhat = (load(x + i, lanes) - mean) * rstd;
      Vec gs = gi * (1.0f + load(scale + i, lanes));
      accumulate(grad_shift + i, gi, lanes);
      accumulate(grad_scale + i, gi * xhat, lanes);
      sum += gs;
      dot += gs * xhat;
    });
    const float mean_g = sum_lanes(sum) / d, mean_gx = sum_lanes(dot) / d;
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec xhat = (load(x + i, lanes) - mean) * rstd;
      Vec gs = load(g + i, lanes) * (1.0f + load(scale + i, lanes));
      store(gx + i, rstd * (gs - mean_g - xhat * mean_gx), lanes);
    });
  }
}

void layer_norm_modulate(const kn_layer_norm_modulate_args* a, int64_t n, int64_t row0, int64_t row1) {
  with_type(a->x_bf16, [&](auto x) {
    with_type(a->y_bf16, [&](auto y) {
      layer_norm_modulate_rows<typename decltype(x)::type, typename decltype(y)::type>(*a, n, row0, row1);
    });
  });
}

void layer_norm_modulate_backward(const kn_layer_norm_modulate_args* a, int64_t n, int64_t row0, int64_t row1, float* grad_shift, float* grad_scale) {
  with_type(a->x_bf16, [&](auto x) {
    with_type(a->y_bf16, [&](auto g) {
      layer_norm_modulate_backward_rows<typename decltype(x)::type, typename decltype(g)::type>(*a, n, row0, row1, grad_shift, grad_scale);
    });
  });
}

// --- x + gate h

template <class X, class H>
void gated_residual_rows(const kn_gated_residual_args& a, int64_t n, int64_t row0, int64_t row1) {
  const int64_t d = a.dim;
  const float* gate = a.gate + n * d;
  for (int64_t r = n * a.rows + row0; r < n * a.rows + row1; r++) {
    const X* x = (const X*)a.x + r * d;
    const H* h = (const H*)a.h + r * d;
    X* y = (X*)a.y + r * d;
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      store(y + i, load(x + i, lanes) + load(gate + i, lanes) * load(h + i, lanes), lanes);
    });
  }
}

// dx = g (the caller passes it on), dh = g gate, dgate = sum_rows g h.
template <class X, class H>
void gated_residual_backward_rows(const kn_gated_residual_args& a, int64_t n, int64_t row0, int64_t row1, float* grad_gate) {
  const int64_t d = a.dim;
  const float* gate = a.gate + n * d;
  for (int64_t r = n * a.rows + row0; r < n * a.rows + row1; r++) {
    const H* h = (const H*)a.h + r * d;
    const X* g = (const X*)a.grad_y + r * d;
    H* gh = (H*)a.grad_h + r * d;
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec gi = load(g + i, lanes);
      accumulate(grad_gate + i, gi * load(h + i, lanes), lanes);
      store(gh + i, gi * load(gate + i, lanes), lanes);
    });
  }
}

void gated_residual(const kn_gated_residual_args* a, int64_t n, int64_t row0, int64_t row1) {
  with_type(a->x_bf16, [&](auto x) {
    with_type(a->h_bf16, [&](auto h) {
      gated_residual_rows<typename decltype(x)::type, typename decltype(h)::type>(*a, n, row0, row1);
    });
  });
}

void gated_residual_backward(const kn_gated_residual_args* a, int64_t n, int64_t row0, int64_t row1, float* grad_gate) {
  with_type(a->x_bf16, [&](auto x) {
    with_type(a->h_bf16, [&](auto h) {
      gated_residual_backward_rows<typename decltype(x)::type, typename decltype(h)::type>(*a, n, row0, row1, grad_gate);
    });
  });
}

// --- RMS norm

template <class T> KN_INLINE float inverse_rms(const T* x, int64_t d, float eps) {
  Vec squares = {};
  each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
    Vec xi = load(x + i, lanes);
    squares += xi * xi;
  });
  return 1.0f / __builtin_sqrtf(sum_lanes(squares) / d + eps);
}

template <class Lanes> KN_INLINE Vec weight_or_one(const float* weight, int64_t i, Lanes lanes) {
  return weight ? load(weight + i, lanes) : broadcast(1.0f);
}

template <class T> void rms_norm_rows(const kn_rms_norm_args& a, int64_t row0, int64_t row1) {
  const int64_t d = a.dim;
  for (int64_t r = row0; r < row1; r++) {
    const T* x = (const T*)a.x + r * d;
    T* y = (T*)a.y + r * d;
    const float rstd = inverse_rms(x, d, a.eps);
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      store(y + i, load(x + i, lanes) * rstd * weight_or_one(a.weight, i, lanes), lanes);
    });
  }
}

// With g' = g weight and xhat = x / rms:  dx = (g' - xhat mean(g' xhat)) / rms,  dweight = sum_rows g xhat.
template <class T> void rms_norm_backward_rows(const kn_rms_norm_args& a, int64_t row0, int64_t row1, float* grad_weight) {
  const int64_t d = a.dim;
  for (int64_t r = row0; r < row1; r++) {
    const T* x = (const T*)a.x + r * d;
    const T* g = (const T*)a.grad_y + r * d;
    T* gx = (T*)a.grad_x + r * d;
    const float rstd = inverse_rms(x, d, a.eps);
    Vec dot = {};
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec g_xhat = load(g + i, lanes) * load(x + i, lanes) * rstd;
      if (a.weight) accumulate(grad_weight + i, g_xhat, lanes);
      dot += g_xhat * weight_or_one(a.weight, i, lanes);
    });
    const float mean = sum_lanes(dot) / d;
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec gw = load(g + i, lanes) * weight_or_one(a.weight, i, lanes);
      store(gx + i, rstd * (gw - load(x + i, lanes) * rstd * mean), lanes);
    });
  }
}

void rms_norm(const kn_rms_norm_args* a, int64_t row0, int64_t row1) {
  with_type(a->bf16, [&](auto t) { rms_norm_rows<typename decltype(t)::type>(*a, row0, row1); });
}

void rms_norm_backward(const kn_rms_norm_args* a, int64_t row0, int64_t row1, float* grad_weight) {
  with_type(a->bf16, [&](auto t) { rms_norm_backward_rows<typename decltype(t)::type>(*a, row0, row1, grad_weight); });
}

// --- RMS norm of heads and rotary embedding: (a, b) -> (a cos - b sin, a sin + b cos) for neighboring pairs
// (Su et al., "RoFormer", arXiv:2104.09864, section 3.2.2).

template <class T> void qk_norm_rope_tokens(const kn_qk_norm_rope_args& a, int64_t b, int64_t token0, int64_t token1) {
  const int64_t d = a.dim;
  const Vec sign = alternating_sign();
  for (int64_t l = token0; l < token1; l++) {
    const float *cos = a.cos + l * (d / 2), *sin = a.sin + l * (d / 2);
    for (int64_t h = 0; h < a.heads; h++) {
      const T* x = (const T*)a.x + b * a.x_batch + l * a.x_token + h * a.x_head;
      T* y = (T*)a.y + ((b * a.length + l) * a.heads + h) * d;
      const float rstd = inverse_rms(x, d, a.eps);
      each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
        Vec n = load(x + i, lanes) * rstd * load(a.weight + i, lanes);
        Vec c = load_twice(cos + i / 2, lanes), s = load_twice(sin + i / 2, lanes);
        store(y + i, n * c + swap_pairs(n) * (s * sign), lanes);
      });
    }
  }
}

// The rotation is orthogonal: its transpose turns the gradient back, then the backward pass of RMS norm follows.
template <class T> void qk_norm_rope_backward_tokens(const kn_qk_norm_rope_args& a, int64_t b, int64_t token0, int64_t token1, float* grad_weight) {
  const int64_t d = a.dim;
  const Vec sign = alternating_sign();
  for (int64_t l = token0; l < token1; l++) {
    const float *cos = a.cos + l * (d / 2), *sin = a.sin + l * (d / 2);
    for (int64_t h = 0; h < a.heads; h++) {
      const T* x = (const T*)a.x + b * a.x_batch + l * a.x_token + h * a.x_head;
      const T* g = (const T*)a.grad_y + b * a.gy_batch + l * a.gy_token + h * a.gy_head;
      T* gx = (T*)a.grad_x + ((b * a.length + l) * a.heads + h) * d;
      const float rstd = inverse_rms(x, d, a.eps);
      auto turn_back = [&](int64_t i, auto lanes) KN_LAMBDA {
        Vec gi = load(g + i, lanes);
        Vec c = load_twice(cos + i / 2, lanes), s = load_twice(sin + i / 2, lanes);
        return gi * c - swap_pairs(gi) * (s * sign);
      };
      Vec dot = {};
      each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
        Vec g_xhat = turn_back(i, lanes) * load(x + i, lanes) * rstd;
        accumulate(grad_weight + i, g_xhat, lanes);
        dot += g_xhat * load(a.weight + i, lanes);
      });
      const float mean = sum_lanes(dot) / d;
      each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
        Vec gw = turn_back(i, lanes) * load(a.weight + i, lanes);
        store(gx + i, rstd * (gw - load(x + i, lanes) * rstd * mean), lanes);
      });
    }
  }
}

void qk_norm_rope(const kn_qk_norm_rope_args* a, int64_t b, int64_t token0, int64_t token1) {
  with_type(a->bf16, [&](auto t) { qk_norm_rope_tokens<typename decltype(t)::type>(*a, b, token0, token1); });
}

void qk_norm_rope_backward(const kn_qk_norm_rope_args* a, int64_t b, int64_t token0, int64_t token1, float* grad_weight) {
  with_type(a->bf16, [&](auto t) { qk_norm_rope_backward_tokens<typename decltype(t)::type>(*a, b, token0, token1, grad_weight); });
}

// --- Activations. Both are x sigmoid(u): SiLU with u = x, GELU by tanh with u = 2 sqrt(2/pi) (x + 0.044715 x^3), because
// (1 + tanh(z)) / 2 = sigmoid(2 z). The derivative is sigmoid(u) + x sigmoid(u) (1 - sigmoid(u)) u'.

template <int Function> KN_INLINE Vec activation_argument(Vec x) {
  const float k = 1.5957691216057308f;      // 2 sqrt(2/pi)
  return Function == KN_SILU ? x : x * k * (1.0f + 0.044715f * (x * x));
}

template <int Function> KN_INLINE Vec activation_slope(Vec x) {
  const float k = 1.5957691216057308f;
  return Function == KN_SILU ? broadcast(1.0f) : k * (1.0f + (3 * 0.044715f) * (x * x));
}

template <int Function, class T> void activate(int64_t n, const T* x, const T* g, T* y) {
  constexpr bool fast = is_bf16<T>;
  if (!g) {
    each_vector(n, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec xi = load(x + i, lanes);
      store(y + i, xi * sigmoid<fast>(activation_argument<Function>(xi)), lanes);
    });
  } else {
    each_vector(n, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec xi = load(x + i, lanes), s = sigmoid<fast>(activation_argument<Function>(xi));
      Vec slope = s + xi * s * (1.0f - s) * activation_slope<Function>(xi);
      store(y + i, load(g + i, lanes) * slope, lanes);
    });
  }
}

void activation(int function, int64_t n, int data_bf16, const void* x, const void* grad_y, void* y) {
  with_type(data_bf16, [&](auto t) {
    using T = typename decltype(t)::type;
    if (function == KN_SILU) activate<KN_SILU>(n, (const T*)x, (const T*)grad_y, (T*)y);
    else activate<KN_GELU_TANH>(n, (const T*)x, (const T*)grad_y, (T*)y);
  });
}

// --- Group norm. The pivot, a row of x itself, keeps the sums of squares small against the variance.

template <class T> void group_norm_sums_of(const kn_group_norm_args& a, int64_t n, int64_t row0, int64_t row1, float* sums) {
  const int64_t d = a.dim;
  const float* pivot = a.pivot + n * d;
  for (int64_t r = n * a.rows + row0; r < n * a.rows + row1; r++) {
    const T* x = (const T*)a.x + r * d;
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec centered = load(x + i, lanes) - load(pivot + i, lanes);
      accumulate(sums + i, centered, lanes);
      accumulate(sums + d + i, centered * centered, lanes);
    });
  }
}

template <class T, bool Silu> void group_norm_apply_to(const kn_group_norm_args& a, int64_t n, int64_t row0, int64_t row1) {
  const int64_t d = a.dim;
  const float *scale = a.scale + n * d, *shift = a.shift + n * d;
  for (int64_t r = n * a.rows + row0; r < n * a.rows + row1; r++) {
    const T* x = (const T*)a.x + r * d;
    T* y = (T*)a.y + r * d;
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA {
      Vec h = load(x + i, lanes) * load(scale + i, lanes) + load(shift + i, lanes);
      store(y + i, Silu ? h * sigmoid<is_bf16<T>>(h) : h, lanes);
    });
  }
}

void group_norm_sums(const kn_group_norm_args* a, int64_t n, int64_t row0, int64_t row1, float* sums) {
  with_type(a->bf16, [&](auto t) { group_norm_sums_of<typename decltype(t)::type>(*a, n, row0, row1, sums); });
}

void group_norm_apply(const kn_group_norm_args* a, int64_t n, int64_t row0, int64_t row1) {
  with_type(a->bf16, [&](auto t) {
    using T = typename decltype(t)::type;
    if (a->silu) group_norm_apply_to<T, true>(*a, n, row0, row1);
    else group_norm_apply_to<T, false>(*a, n, row0, row1);
  });
}

// --- GELU by the error function, x (1 + erf(x/√2)) / 2. erf(z) = 1 - t P(t) e^(-z²) for z ≥ 0 with t = 1 / (1 + 0.3275911 z), to 1.5e-7
// (Abramowitz and Stegun, "Handbook of Mathematical Functions", 7.1.26); for negative x the factor is t P(t) e^(-z²) / 2 itself.

template <bool Fast> KN_INLINE Vec gelu(Vec x) {
  const Vec z = max(x, -x) * 0.70710678118654752f, t = reciprocal<Fast>(1.0f + 0.3275911f * z);
  Vec p = broadcast(1.061405429f);
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  const Vec tail = 0.5f * (p * t) * exp2_of<Fast>(z * z * -kLog2E);
  return max(x, Vec{}) - max(x, -x) * tail;
}

template <class T> void gated_gelu_rows(int64_t rows, int64_t d, int64_t stride, const T* x, T* y) {
  for (int64_t r = 0; r < rows; r++) {
    const T *a = x + r * stride, *g = a + d;
    T* out = y + r * d;
    each_vector(d, [&](int64_t i, auto lanes) KN_LAMBDA { store(out + i, load(a + i, lanes) * gelu<is_bf16<T>>(load(g + i, lanes)), lanes); });
  }
}

void gated_gelu(int64_t rows, int64_t dim, int64_t row_stride, int data_bf16, const void* x, void* y) {
  with_type(data_bf16, [&](auto t) {
    using T = typename decltype(t)::type;
    gated_gelu_rows(rows, dim, row_stride, (const T*)x, (T*)y);
  });
}

// --- Sums over rows (gradients of biases). Four rows are added before the running sum is touched.

template <class T> void column_sums_of(int64_t rows, int64_t columns, int64_t stride, const T* x, float* sums) {
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const T* p = x + r * stride;
    each_vector(columns, [&](int64_t i, auto lanes) KN_LAMBDA {
      accumulate(sums + i, (load(p + i, lanes) + load(p + stride + i, lanes)) + (load(p + 2 * stride + i, lanes) + load(p + 3 * stride + i, lanes)), lanes);
    });
  }
  for (; r < rows; r++) each_vector(columns, [&](int64_t i, auto lanes) KN_LAMBDA { accumulate(sums + i, load(x + r * stride + i, lanes), lanes); });
}

void column_sums(int64_t rows, int64_t columns, int64_t row_stride, int data_bf16, const void* x, float* sums) {
  with_type(data_bf16, [&](auto t) {
    using T = typename decltype(t)::type;
    column_sums_of(rows, columns, row_stride, (const T*)x, sums);
  });
}

}  // namespace

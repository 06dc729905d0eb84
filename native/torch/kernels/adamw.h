// One step of AdamW (Loshchilov and Hutter, arXiv:1711.05101, algorithm 2) on float32 parameters and moments:
//   m = b1 m + (1 - b1) g,  v = b2 v + (1 - b2) g^2,  p = p (1 - lr wd) - lr / c1 m / (sqrt(v) / c2 + eps)
// with c1 = 1 - b1^t and c2 = sqrt(1 - b2^t). Each array is read and written once.
#pragma once

#include "kernels.h"
#include "simd.h"

namespace {

template <class G> void adamw_of(const kn_adamw_args& a, const G* g, float* p, float* m, float* v, int64_t n) {
  const float step = -a.learning_rate / a.correction1, keep = 1 - a.learning_rate * a.weight_decay, inverse2 = 1 / a.correction2;
  each_vector(n, [&](int64_t i, auto lanes) KN_LAMBDA {
    Vec gi = load(g + i, lanes) * a.gradient_scale;
    Vec mi = load(m + i, lanes) * a.beta1 + gi * (1 - a.beta1);
    Vec vi = load(v + i, lanes) * a.beta2 + gi * gi * (1 - a.beta2);
    Vec pi = load(p + i, lanes) * keep + step * (mi / (square_root(vi) * inverse2 + a.epsilon));
    store(m + i, mi, lanes);
    store(v + i, vi, lanes);
    store(p + i, pi, lanes);
  });
}

void adamw(const kn_adamw_args* a, const void* g, int gradient_bf16, float* p, float* m, float* v, int64_t n) {
  if (gradient_bf16) adamw_of(*a, (const bf16*)g, p, m, v, n);
  else adamw_of(*a, (const float*)g, p, m, v, n);
}

}  // namespace

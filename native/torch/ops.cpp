// custom ops registered with the dispatcher: C# calls them by name exactly like aten ops
#include <torch/library.h>
#include <ATen/core/Tensor.h>
#include <ATen/Parallel.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include "kernels.h"
namespace {
at::Tensor gelu_run(const at::Tensor& x0, const at::Tensor* g0) {
  auto x = x0.contiguous(); auto y = at::empty_like(x); at::Tensor g; if (g0) g = g0->to(x.scalar_type()).contiguous();
  bool bf = x.scalar_type() == at::kBFloat16; int es = bf ? 2 : 4; auto K = kn_kern_avx512bf16();
  at::parallel_for(0, x.numel(), 16384, [&](int64_t a, int64_t b) { K->gelu((char*)x.data_ptr() + a * es, g0 ? (char*)g.data_ptr() + a * es : nullptr, (char*)y.data_ptr() + a * es, b - a, bf); });
  return y;
}
at::Tensor gelu_cpu(const at::Tensor& x) { return gelu_run(x, nullptr); }
struct GeluFn : torch::autograd::Function<GeluFn> {
  static at::Tensor forward(torch::autograd::AutogradContext* c, const at::Tensor& x) { at::AutoDispatchBelowADInplaceOrView g; c->save_for_backward({x}); return gelu_run(x, nullptr); }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* c, torch::autograd::variable_list g) { auto x = c->get_saved_variables()[0]; return {gelu_run(x, &g[0])}; }
};
at::Tensor gelu_ad(const at::Tensor& x) { return GeluFn::apply(x); }
}
TORCH_LIBRARY(kinora, m) { m.def("gelu_tanh(Tensor x) -> Tensor"); }
TORCH_LIBRARY_IMPL(kinora, CPU, m) { m.impl("gelu_tanh", gelu_cpu); }
TORCH_LIBRARY_IMPL(kinora, AutogradCPU, m) { m.impl("gelu_tanh", gelu_ad); }

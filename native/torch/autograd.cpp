// Gradients: backward passes, nodes whose backward is managed code, hooks on leaves, and the modes that switch recording.

#include <ATen/autocast_mode.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/edge.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/variable.h>

#include <atomic>
#include <vector>

#include "internal.h"

namespace {

using torch::autograd::variable_list;

// Null handles become undefined tensors.
variable_list tensors(const kn_tensor* handles, int32_t n) {
  variable_list list;
  list.reserve((size_t)n);
  for (int32_t i = 0; i < n; i++) list.push_back(handles && handles[i] ? kn_borrow_copy(handles[i]) : at::Tensor());
  return list;
}

// A managed context that is freed exactly once.
struct Context {
  void* pointer = nullptr;
  kn_free_cb free_context = nullptr;
  std::atomic<bool> freed{false};
  void release() {
    if (free_context && !freed.exchange(true)) free_context(pointer);
  }
  ~Context() { release(); }
};

struct ManagedNode : torch::autograd::Node {
  kn_node_cb callback = nullptr;
  Context context;
  std::string name() const override { return "KinoraManagedBackward"; }

  variable_list apply(variable_list&& grads) override {
    std::vector<kn_tensor> in;
    in.reserve(grads.size());
    for (auto& g : grads) in.push_back(g.defined() ? (kn_tensor)g.unsafeGetTensorImpl() : nullptr);
    std::vector<kn_tensor> out(next_edges().size(), nullptr);
    const int32_t status = callback(context.pointer, in.data(), (int32_t)in.size(), out.data(), (int32_t)out.size());
    variable_list result;
    result.reserve(out.size());
    for (auto handle : out) result.push_back(handle ? kn_adopt(handle) : at::Tensor());
    if (status != 0) throw std::runtime_error("managed backward callback failed: " + kn_error_text());
    return result;
  }

  void release_variables() override { context.release(); }
};

struct HookState {
  kn_hook_cb callback;
  Context context;
  std::atomic<bool> active{true};
};

struct LeafHook : torch::autograd::FunctionPostHook {
  std::shared_ptr<HookState> state;
  c10::TensorImpl* leaf;      // kept alive by the AccumulateGrad that owns this hook
  variable_list operator()(const variable_list& outputs, const variable_list&) override {
    if (state->active) state->callback(state->context.pointer, (kn_tensor)leaf);
    return outputs;
  }
};

// A leaf holds its AccumulateGrad weakly; this holds it as long as the hook is wanted.
struct HookHandle {
  kn_node_ptr accumulator;
  std::shared_ptr<HookState> state;
};

}  // namespace

extern "C" {

int32_t kn_set_requires_grad(kn_tensor t, int32_t value) KN_TRY {
  kn_required(t, "t").set_requires_grad(value != 0);
  return 0;
} KN_CATCH(-1)

kn_tensor kn_grad(kn_tensor t) KN_TRY {
  kn_error_text().clear();      // null without an error means that there is no gradient
  at::Tensor leaf = kn_required(t, "t");
  return kn_release_handle(at::Tensor(leaf.mutable_grad()));
} KN_CATCH(nullptr)

int32_t kn_set_grad(kn_tensor t, kn_tensor grad) KN_TRY {
  kn_required(t, "t").mutable_grad() = grad ? kn_borrow_copy(grad) : at::Tensor();
  return 0;
} KN_CATCH(-1)

int32_t kn_backward(const kn_tensor* t, const kn_tensor* grads, int32_t n, int32_t retain, int32_t create) KN_TRY {
  KN_REQUIRE(t, "tensors");
  torch::autograd::backward(tensors(t, n), grads ? tensors(grads, n) : variable_list{}, (bool)retain, (bool)create);
  return 0;
} KN_CATCH(-1)

int32_t kn_autograd_grad(const kn_tensor* outs, int32_t nout, const kn_tensor* ins, int32_t nin, const kn_tensor* gouts, int32_t retain, int32_t create,
                         int32_t allow_unused, kn_tensor* res) KN_TRY {
  KN_REQUIRE(outs && ins && res, "outputs, inputs and results");
  auto grads = torch::autograd::grad(tensors(outs, nout), tensors(ins, nin), gouts ? tensors(gouts, nout) : variable_list{}, (bool)retain, (bool)create, (bool)allow_unused);
  for (int32_t i = 0; i < nin; i++) res[i] = kn_release_handle(std::move(grads[i]));
  return 0;
} KN_CATCH(-1)

int32_t kn_custom_node(const kn_tensor* inputs, int32_t nin, kn_tensor* outputs, int32_t nout, kn_node_cb callback, kn_free_cb free_context, void* context) KN_TRY {
  KN_REQUIRE(callback && (inputs || nin == 0) && (outputs || nout == 0), "callback, inputs and outputs");
  auto ins = tensors(inputs, nin);
  if (!c10::GradMode::is_enabled() || !torch::autograd::any_variable_requires_grad(ins)) {
    if (free_context) free_context(context);
    return 0;
  }
  auto node = kn_make_node<ManagedNode>();
  node->callback = callback;
  node->context.pointer = context;
  node->context.free_context = free_context;
  node->set_next_edges(torch::autograd::collect_next_edges(ins));
  for (int32_t i = 0; i < nout; i++) {
    at::Tensor output = kn_required(outputs[i], "output");
    torch::autograd::set_history(output, node);
  }
  return 0;
} KN_CATCH(-1)

kn_hook kn_leaf_post_hook(kn_tensor leaf, kn_hook_cb callback, kn_free_cb free_context, void* context) KN_TRY {
  KN_REQUIRE(callback, "callback");
  at::Tensor t = kn_required(leaf, "leaf");
  TORCH_CHECK(t.is_leaf() && t.requires_grad(), "kn_leaf_post_hook: the tensor must be a leaf that requires a gradient");
  auto state = std::make_shared<HookState>();
  state->callback = callback;
  state->context.pointer = context;
  state->context.free_context = free_context;
  auto accumulator = torch::autograd::impl::grad_accumulator(t);
  auto hook = std::make_unique<LeafHook>();
  hook->state = state;
  hook->leaf = t.unsafeGetTensorImpl();
  accumulator->add_post_hook(std::move(hook));
  return (kn_hook) new HookHandle{std::move(accumulator), std::move(state)};
} KN_CATCH(nullptr)

void kn_leaf_hook_free(kn_hook handle) {
  if (!handle) return;
  try {
    std::unique_ptr<HookHandle> hook((HookHandle*)handle);
    hook->state->active = false;
    hook->state->context.release();
  } catch (...) {
  }
}

int32_t kn_grad_mode(int32_t enabled) KN_TRY {
  const int32_t before = c10::GradMode::is_enabled();
  if (enabled >= 0) c10::GradMode::set_enabled(enabled != 0);
  return before;
} KN_CATCH(-1)

void* kn_inference_enter(int32_t enabled) KN_TRY { return new c10::InferenceMode(enabled != 0); } KN_CATCH(nullptr)

void kn_inference_exit(void* guard) { delete (c10::InferenceMode*)guard; }

int32_t kn_autocast(int32_t device, int32_t enabled, int32_t dtype) KN_TRY {
#if KN_TORCH_GE(2, 4)
  const auto type = (c10::DeviceType)device;
  const int32_t before = at::autocast::is_autocast_enabled(type);
  if (enabled >= 0) {
    at::autocast::set_autocast_enabled(type, enabled != 0);
    at::autocast::set_autocast_dtype(type, (at::ScalarType)dtype);
  }
#else
  const bool cpu = device == (int32_t)c10::DeviceType::CPU;
  const int32_t before = cpu ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
  if (enabled >= 0 && cpu) {
    at::autocast::set_cpu_enabled(enabled != 0);
    at::autocast::set_autocast_cpu_dtype((at::ScalarType)dtype);
  } else if (enabled >= 0) {
    at::autocast::set_enabled(enabled != 0);
    at::autocast::set_autocast_gpu_dtype((at::ScalarType)dtype);
  }
#endif
  return before;
} KN_CATCH(-1)

void kn_autocast_clear_cache(void) {
  try {
    at::autocast::clear_cache();
  } catch (...) {
  }
}

}

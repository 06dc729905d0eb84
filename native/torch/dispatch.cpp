#include "kinora_torch.h"
#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/autocast_mode.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/GradMode.h>
#include <c10/util/Logging.h>
#include <torch/version.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/variable.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/edge.h>
#include <sched.h>
#include <string>
#include <vector>
#include "internal.h"

#define KN_TORCH_GE(maj, min) (TORCH_VERSION_MAJOR > (maj) || (TORCH_VERSION_MAJOR == (maj) && TORCH_VERSION_MINOR >= (min)))

std::string& kn_err() { static thread_local std::string e; return e; }

namespace {
using c10::TypeKind;
enum Kind : uint8_t { K_ANY, K_TENSOR, K_INT, K_FLOAT, K_SCALAR, K_BOOL, K_STR, K_INTS, K_FLOATS, K_BOOLS, K_TENSORS, K_OPT_TENSORS, K_SCALARS, K_DEVICE, K_GEN };

struct Op {
  c10::OperatorHandle h;
  std::vector<Kind> kinds;
  std::vector<c10::IValue> defaults;   // None placeholder where absent
  std::vector<char> has_default;
  std::string schema;
};

Kind kind_of(c10::TypePtr t) {
  if (t->kind() == TypeKind::OptionalType) t = t->castRaw<c10::OptionalType>()->getElementType();
  switch (t->kind()) {
    case TypeKind::TensorType: return K_TENSOR;
    case TypeKind::IntType: return K_INT;
    case TypeKind::SymIntType: return K_INT;
    case TypeKind::FloatType: return K_FLOAT;
    case TypeKind::NumberType: return K_SCALAR;
    case TypeKind::BoolType: return K_BOOL;
    case TypeKind::StringType: return K_STR;
    case TypeKind::DeviceObjType: return K_DEVICE;
    case TypeKind::GeneratorType: return K_GEN;
    case TypeKind::ListType: {
      auto e = t->castRaw<c10::ListType>()->getElementType();
      switch (e->kind()) {
        case TypeKind::TensorType: return K_TENSORS;
        case TypeKind::OptionalType: return K_OPT_TENSORS;
        case TypeKind::IntType: case TypeKind::SymIntType: return K_INTS;
        case TypeKind::FloatType: return K_FLOATS;
        case TypeKind::BoolType: return K_BOOLS;
        case TypeKind::NumberType: return K_SCALARS;
        default: return K_ANY;
      }
    }
    default: return K_ANY;   // ScalarType/Layout/MemoryFormat show up as IntType in 1.13, own kinds in 2.x
  }
}

inline void push(torch::jit::Stack& st, const kn_value& v, Kind k) {
  switch (v.tag) {
    case KN_NONE: st.emplace_back(); return;
    case KN_TENSOR: st.emplace_back(kn_borrow_copy(v.u.t)); return;
    case KN_INT:
      if (k == K_FLOAT) st.emplace_back((double)v.u.i);
      else if (k == K_BOOL) st.emplace_back(v.u.i != 0);
      else if (k == K_INTS) st.emplace_back(c10::List<int64_t>({v.u.i}));
      else st.emplace_back(v.u.i);
      return;
    case KN_DOUBLE: st.emplace_back(v.u.d); return;
    case KN_BOOL: st.emplace_back(v.u.i != 0); return;
    case KN_STRING: st.emplace_back(std::string((const char*)v.u.p, v.len)); return;
    case KN_INTS: {
      if (k == K_FLOATS) { c10::List<double> l; l.reserve(v.len); for (int i=0;i<v.len;i++) l.push_back((double)((const int64_t*)v.u.p)[i]); st.emplace_back(std::move(l)); return; }
      st.emplace_back(c10::IntArrayRef((const int64_t*)v.u.p, v.len)); return; }
    case KN_DOUBLES: st.emplace_back(c10::ArrayRef<double>((const double*)v.u.p, v.len)); return;
    case KN_BOOLS: { c10::List<bool> l; l.reserve(v.len); for (int i=0;i<v.len;i++) l.push_back(((const uint8_t*)v.u.p)[i]!=0); st.emplace_back(std::move(l)); return; }
    case KN_TENSORS: {
      auto ts = (const kn_tensor*)v.u.p;
      if (k == K_OPT_TENSORS) { c10::List<c10::optional<at::Tensor>> l; l.reserve(v.len); for (int i=0;i<v.len;i++) l.push_back(ts[i] ? c10::optional<at::Tensor>(kn_borrow_copy(ts[i])) : c10::optional<at::Tensor>()); st.emplace_back(std::move(l)); }
      else { c10::List<at::Tensor> l; l.reserve(v.len); for (int i=0;i<v.len;i++) l.push_back(kn_borrow_copy(ts[i])); st.emplace_back(std::move(l)); }
      return; }
    case KN_DEVICE: st.emplace_back(c10::Device((c10::DeviceType)(v.len >> 8), (c10::DeviceIndex)(int8_t)(v.len & 0xff))); return;
    case KN_GENERATOR: st.emplace_back(at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::unsafe_reclaim_from_nonowning((c10::GeneratorImpl*)v.u.p))); return;
  }
  throw std::runtime_error("kinora_torch: bad argument tag");
}

thread_local std::vector<kn_tensor> t_ret_handles;

inline void pop_result(c10::IValue&& iv, kn_value& r) {
  r.len = 0;
  if (iv.isTensor()) { at::Tensor t = std::move(iv).toTensor(); if (t.defined()) { r.tag = KN_TENSOR; r.u.t = kn_release_handle(std::move(t)); } else { r.tag = KN_NONE; r.u.p = nullptr; } }
  else if (iv.isInt()) { r.tag = KN_INT; r.u.i = iv.toInt(); }
  else if (iv.isDouble()) { r.tag = KN_DOUBLE; r.u.d = iv.toDouble(); }
  else if (iv.isBool()) { r.tag = KN_BOOL; r.u.i = iv.toBool(); }
  else if (iv.isTensorList()) {
    auto l = iv.toTensorVector(); t_ret_handles.clear();
    for (auto& t : l) t_ret_handles.push_back(t.defined() ? kn_release_handle(std::move(t)) : nullptr);
    r.tag = KN_TENSORS; r.len = (int32_t)t_ret_handles.size(); r.u.p = t_ret_handles.data();
  } else { r.tag = KN_NONE; r.u.p = nullptr; }
}

// thread-local stacks, indexed by re-entrancy depth (C# callbacks inside backward can call ops again)
struct StackPool { std::vector<std::unique_ptr<torch::jit::Stack>> v; size_t depth = 0; };
thread_local StackPool t_pool;
struct StackLease {
  torch::jit::Stack* s;
  StackLease() { auto& p = t_pool; if (p.depth == p.v.size()) { p.v.emplace_back(new torch::jit::Stack()); p.v.back()->reserve(32);} s = p.v[p.depth++].get(); }
  ~StackLease() { s->clear(); t_pool.depth--; }
};
} // namespace

extern "C" {
const char* kn_last_error(void) { return kn_err().c_str(); }
int32_t kn_abi_version(void) { return 1; }
const char* kn_build_info(void) { static std::string s = std::string("libtorch ") + TORCH_VERSION; return s.c_str(); }

int32_t kn_init(int32_t threads) KN_TRY {
  if (threads <= 0) { cpu_set_t cs; CPU_ZERO(&cs); sched_getaffinity(0, sizeof cs, &cs); threads = CPU_COUNT(&cs); }
  at::set_num_threads(threads);
  c10::SetStackTraceFetcher(std::function<std::string()>([] { return std::string(); }));   // a C++ backtrace per c10::Error costs ~2.5 ms (symbolising 286 libs)
  return threads;
} KN_CATCH(-1)

kn_op kn_op_find(const char* name, const char* overload) KN_TRY {
  auto h = c10::Dispatcher::singleton().findSchemaOrThrow(name, overload);
  auto* op = new Op{h};
  for (auto& a : h.schema().arguments()) {
    op->kinds.push_back(kind_of(a.type()));
    op->has_default.push_back(a.default_value().has_value());
    op->defaults.push_back(a.default_value() ? *a.default_value() : c10::IValue());
  }
  std::ostringstream os; os << h.schema(); op->schema = os.str();
  return (kn_op)op;
} KN_CATCH(nullptr)
const char* kn_op_schema(kn_op op) { return ((Op*)op)->schema.c_str(); }

int32_t kn_op_call(kn_op opp, const kn_value* args, int32_t nargs, kn_value* rets, int32_t max_rets) KN_TRY {
  auto& op = *(Op*)opp;
  const int n = (int)op.kinds.size();
  if (nargs > n) throw std::runtime_error("kinora_torch: too many arguments (" + std::to_string(nargs) + ") for " + op.schema);
  StackLease lease; auto& st = *lease.s;
  int i = 0;
  for (; i < nargs; i++) {
    if (args[i].tag == KN_DEFAULT) { if (!op.has_default[i]) throw std::runtime_error("kinora_torch: no default for argument " + std::to_string(i) + " of " + op.schema); st.push_back(op.defaults[i]); }
    else push(st, args[i], op.kinds[i]);
  }
  for (; i < n; i++) { if (!op.has_default[i]) throw std::runtime_error("kinora_torch: missing argument " + std::to_string(i) + " of " + op.schema); st.push_back(op.defaults[i]); }
  op.h.callBoxed(&st);
  int nr = (int)st.size();
  if (nr > max_rets) throw std::runtime_error("kinora_torch: result buffer too small for " + op.schema);
  for (int k = 0; k < nr; k++) pop_result(std::move(st[k]), rets[k]);
  return nr;
} KN_CATCH(-1)

void kn_tensor_release(kn_tensor t) { if (t) { auto p = c10::intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>::reclaim((c10::TensorImpl*)t); } }
void kn_tensor_release_many(const kn_tensor* t, int32_t n) { for (int i = 0; i < n; i++) kn_tensor_release(t[i]); }
kn_tensor kn_tensor_retain(kn_tensor t) { return kn_release_handle(kn_borrow_copy(t)); }
int64_t kn_tensor_use_count(kn_tensor t) { auto x = kn_borrow_copy(t); return (int64_t)x.use_count() - 1; }

int32_t kn_tensor_info(kn_tensor h, kn_info* o) KN_TRY {
  auto* t = (c10::TensorImpl*)h;
  o->dim = (int32_t)t->dim(); o->numel = t->numel(); o->dtype = (int32_t)c10::typeMetaToScalarType(t->dtype()); o->itemsize = (int32_t)t->itemsize();
  o->nbytes = o->numel * o->itemsize; o->storage_offset = t->has_storage() ? t->storage_offset() : 0;
  o->data = t->has_storage() ? (char*)t->storage().unsafeGetStorageImpl()->data_ptr().get() + o->storage_offset * o->itemsize : nullptr;
  o->device_type = (int32_t)t->device().type(); o->device_index = t->device().index();
  o->flags = (t->is_contiguous() ? 1 : 0) | (t->requires_grad() ? 2 : 0);
  if (o->dim > 8) throw std::runtime_error("kinora_torch: >8 dims");
  auto s = t->sizes(); auto st = t->strides();
  for (int i = 0; i < o->dim; i++) { o->sizes[i] = s[i]; o->strides[i] = st[i]; }
  return 0;
} KN_CATCH(-1)

kn_tensor kn_from_blob(void* data, const int64_t* sizes, const int64_t* strides, int32_t dim, int32_t dtype, int32_t dt, int32_t di, void (*deleter)(void*), void* ctx) KN_TRY {
  auto opt = at::TensorOptions().dtype((at::ScalarType)dtype).device(c10::Device((c10::DeviceType)dt, (c10::DeviceIndex)di));
  std::function<void(void*)> del = deleter ? std::function<void(void*)>([deleter, ctx](void*) { deleter(ctx); }) : std::function<void(void*)>([](void*) {});
  auto sz = c10::IntArrayRef(sizes, dim);
  at::Tensor t = strides ? at::from_blob(data, sz, c10::IntArrayRef(strides, dim), del, opt) : at::from_blob(data, sz, del, opt);
  return kn_release_handle(std::move(t));
} KN_CATCH(nullptr)

int32_t kn_set_requires_grad(kn_tensor h, int32_t v) KN_TRY { kn_borrow_copy(h).set_requires_grad(v != 0); return 0; } KN_CATCH(-1)
kn_tensor kn_grad(kn_tensor h) KN_TRY { auto t = kn_borrow_copy(h); auto& g = t.mutable_grad(); return g.defined() ? kn_release_handle(at::Tensor(g)) : nullptr; } KN_CATCH(nullptr)
int32_t kn_set_grad(kn_tensor h, kn_tensor g) KN_TRY { auto t = kn_borrow_copy(h); t.mutable_grad() = g ? kn_borrow_copy(g) : at::Tensor(); return 0; } KN_CATCH(-1)
static torch::autograd::variable_list vl(const kn_tensor* t, int n) { torch::autograd::variable_list l; l.reserve(n); for (int i=0;i<n;i++) l.push_back(t && t[i] ? kn_borrow_copy(t[i]) : at::Tensor()); return l; }
int32_t kn_backward(const kn_tensor* t, const kn_tensor* g, int32_t n, int32_t retain, int32_t create) KN_TRY {
  torch::autograd::backward(vl(t, n), g ? vl(g, n) : torch::autograd::variable_list{}, (bool)retain, (bool)create); return 0;
} KN_CATCH(-1)
int32_t kn_autograd_grad(const kn_tensor* outs, int32_t nout, const kn_tensor* ins, int32_t nin, const kn_tensor* gouts, int32_t retain, int32_t create, int32_t allow_unused, kn_tensor* res) KN_TRY {
  auto r = torch::autograd::grad(vl(outs, nout), vl(ins, nin), gouts ? vl(gouts, nout) : torch::autograd::variable_list{}, (bool)retain, (bool)create, (bool)allow_unused);
  for (int i = 0; i < nin; i++) res[i] = r[i].defined() ? kn_release_handle(std::move(r[i])) : nullptr;
  return 0;
} KN_CATCH(-1)

namespace {
struct CsNode : torch::autograd::Node {
  kn_node_cb cb; kn_free_cb fr; void* ctx; std::atomic<bool> freed{false};
  std::string name() const override { return "KinoraCustomBackward"; }
  torch::autograd::variable_list apply(torch::autograd::variable_list&& g) override {
    std::vector<kn_tensor> gi; gi.reserve(g.size());
    for (auto& x : g) gi.push_back(x.defined() ? (kn_tensor)x.unsafeGetTensorImpl() : nullptr);
    std::vector<kn_tensor> go(next_edges().size(), nullptr);
    if (cb(ctx, gi.data(), (int)gi.size(), go.data(), (int)go.size()) != 0) throw std::runtime_error("managed backward callback failed: " + kn_err());
    torch::autograd::variable_list out; for (auto h : go) out.push_back(h ? kn_adopt(h) : at::Tensor());
    return out;
  }
  void release_variables() override { if (fr && !freed.exchange(true)) fr(ctx); }
  ~CsNode() override { if (fr && !freed.exchange(true)) fr(ctx); }
};
struct LeafHook : torch::autograd::FunctionPostHook {
  kn_hook_cb cb; kn_free_cb fr; void* ctx; c10::TensorImpl* leaf;  // leaf is kept alive by its AccumulateGrad (weak here to avoid a cycle)
  torch::autograd::variable_list operator()(const torch::autograd::variable_list& o, const torch::autograd::variable_list&) override { cb(ctx, (kn_tensor)leaf); return o; }
  ~LeafHook() override { if (fr) fr(ctx); }
};
} // namespace

// outputs: fresh tensors (computed under no_grad). On return, they carry grad_fn.
int32_t kn_custom_node(const kn_tensor* inputs, int32_t nin, kn_tensor* outputs, int32_t nout, kn_node_cb cb, kn_free_cb fr, void* ctx) KN_TRY {
  auto ins = vl(inputs, nin);
  if (!c10::GradMode::is_enabled() || !torch::autograd::any_variable_requires_grad(ins)) { if (fr) fr(ctx); return 0; }
  auto node = kn_make_node<CsNode>();
  node->cb = cb; node->fr = fr; node->ctx = ctx;
  node->set_next_edges(torch::autograd::collect_next_edges(ins));
  for (int i = 0; i < nout; i++) { auto o = kn_borrow_copy(outputs[i]); torch::autograd::set_history(o, node); }
  return 0;
} KN_CATCH(-1)

int32_t kn_leaf_post_hook(kn_tensor leaf, kn_hook_cb cb, kn_free_cb fr, void* ctx) KN_TRY {
  auto t = kn_borrow_copy(leaf);
  auto acc = torch::autograd::impl::grad_accumulator(t);
  auto h = std::make_unique<LeafHook>(); h->cb = cb; h->fr = fr; h->ctx = ctx; h->leaf = t.unsafeGetTensorImpl();
  acc->add_post_hook(std::move(h));
  // AccumulateGrad is only weakly held by the variable: keep it alive (DDP does the same)
  static auto* keep = new std::vector<kn_node_ptr>(); keep->push_back(acc);
  return 0;
} KN_CATCH(-1)

int32_t kn_grad_mode(int32_t e) { int32_t p = c10::GradMode::is_enabled(); if (e >= 0) c10::GradMode::set_enabled(e != 0); return p; }
void* kn_inference_enter(int32_t e) { return new c10::InferenceMode(e != 0); }
void kn_inference_exit(void* g) { delete (c10::InferenceMode*)g; }
int32_t kn_autocast(int32_t dev, int32_t enabled, int32_t dtype) KN_TRY {
#if KN_TORCH_GE(2, 4)
  auto d = (c10::DeviceType)dev; int32_t p = at::autocast::is_autocast_enabled(d);
  if (enabled >= 0) { at::autocast::set_autocast_enabled(d, enabled != 0); at::autocast::set_autocast_dtype(d, (at::ScalarType)dtype); }
#else
  int32_t p = dev == 0 ? at::autocast::is_cpu_enabled() : at::autocast::is_enabled();
  if (enabled >= 0) { if (dev == 0) { at::autocast::set_cpu_enabled(enabled != 0); at::autocast::set_autocast_cpu_dtype((at::ScalarType)dtype); } else { at::autocast::set_enabled(enabled != 0); at::autocast::set_autocast_gpu_dtype((at::ScalarType)dtype); } }
#endif
  return p;
} KN_CATCH(-1)
void kn_autocast_clear_cache(void) { at::autocast::clear_cache(); }
int32_t kn_threads(int32_t n) { if (n > 0) at::set_num_threads(n); return at::get_num_threads(); }
int32_t kn_manual_seed(int64_t s) KN_TRY { at::manual_seed((uint64_t)s); return 0; } KN_CATCH(-1)
kn_tensor kn_rng_state(int32_t dt, int32_t di) KN_TRY { auto g = at::globalContext().defaultGenerator(c10::Device((c10::DeviceType)dt, di)); std::lock_guard<std::mutex> l(g.mutex()); return kn_release_handle(g.get_state()); } KN_CATCH(nullptr)
int32_t kn_set_rng_state(int32_t dt, int32_t di, kn_tensor t) KN_TRY { auto g = at::globalContext().defaultGenerator(c10::Device((c10::DeviceType)dt, di)); std::lock_guard<std::mutex> l(g.mutex()); g.set_state(kn_borrow_copy(t)); return 0; } KN_CATCH(-1)
int32_t kn_cuda_available(void) { return at::hasCUDA() && at::globalContext().hasCUDA(); }
int32_t kn_cuda_device_count(void) KN_TRY {
#ifdef KN_CUDA
  return c10::cuda::device_count();
#else
  return 0;
#endif
} KN_CATCH(-1)
} // extern C

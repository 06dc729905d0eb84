// Start, tensor handles, and the boxed call: every operator of libtorch's dispatcher by name.
//
// An operator is looked up once; what its schema says about arguments and defaults is kept beside it. A call pushes the arguments on
// a stack, converts what the schema asks for (an integer where a float is expected), fills in defaults and pops the results.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/Version.h>
#include <ATen/core/Tensor.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/ivalue.h>
#include <ATen/core/stack.h>
#include <ATen/ops/from_blob.h>
#include <c10/util/Logging.h>
#include <sched.h>

#include <sstream>
#include <vector>

#include "internal.h"

std::string& kn_error_text() {
  static thread_local std::string text;
  return text;
}

namespace {

using c10::TypeKind;

// What an argument's schema type asks for. Types that travel as they are (ScalarType, Layout, ..) are Any.
enum class Kind : uint8_t { Any, Tensor, Int, Float, Scalar, Bool, String, Ints, Floats, Bools, Tensors, OptionalTensors, Scalars, Device, Generator };

struct Operator {
  c10::OperatorHandle handle;
  std::vector<Kind> kinds;
  std::vector<c10::IValue> defaults;
  std::vector<char> has_default;
  std::string schema;
};

Kind list_kind(const c10::TypePtr& element) {
  switch (element->kind()) {
    case TypeKind::TensorType: return Kind::Tensors;
    case TypeKind::OptionalType: return Kind::OptionalTensors;
    case TypeKind::IntType:
    case TypeKind::SymIntType: return Kind::Ints;
    case TypeKind::FloatType: return Kind::Floats;
    case TypeKind::BoolType: return Kind::Bools;
    case TypeKind::NumberType: return Kind::Scalars;
    default: return Kind::Any;
  }
}

Kind kind_of(c10::TypePtr type) {
  if (type->kind() == TypeKind::OptionalType) type = type->castRaw<c10::OptionalType>()->getElementType();
  switch (type->kind()) {
    case TypeKind::TensorType: return Kind::Tensor;
    case TypeKind::IntType:
    case TypeKind::SymIntType: return Kind::Int;
    case TypeKind::FloatType: return Kind::Float;
    case TypeKind::NumberType: return Kind::Scalar;
    case TypeKind::BoolType: return Kind::Bool;
    case TypeKind::StringType: return Kind::String;
    case TypeKind::DeviceObjType: return Kind::Device;
    case TypeKind::GeneratorType: return Kind::Generator;
    case TypeKind::ListType: return list_kind(type->castRaw<c10::ListType>()->getElementType());
    default: return Kind::Any;
  }
}

c10::IValue int_value(int64_t i, Kind kind) {
  switch (kind) {
    case Kind::Float: return (double)i;
    case Kind::Bool: return i != 0;
    case Kind::Ints: return c10::List<int64_t>({i});      // int[2] stride=1 and the like
    default: return i;
  }
}

c10::IValue ints_value(const int64_t* values, int32_t count, Kind kind) {
  if (kind != Kind::Floats) return c10::IValue(c10::IntArrayRef(values, count));
  c10::List<double> list;
  list.reserve(count);
  for (int32_t i = 0; i < count; i++) list.push_back((double)values[i]);
  return list;
}

c10::IValue bools_value(const uint8_t* values, int32_t count) {
  c10::List<bool> list;
  list.reserve(count);
  for (int32_t i = 0; i < count; i++) list.push_back(values[i] != 0);
  return list;
}

c10::IValue tensors_value(const kn_tensor* handles, int32_t count, Kind kind) {
  if (kind == Kind::OptionalTensors) {
    c10::List<c10::optional<at::Tensor>> list;
    list.reserve(count);
    for (int32_t i = 0; i < count; i++) list.push_back(handles[i] ? c10::optional<at::Tensor>(kn_borrow_copy(handles[i])) : c10::nullopt);
    return list;
  }
  c10::List<at::Tensor> list;
  list.reserve(count);
  for (int32_t i = 0; i < count; i++) list.push_back(kn_required(handles[i], "in a list"));
  return list;
}

c10::IValue generator_value(const void* handle) {
  return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::unsafe_reclaim_from_nonowning((c10::GeneratorImpl*)handle));
}

void push_argument(torch::jit::Stack& stack, const kn_value& v, Kind kind) {
  if (v.len < 0 && v.tag != KN_DEVICE) throw std::invalid_argument("negative list length");
  switch (v.tag) {
    case KN_NONE: stack.emplace_back(); return;
    case KN_TENSOR: stack.emplace_back(kn_required(v.u.t, "argument")); return;
    case KN_INT: stack.push_back(int_value(v.u.i, kind)); return;
    case KN_DOUBLE: stack.emplace_back(v.u.d); return;
    case KN_BOOL: stack.emplace_back(v.u.i != 0); return;
    case KN_STRING: stack.emplace_back(std::string((const char*)v.u.p, (size_t)v.len)); return;
    case KN_INTS: stack.push_back(ints_value((const int64_t*)v.u.p, v.len, kind)); return;
    case KN_DOUBLES: stack.emplace_back(c10::ArrayRef<double>((const double*)v.u.p, (size_t)v.len)); return;
    case KN_BOOLS: stack.push_back(bools_value((const uint8_t*)v.u.p, v.len)); return;
    case KN_TENSORS: stack.push_back(tensors_value((const kn_tensor*)v.u.p, v.len, kind)); return;
    case KN_DEVICE: stack.emplace_back(c10::Device((c10::DeviceType)(v.len >> 8), (c10::DeviceIndex)(int8_t)(v.len & 0xff))); return;
    case KN_GENERATOR: stack.push_back(generator_value(v.u.p)); return;
    default: throw std::invalid_argument("argument tag " + std::to_string(v.tag) + " is unknown");
  }
}

// A list result lives here until the thread's next call.
thread_local std::vector<kn_tensor> t_list_result;

void pop_result(c10::IValue&& value, kn_value& r) {
  r.tag = KN_NONE;
  r.len = 0;
  r.u.p = nullptr;
  if (value.isTensor()) {
    at::Tensor t = std::move(value).toTensor();
    if (!t.defined()) return;
    r.tag = KN_TENSOR;
    r.u.t = kn_release_handle(std::move(t));
  } else if (value.isInt()) {
    r.tag = KN_INT;
    r.u.i = value.toInt();
  } else if (value.isDouble()) {
    r.tag = KN_DOUBLE;
    r.u.d = value.toDouble();
  } else if (value.isBool()) {
    r.tag = KN_BOOL;
    r.u.i = value.toBool();
  } else if (value.isTensorList()) {
    auto list = value.toTensorVector();
    t_list_result.clear();
    for (auto& t : list) t_list_result.push_back(kn_release_handle(std::move(t)));
    r.tag = KN_TENSORS;
    r.len = (int32_t)t_list_result.size();
    r.u.p = t_list_result.data();
  }
}

// Argument stacks by depth of re-entry: a managed callback inside backward calls operators again.
struct StackPool {
  std::vector<std::unique_ptr<torch::jit::Stack>> stacks;
  size_t depth = 0;
};
thread_local StackPool t_pool;

struct StackLease {
  torch::jit::Stack* stack;
  StackLease() {
    auto& pool = t_pool;
    if (pool.depth == pool.stacks.size()) {
      pool.stacks.push_back(std::make_unique<torch::jit::Stack>());
      pool.stacks.back()->reserve(32);
    }
    stack = pool.stacks[pool.depth++].get();
  }
  ~StackLease() {
    stack->clear();
    t_pool.depth--;
  }
};

int processors_allowed() {
  cpu_set_t set;
  CPU_ZERO(&set);
  return sched_getaffinity(0, sizeof set, &set) == 0 ? std::max(1, CPU_COUNT(&set)) : 1;
}

std::string build_info() {
  std::ostringstream os;
  os << "{\"torch\":\"" << TORCH_VERSION << "\",\"abi\":" << kn_abi_version();
#ifdef _GLIBCXX_USE_CXX11_ABI
  os << ",\"cxx11_abi\":" << (_GLIBCXX_USE_CXX11_ABI ? "true" : "false");
#endif
  os << ",\"compiler\":\"" << __VERSION__ << "\",\"features\":[";
  const char* separator = "";
  auto feature = [&](const char* name) {
    os << separator << '"' << name << '"';
    separator = ",";
  };
#ifdef KN_GLOO
  feature("gloo");
#endif
#ifdef KN_NCCL
  feature("nccl");
#endif
#ifdef KN_CUDA
  feature("cuda");
#endif
#ifdef KN_ONEDNN_SGEMM
  feature("onednn_sgemm");
#endif
#ifdef _OPENMP
  feature("openmp");
#endif
  (void)feature;
  const char* best = kn_cpu_level_name(kn_cpu_level(-2));
  os << "],\"cpu_level\":\"" << (best ? best : "") << "\"}";
  return os.str();
}

}  // namespace

extern "C" {

const char* kn_last_error(void) { return kn_error_text().c_str(); }

int32_t kn_abi_version(void) { return 1; }

const char* kn_build_info(void) KN_TRY {
  static const std::string info = build_info();
  return info.c_str();
} KN_CATCH("{}")

int32_t kn_init(int32_t threads) KN_TRY {
  // libtorch's own count is wrong in virtual machines and ignores the affinity mask.
  if (threads <= 0) threads = processors_allowed();
  at::set_num_threads(threads);
  // By default an error symbolizes a C++ backtrace through every loaded library: 2.7 ms each.
  c10::SetStackTraceFetcher(std::function<std::string()>([] { return std::string(); }));
  if (kn_cpu_level(-1) < 0) return -1;      // an unusable KINORA_CPU_LEVEL is said at start
  return threads;
} KN_CATCH(-1)

kn_op kn_op_find(const char* name, const char* overload) KN_TRY {
  KN_REQUIRE(name, "name");
  auto op = std::make_unique<Operator>(Operator{c10::Dispatcher::singleton().findSchemaOrThrow(name, overload ? overload : ""), {}, {}, {}, {}});
  for (auto& argument : op->handle.schema().arguments()) {
    op->kinds.push_back(kind_of(argument.type()));
    op->has_default.push_back(argument.default_value().has_value());
    op->defaults.push_back(argument.default_value() ? *argument.default_value() : c10::IValue());
  }
  std::ostringstream schema;
  schema << op->handle.schema();
  op->schema = schema.str();
  return (kn_op)op.release();
} KN_CATCH(nullptr)

const char* kn_op_schema(kn_op op) { return op ? ((Operator*)op)->schema.c_str() : ""; }

int32_t kn_op_call(kn_op handle, const kn_value* args, int32_t nargs, kn_value* rets, int32_t max_rets) KN_TRY {
  KN_REQUIRE(handle && (args || nargs == 0) && (rets || max_rets == 0), "operator, arguments and results");
  auto& op = *(Operator*)handle;
  const int32_t count = (int32_t)op.kinds.size();
  if (nargs < 0 || nargs > count) throw std::invalid_argument("too many arguments (" + std::to_string(nargs) + ") for " + op.schema);
  StackLease lease;
  auto& stack = *lease.stack;
  for (int32_t i = 0; i < count; i++) {
    if (i < nargs && args[i].tag != KN_DEFAULT) {
      push_argument(stack, args[i], op.kinds[i]);
      continue;
    }
    if (!op.has_default[i]) throw std::invalid_argument("argument " + std::to_string(i) + " of " + op.schema + " has no default and was not given");
    stack.push_back(op.defaults[i]);
  }
  op.handle.callBoxed(&stack);
  const int32_t results = (int32_t)stack.size();
  if (results > max_rets) throw std::invalid_argument(std::to_string(results) + " results, room for " + std::to_string(max_rets) + ": " + op.schema);
  for (int32_t i = 0; i < results; i++) pop_result(std::move(stack[i]), rets[i]);
  return results;
} KN_CATCH(-1)

// --- Tensor handles

void kn_tensor_release(kn_tensor t) {
  if (t) kn_impl_ptr::reclaim((c10::TensorImpl*)t);
}

void kn_tensor_release_many(const kn_tensor* t, int32_t n) {
  for (int32_t i = 0; t && i < n; i++) kn_tensor_release(t[i]);
}

kn_tensor kn_tensor_retain(kn_tensor t) KN_TRY { return kn_release_handle(kn_required(t, "t")); } KN_CATCH(nullptr)

int64_t kn_tensor_use_count(kn_tensor t) KN_TRY { return (int64_t)kn_required(t, "t").use_count() - 1; } KN_CATCH(-1)

int32_t kn_tensor_info(kn_tensor handle, kn_info* info) KN_TRY {
  KN_REQUIRE(handle && info, "tensor and place for its facts");
  auto* t = (c10::TensorImpl*)handle;
  const int64_t dim = t->dim();
  if (dim > 8) throw std::invalid_argument("kn_tensor_info: " + std::to_string(dim) + " dimensions do not fit; kn_tensor_shape gives any number");
  info->dim = (int32_t)dim;
  info->numel = t->numel();
  info->dtype = (int32_t)c10::typeMetaToScalarType(t->dtype());
  info->itemsize = (int32_t)t->itemsize();
  info->nbytes = info->numel * info->itemsize;
  info->storage_offset = t->has_storage() ? t->storage_offset() : 0;
  char* base = t->has_storage() ? (char*)t->storage().unsafeGetStorageImpl()->data_ptr().get() : nullptr;
  info->data = base ? base + info->storage_offset * info->itemsize : nullptr;
  info->device_type = (int32_t)t->device().type();
  info->device_index = t->device().index();
  info->flags = (t->is_contiguous() ? 1 : 0) | (t->requires_grad() ? 2 : 0);
  const auto sizes = t->sizes(), strides = t->strides();
  for (int64_t i = 0; i < dim; i++) {
    info->sizes[i] = sizes[i];
    info->strides[i] = strides[i];
  }
  return 0;
} KN_CATCH(-1)

int32_t kn_tensor_shape(kn_tensor handle, int64_t* sizes, int64_t* strides, int32_t max_dim) KN_TRY {
  KN_REQUIRE(handle, "tensor");
  auto* t = (c10::TensorImpl*)handle;
  const int32_t dim = (int32_t)t->dim();
  for (int32_t i = 0; i < std::min(dim, max_dim); i++) {
    if (sizes) sizes[i] = t->sizes()[i];
    if (strides) strides[i] = t->strides()[i];
  }
  return dim;
} KN_CATCH(-1)

kn_tensor kn_from_blob(void* data, const int64_t* sizes, const int64_t* strides, int32_t dim, int32_t dtype, int32_t device_type, int32_t device_index,
                       void (*deleter)(void*), void* context) KN_TRY {
  KN_REQUIRE(sizes || dim == 0, "sizes");
  if (dim < 0) throw std::invalid_argument("kn_from_blob: negative number of dimensions");
  const auto options = at::TensorOptions().dtype((at::ScalarType)dtype).device(c10::Device((c10::DeviceType)device_type, (c10::DeviceIndex)device_index));
  std::function<void(void*)> release = [deleter, context](void*) {
    if (deleter) deleter(context);
  };
  const c10::IntArrayRef shape(sizes, (size_t)dim);
  at::Tensor t = strides ? at::from_blob(data, shape, c10::IntArrayRef(strides, (size_t)dim), release, options) : at::from_blob(data, shape, release, options);
  return kn_release_handle(std::move(t));
} KN_CATCH(nullptr)

// --- Threads and random generators

int32_t kn_threads(int32_t n) KN_TRY {
  if (n > 0) at::set_num_threads(n);
  return at::get_num_threads();
} KN_CATCH(-1)

int32_t kn_manual_seed(int64_t seed) KN_TRY {
  at::manual_seed((uint64_t)seed);
  return 0;
} KN_CATCH(-1)

static at::Generator default_generator(int32_t device_type, int32_t device_index) {
  return at::globalContext().defaultGenerator(c10::Device((c10::DeviceType)device_type, (c10::DeviceIndex)device_index));
}

static at::Generator generator_of(kn_generator handle) {
  if (!handle) throw std::invalid_argument("generator is null");
  return at::Generator(c10::intrusive_ptr<c10::GeneratorImpl>::unsafe_reclaim_from_nonowning((c10::GeneratorImpl*)handle));
}

kn_tensor kn_rng_state(int32_t device_type, int32_t device_index) KN_TRY {
  auto g = default_generator(device_type, device_index);
  std::lock_guard<std::mutex> lock(g.mutex());
  return kn_release_handle(g.get_state());
} KN_CATCH(nullptr)

int32_t kn_set_rng_state(int32_t device_type, int32_t device_index, kn_tensor state) KN_TRY {
  at::Tensor s = kn_required(state, "state");
  auto g = default_generator(device_type, device_index);
  std::lock_guard<std::mutex> lock(g.mutex());
  g.set_state(s);
  return 0;
} KN_CATCH(-1)

kn_generator kn_generator_create(int32_t device_type, int32_t device_index, int64_t seed) KN_TRY {
  at::Generator g;
  if (device_type == (int32_t)c10::DeviceType::CPU) g = at::detail::createCPUGenerator((uint64_t)seed);
  else {
    g = default_generator(device_type, device_index).clone();
    g.set_current_seed((uint64_t)seed);
  }
  return (kn_generator)g.unsafeReleaseGeneratorImpl();
} KN_CATCH(nullptr)

int32_t kn_generator_seed(kn_generator generator, int64_t seed) KN_TRY {
  auto g = generator_of(generator);
  std::lock_guard<std::mutex> lock(g.mutex());
  g.set_current_seed((uint64_t)seed);
  return 0;
} KN_CATCH(-1)

kn_tensor kn_generator_state(kn_generator generator) KN_TRY {
  auto g = generator_of(generator);
  std::lock_guard<std::mutex> lock(g.mutex());
  return kn_release_handle(g.get_state());
} KN_CATCH(nullptr)

int32_t kn_generator_set_state(kn_generator generator, kn_tensor state) KN_TRY {
  at::Tensor s = kn_required(state, "state");
  auto g = generator_of(generator);
  std::lock_guard<std::mutex> lock(g.mutex());
  g.set_state(s);
  return 0;
} KN_CATCH(-1)

void kn_generator_free(kn_generator generator) {
  if (generator) c10::intrusive_ptr<c10::GeneratorImpl>::reclaim((c10::GeneratorImpl*)generator);
}

}

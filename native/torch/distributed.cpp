// Process groups over torch's c10d: Gloo on the CPU, NCCL on CUDA, each where it was found at build time.

#include "internal.h"

#if defined(KN_GLOO) || defined(KN_NCCL)
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#ifdef KN_GLOO
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#endif
#ifdef KN_NCCL
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#endif

#include <chrono>
#include <cstdlib>

namespace {

// Both backends derive from Backend since 2.0, from ProcessGroup before.
#if TORCH_VERSION_MAJOR >= 2
using Backend = c10d::Backend;
#else
using Backend = c10d::ProcessGroup;
#endif
using Work = c10::intrusive_ptr<c10d::Work>;
using std::chrono::milliseconds;

struct Group {
  c10::intrusive_ptr<c10d::Store> store;
  c10::intrusive_ptr<Backend> backend;
};

Backend& backend_of(kn_pg group) {
  if (!group) throw std::invalid_argument("process group is null");
  return *((Group*)group)->backend;
}

c10::intrusive_ptr<c10d::Store> open_store(const std::string& init, int32_t rank, int32_t world, milliseconds timeout) {
  c10::intrusive_ptr<c10d::Store> store;
  if (init.rfind("file://", 0) == 0) {
    store = c10::make_intrusive<c10d::FileStore>(init.substr(7), world);
  } else if (init.rfind("tcp://", 0) == 0) {
    const std::string address = init.substr(6);
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) throw std::invalid_argument("kn_pg_create: \"" + init + "\" names no port; write tcp://host:port");
    c10d::TCPStoreOptions options;
    options.port = (uint16_t)std::stoi(address.substr(colon + 1));
    options.isServer = rank == 0;
    options.numWorkers = world;
    options.timeout = timeout;
    store = c10::make_intrusive<c10d::TCPStore>(address.substr(0, colon), options);
  } else {
    throw std::invalid_argument("kn_pg_create: \"" + init + "\" must start with file:// or tcp://");
  }
  store->setTimeout(timeout);
  return store;
}

#ifdef KN_GLOO
// The interface that GLOO_SOCKET_IFNAME names, else the one that the host's name resolves to, else loopback.
std::shared_ptr<::gloo::transport::Device> gloo_device() {
  if (const char* name = std::getenv("GLOO_SOCKET_IFNAME")) return c10d::ProcessGroupGloo::createDeviceForInterface(name);
  try {
    return c10d::ProcessGroupGloo::createDefaultDevice();
  } catch (const std::exception&) {
    return c10d::ProcessGroupGloo::createDeviceForInterface("lo");
  }
}
#endif

c10::intrusive_ptr<Backend> make_backend(const std::string& name, const c10::intrusive_ptr<c10d::Store>& store, int32_t rank, int32_t world, milliseconds timeout) {
#ifdef KN_GLOO
  if (name == "gloo") {
    auto options = c10d::ProcessGroupGloo::Options::create(timeout);
    options->devices.push_back(gloo_device());
    options->threads = 2;
    return c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank, world, options);
  }
#endif
#ifdef KN_NCCL
  if (name == "nccl") {
    auto options = c10d::ProcessGroupNCCL::Options::create();
    options->timeout = timeout;
    return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, rank, world, options);
  }
#endif
  throw std::invalid_argument("kn_pg_create: backend \"" + name + "\" is not compiled in; kn_build_info lists what is");
}

c10d::ReduceOp reduce_op(int32_t op) { return c10d::ReduceOp((c10d::ReduceOp::RedOpType)op); }

}  // namespace

extern "C" {

kn_pg kn_pg_create(const char* backend, const char* init, int32_t rank, int32_t world, int32_t timeout_ms) KN_TRY {
  KN_REQUIRE(backend && init, "backend and init");
  if (world < 1 || rank < 0 || rank >= world) throw std::invalid_argument("kn_pg_create: rank " + std::to_string(rank) + " of " + std::to_string(world));
  const milliseconds timeout(timeout_ms);
  auto group = std::make_unique<Group>();
  group->store = open_store(init, rank, world, timeout);
  group->backend = make_backend(backend, group->store, rank, world, timeout);
  return (kn_pg)group.release();
} KN_CATCH(nullptr)

int32_t kn_pg_allreduce(kn_pg group, kn_tensor t, int32_t op, void** work) KN_TRY {
  std::vector<at::Tensor> tensors{kn_required(t, "t")};
  c10d::AllreduceOptions options;
  options.reduceOp = reduce_op(op);
  Work pending = backend_of(group).allreduce(tensors, options);
  if (work) *work = new Work(std::move(pending));
  else pending->wait();
  return 0;
} KN_CATCH(-1)

int32_t kn_pg_broadcast(kn_pg group, kn_tensor t, int32_t root) KN_TRY {
  std::vector<at::Tensor> tensors{kn_required(t, "t")};
  c10d::BroadcastOptions options;
  options.rootRank = root;
  backend_of(group).broadcast(tensors, options)->wait();
  return 0;
} KN_CATCH(-1)

int32_t kn_pg_barrier(kn_pg group) KN_TRY {
  backend_of(group).barrier()->wait();
  return 0;
} KN_CATCH(-1)

int32_t kn_work_wait(void* work) KN_TRY {
  KN_REQUIRE(work, "work");
  std::unique_ptr<Work> pending((Work*)work);
  (*pending)->wait();
  return 0;
} KN_CATCH(-1)

void kn_pg_free(kn_pg group) {
  try {
    delete (Group*)group;
  } catch (...) {
  }
}

}

#else

namespace {
[[noreturn]] void refuse() { throw std::runtime_error("process groups are not compiled in: neither Gloo nor NCCL headers were found when the native library was built (libgloo-dev)"); }
}

extern "C" {
kn_pg kn_pg_create(const char*, const char*, int32_t, int32_t, int32_t) KN_TRY { refuse(); } KN_CATCH(nullptr)
int32_t kn_pg_allreduce(kn_pg, kn_tensor, int32_t, void**) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_pg_broadcast(kn_pg, kn_tensor, int32_t) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_pg_barrier(kn_pg) KN_TRY { refuse(); } KN_CATCH(-1)
int32_t kn_work_wait(void*) KN_TRY { refuse(); } KN_CATCH(-1)
void kn_pg_free(kn_pg) {}
}

#endif

#include "internal.h"
#define USE_C10D_GLOO
#include <torch/csrc/distributed/c10d/FileStore.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <memory>
namespace { struct Pg { c10::intrusive_ptr<c10d::Store> store; c10::intrusive_ptr<c10d::ProcessGroupGloo> pg; }; }
extern "C" {
kn_pg kn_pg_create(const char* backend, const char* init, int32_t rank, int32_t world, int32_t timeout_ms) KN_TRY {
  std::string u(init), be(backend); c10::intrusive_ptr<c10d::Store> st;
  if (u.rfind("file://", 0) == 0) st = c10::make_intrusive<c10d::FileStore>(u.substr(7), world);
  else if (u.rfind("tcp://", 0) == 0) { auto hp = u.substr(6); auto c = hp.rfind(':'); c10d::TCPStoreOptions o; o.port = (uint16_t)std::stoi(hp.substr(c + 1)); o.isServer = rank == 0; o.numWorkers = world; o.timeout = std::chrono::milliseconds(timeout_ms); st = c10::make_intrusive<c10d::TCPStore>(hp.substr(0, c), o); }
  else throw std::runtime_error("init must be file:// or tcp://");
  st->setTimeout(std::chrono::milliseconds(timeout_ms));
  if (be != "gloo") throw std::runtime_error("backend not compiled in: " + be);
  auto opt = c10d::ProcessGroupGloo::Options::create(std::chrono::milliseconds(timeout_ms));
  const char* ifn = getenv("GLOO_SOCKET_IFNAME");
  opt->devices.push_back(ifn ? c10d::ProcessGroupGloo::createDeviceForInterface(ifn) : c10d::ProcessGroupGloo::createDefaultDevice());
  opt->threads = 2;
  auto p = new Pg; p->store = st; p->pg = c10::make_intrusive<c10d::ProcessGroupGloo>(st, rank, world, opt); return (kn_pg)p;
} KN_CATCH(nullptr)
int32_t kn_pg_allreduce(kn_pg pg, kn_tensor t, int32_t op, void** work) KN_TRY {
  std::vector<at::Tensor> v{kn_borrow_copy(t)}; c10d::AllreduceOptions o;
#if TORCH_VERSION_MAJOR >= 2
  o.reduceOp = c10d::ReduceOp((c10d::ReduceOp::RedOpType)op);
#else
  o.reduceOp = (c10d::ReduceOp::RedOpType)op;
#endif
  auto w = ((Pg*)pg)->pg->allreduce(v, o);
  if (work) *work = new c10::intrusive_ptr<c10d::Work>(w); else w->wait();
  return 0;
} KN_CATCH(-1)
int32_t kn_pg_broadcast(kn_pg pg, kn_tensor t, int32_t root) KN_TRY { std::vector<at::Tensor> v{kn_borrow_copy(t)}; c10d::BroadcastOptions o; o.rootRank = root; ((Pg*)pg)->pg->broadcast(v, o)->wait(); return 0; } KN_CATCH(-1)
int32_t kn_pg_barrier(kn_pg pg) KN_TRY { ((Pg*)pg)->pg->barrier()->wait(); return 0; } KN_CATCH(-1)
int32_t kn_work_wait(void* w) KN_TRY { std::unique_ptr<c10::intrusive_ptr<c10d::Work>> p((c10::intrusive_ptr<c10d::Work>*)w); (*p)->wait(); return 0; } KN_CATCH(-1)
void kn_pg_free(kn_pg pg) { delete (Pg*)pg; }
}

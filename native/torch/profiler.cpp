#include "internal.h"
#include <ATen/record_function.h>
#include <chrono>
#include <map>
#include <mutex>
#include <algorithm>
#include <vector>
namespace {
struct Ent { double self = 0, total = 0; int64_t n = 0; };
std::mutex mu; std::map<std::string, Ent> tab; at::CallbackHandle h = 0; bool on = false;
struct Frame { double child = 0; };
thread_local std::vector<Frame> stk;
struct Ctx : at::ObserverContext { std::chrono::steady_clock::time_point t; };
std::unique_ptr<at::ObserverContext> start(const at::RecordFunction&) { auto c = std::make_unique<Ctx>(); stk.emplace_back(); c->t = std::chrono::steady_clock::now(); return c; }
void end(const at::RecordFunction& f, at::ObserverContext* c) {
  double d = std::chrono::duration<double>(std::chrono::steady_clock::now() - ((Ctx*)c)->t).count(); double self = d;
  if (!stk.empty()) { self -= stk.back().child; stk.pop_back(); } if (!stk.empty()) stk.back().child += d;
  std::lock_guard<std::mutex> l(mu); auto& e = tab[f.name()]; e.self += self; e.total += d; e.n++;
}
std::string rep;
}
extern "C" {
KN_API int32_t kn_profiler(int32_t enable) KN_TRY { if (enable && !on) { tab.clear(); h = at::addGlobalCallback(at::RecordFunctionCallback(start, end).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION})); on = true; } else if (!enable && on) { at::removeCallback(h); on = false; } return 0; } KN_CATCH(-1)
KN_API const char* kn_profiler_report(int32_t top) { std::lock_guard<std::mutex> l(mu); std::vector<std::pair<std::string, Ent>> v(tab.begin(), tab.end()); std::sort(v.begin(), v.end(), [](auto& a, auto& b) { return a.second.self > b.second.self; }); rep.clear(); char b[256]; int i = 0; for (auto& e : v) { if (i++ >= top) break; snprintf(b, sizeof b, "%-48s self %9.2f ms  total %9.2f ms  n %lld\n", e.first.c_str(), e.second.self * 1e3, e.second.total * 1e3, (long long)e.second.n); rep += b; } return rep.c_str(); }
}

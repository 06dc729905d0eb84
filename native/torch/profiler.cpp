// Time per operator, forward and backward, from libtorch's RecordFunction callbacks. Self time leaves out the operators called inside.

#include <ATen/record_function.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <mutex>
#include <vector>

#include "internal.h"

namespace {

using Clock = std::chrono::steady_clock;

struct Entry {
  double self = 0, total = 0;      // seconds
  int64_t calls = 0;
};

struct Observation : at::ObserverContext {
  Clock::time_point start;
};

std::mutex g_mutex;
std::map<std::string, Entry> g_entries;
at::CallbackHandle g_callback = 0;
bool g_enabled = false;
std::string g_report;

// Time spent in inner operators, per nesting level.
thread_local std::vector<double> t_inner;

std::unique_ptr<at::ObserverContext> on_start(const at::RecordFunction&) {
  auto observation = std::make_unique<Observation>();
  t_inner.push_back(0);
  observation->start = Clock::now();
  return observation;
}

void on_end(const at::RecordFunction& f, at::ObserverContext* context) {
  const double total = std::chrono::duration<double>(Clock::now() - ((Observation*)context)->start).count();
  double self = total;
  if (!t_inner.empty()) {
    self -= t_inner.back();
    t_inner.pop_back();
  }
  if (!t_inner.empty()) t_inner.back() += total;
  std::lock_guard<std::mutex> lock(g_mutex);
  auto& entry = g_entries[f.name()];
  entry.self += self;
  entry.total += total;
  entry.calls++;
}

}  // namespace

extern "C" {

int32_t kn_profiler(int32_t enable) KN_TRY {
  if (enable && !g_enabled) {
    {
      std::lock_guard<std::mutex> lock(g_mutex);
      g_entries.clear();
    }
    g_callback = at::addGlobalCallback(at::RecordFunctionCallback(on_start, on_end).scopes({at::RecordScope::FUNCTION, at::RecordScope::BACKWARD_FUNCTION}));
    g_enabled = true;
  } else if (!enable && g_enabled) {
    at::removeCallback(g_callback);
    g_enabled = false;
  }
  return 0;
} KN_CATCH(-1)

const char* kn_profiler_report(int32_t top) KN_TRY {
  std::lock_guard<std::mutex> lock(g_mutex);
  std::vector<std::pair<std::string, Entry>> rows(g_entries.begin(), g_entries.end());
  std::sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.second.self > b.second.self; });
  if (top >= 0 && rows.size() > (size_t)top) rows.resize((size_t)top);
  g_report.clear();
  for (auto& [name, e] : rows) {
    char line[256];
    snprintf(line, sizeof line, "%-48s self %9.2f ms  total %9.2f ms  n %lld\n", name.c_str(), e.self * 1e3, e.total * 1e3, (long long)e.calls);
    g_report += line;
  }
  return g_report.c_str();
} KN_CATCH("")

}

// Chooses the instruction set of the CPU kernels once, at the first call.

#include "cpu_level.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>
#include <string>

#include "internal.h"

namespace {

constexpr int kLevels = 4;
const char* const kNames[kLevels] = {"generic", "avx2", "avx512", "avx512_bf16"};

const kn_kernels& table(int level) {
#if defined(__x86_64__)
  switch (level) {
    case 1: return *kn_kernels_avx2();
    case 2: return *kn_kernels_avx512();
    case 3: return *kn_kernels_avx512_bf16();
  }
#endif
  return *kn_kernels_generic();
}

int best_level() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (avx512 && __builtin_cpu_supports("avx512bf16")) return 3;
  if (avx512) return 2;
  if (avx2) return 1;
#endif
  return 0;
}

[[noreturn]] void refuse(const std::string& wanted) {
  throw std::runtime_error("CPU level " + wanted + " is not available: this processor has up to " + kNames[best_level()] +
                           " of generic, avx2, avx512, avx512_bf16. Choose one of these or unset KINORA_CPU_LEVEL.");
}

int initial_level() {
  const char* wanted = std::getenv("KINORA_CPU_LEVEL");
  if (!wanted || !*wanted) return best_level();
  for (int i = 0; i <= best_level(); i++)
    if (!std::strcmp(wanted, kNames[i])) return i;
  refuse(wanted);
}

std::atomic<int>& level_in_force() {
  static std::atomic<int> level{initial_level()};
  return level;
}

}  // namespace

void* kn_thread_scratch(int64_t bytes) {
  constexpr int64_t page = 4096;
  struct Buffer {
    void* memory = nullptr;
    int64_t size = 0;
    ~Buffer() { std::free(memory); }
  };
  static thread_local Buffer t;
  if (bytes > t.size) {
    std::free(t.memory);
    t.size = (bytes + page - 1) / page * page;
    t.memory = std::aligned_alloc(page, (size_t)t.size);
    if (!t.memory) {
      t.size = 0;
      throw std::bad_alloc();
    }
  }
  return t.memory;
}

const kn_kernels& kn_active_kernels() { return table(level_in_force().load(std::memory_order_relaxed)); }

extern "C" {

int32_t kn_cpu_level(int32_t force) KN_TRY {
  if (force == -2) return best_level();
  if (force == -1) return level_in_force();
  if (force < 0 || force > best_level()) refuse(std::to_string(force));
  level_in_force() = force;
  return force;
} KN_CATCH(-1)

const char* kn_cpu_level_name(int32_t level) { return level >= 0 && level < kLevels ? kNames[level] : nullptr; }

}

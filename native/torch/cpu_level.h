// Which instruction set the CPU kernels use, and work sharing between threads.
#pragma once

#include <ATen/Parallel.h>

#include <atomic>

#include "kernels/kernels.h"

// Kernels of the level in force: the best that this processor has, or what KINORA_CPU_LEVEL or kn_cpu_level asked for.
const kn_kernels& kn_active_kernels();

// This thread's buffer of at least so many bytes, page aligned; what it held before is lost. Kept between calls.
void* kn_thread_scratch(int64_t bytes);

// Runs f(0) .. f(n - 1) on libtorch's own threads, each taking the next number when it is free. Results must not depend on which
// thread runs what; nothing is shared but the counter.
template <class F> void kn_parallel_units(int64_t n, const F& f) {
  const int threads = (int)std::min<int64_t>(at::get_num_threads(), n);
  if (threads <= 1 || at::in_parallel_region()) {
    for (int64_t i = 0; i < n; i++) f(i);
    return;
  }
  std::atomic<int64_t> next{0};
  at::parallel_for(0, threads, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; t++)
      for (int64_t i; (i = next++) < n;) f(i);
  });
}

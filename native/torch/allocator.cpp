// A caching allocator for CPU tensors.
//
// libtorch asks malloc for every tensor. Above 32 MB glibc maps fresh pages each time, and the page faults cost several times the
// operator that fills them. Here freed blocks are kept by size class (eight classes per octave, at most 1/8 waste) and reused;
// blocks of 4 MB and more are mapped with huge pages. Blocks below 64 KB, the bulk of all requests, go through a list per thread
// that takes no lock.
//
// Every block starts with a header of 64 bytes that holds its size, so that a pointer alone is enough to free it: oneDNN's paths in
// libtorch allocate raw pointers and free them with raw_deleter. The data behind it is aligned to 64 bytes.

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "internal.h"

namespace {

constexpr size_t kSmall = 64 << 10;          // below: per-thread lists
constexpr size_t kMapped = 4 << 20;          // from here: mmap with huge pages
constexpr size_t kHugePage = 2 << 20;
constexpr size_t kAlignment = 64;

struct Header {
  size_t capacity;                            // of the whole block, header included
  char padding[kAlignment - sizeof(size_t)];
};
static_assert(sizeof(Header) == kAlignment, "the data must stay aligned");

int log2_floor(size_t n) { return 63 - __builtin_clzll(n); }

size_t size_class(size_t bytes) {
  const size_t n = bytes + sizeof(Header);
  const size_t step = n <= 512 ? kAlignment : (size_t)1 << (log2_floor(n - 1) - 3);
  return (n + step - 1) / step * step;
}

// Small classes have numbers: multiples of 64 up to 512, then eight per octave.
constexpr int kSmallClasses = 8 + 7 * 8 + 1;
int small_class_number(size_t capacity) {
  if (capacity <= 512) return (int)(capacity / kAlignment) - 1;
  const int octave = log2_floor(capacity - 1);                   // 512 < capacity <= 1024 has 9
  return 8 + (octave - 9) * 8 + (int)((capacity - 1) >> (octave - 3)) - 8;
}

struct Counters {
  std::atomic<int64_t> live{0}, cached{0}, peak{0}, requests{0}, mapped{0};
  void add_live(int64_t bytes) {
    const int64_t now = live.fetch_add(bytes, std::memory_order_relaxed) + bytes;
    int64_t seen = peak.load(std::memory_order_relaxed);
    while (now > seen && !peak.compare_exchange_weak(seen, now, std::memory_order_relaxed)) {}
  }
};
Counters g_count;
std::atomic<int64_t> g_limit{(int64_t)8 << 30};

void return_to_system(void* block, size_t capacity) {
  if (capacity >= kMapped) munmap(block, capacity);
  else std::free(block);
}

// Freed small blocks of one thread, linked through their headers. A block may be freed by another thread than took it; it then
// joins that thread's list.
struct SmallLists {
  static constexpr int64_t kLimit = 2 << 20;  // bytes kept per thread
  void* first[kSmallClasses] = {};
  int64_t held = 0;
  bool closed = false;

  void* take(size_t capacity) {
    void*& head = first[small_class_number(capacity)];
    void* block = head;
    if (block) {
      std::memcpy(&head, block, sizeof head);
      held -= (int64_t)capacity;
      g_count.cached.fetch_sub((int64_t)capacity, std::memory_order_relaxed);
    }
    return block;
  }
  bool put(void* block, size_t capacity) {
    if (closed || held + (int64_t)capacity > kLimit) return false;
    void*& head = first[small_class_number(capacity)];
    std::memcpy(block, &head, sizeof head);
    head = block;
    held += (int64_t)capacity;
    g_count.cached.fetch_add((int64_t)capacity, std::memory_order_relaxed);
    return true;
  }
  void clear() {
    for (void*& head : first)
      while (head) {
        void* next;
        std::memcpy(&next, head, sizeof next);
        std::free(head);
        head = next;
      }
    g_count.cached.fetch_sub(held, std::memory_order_relaxed);
    held = 0;
  }
  ~SmallLists() {
    clear();
    closed = true;      // tensors that outlive the thread's lists go straight to free
  }
};
thread_local SmallLists t_small;

class CachingAllocator final : public c10::Allocator {
 public:
  // Never destroyed: tensors in static storage may be freed after main has returned.
  static CachingAllocator& instance() {
    static auto* allocator = new CachingAllocator();
    return *allocator;
  }

  void* take(size_t bytes) {
    TORCH_CHECK(bytes < ((size_t)1 << 62), "out of host memory: ", bytes, " bytes is not a size");
    const size_t capacity = size_class(bytes);
    g_count.requests.fetch_add(1, std::memory_order_relaxed);
    void* block = capacity < kSmall ? t_small.take(capacity) : take_large(capacity);
    if (!block) {
      block = from_system(capacity, bytes);
      if (!block) {
        trim();
        block = from_system(capacity, bytes);
      }
      TORCH_CHECK(block, "out of host memory: asked for ", bytes, " bytes (", bytes >> 20, " MiB), ", g_count.live.load(), " bytes (", g_count.live.load() >> 20,
                  " MiB) are in use by tensors");
    }
    ((Header*)block)->capacity = capacity;
    g_count.add_live((int64_t)capacity);
    return (Header*)block + 1;
  }

  static void give(void* data) {
    if (!data) return;
    Header* block = (Header*)data - 1;
    const size_t capacity = block->capacity;
    g_count.live.fetch_sub((int64_t)capacity, std::memory_order_relaxed);
    if (capacity < kSmall ? t_small.put(block, capacity) : instance().put_large(block, capacity)) return;
    return_to_system(block, capacity);
  }

  // Cached blocks back to the system: all large ones, and the calling thread's small ones.
  void trim() {
    std::lock_guard<std::mutex> lock(mutex_);
    for (auto& bin : bins_)
      for (void* block : bin.second) return_to_system(block, bin.first);
    bins_.clear();
    g_count.cached.fetch_sub(large_cached_, std::memory_order_relaxed);
    large_cached_ = 0;
    if (!t_small.closed) t_small.clear();
  }

  // DataPtr's pointer and context must be the same for raw_allocate.
#if TORCH_VERSION_MAJOR >= 2
  c10::DataPtr allocate(size_t bytes) override { return make(bytes); }
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
#else
  c10::DataPtr allocate(size_t bytes) const override { return make(bytes); }
#endif
  c10::DeleterFnPtr raw_deleter() const override { return &give; }

 private:
  static c10::DataPtr make(size_t bytes) {
    void* data = bytes ? instance().take(bytes) : nullptr;
    return {data, data, &give, c10::Device(c10::DeviceType::CPU)};
  }

  static void* from_system(size_t capacity, size_t bytes) {
    if (capacity < kMapped) {
      void* block = nullptr;
      return posix_memalign(&block, kAlignment, capacity) == 0 ? block : nullptr;
    }
    void* block = mmap(nullptr, capacity, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block == MAP_FAILED) return nullptr;
    // Huge pages where they are filled: the header would otherwise cost a weight of a power of two one more of them.
    const size_t filled = (bytes + sizeof(Header)) / kHugePage * kHugePage;
    madvise(block, filled, MADV_HUGEPAGE);
    if (filled < capacity) madvise((char*)block + filled, capacity - filled, MADV_NOHUGEPAGE);
    g_count.mapped.fetch_add(1, std::memory_order_relaxed);
    return block;
  }

  void* take_large(size_t capacity) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto bin = bins_.find(capacity);
    if (bin == bins_.end() || bin->second.empty()) return nullptr;
    void* block = bin->second.back();
    bin->second.pop_back();
    large_cached_ -= (int64_t)capacity;
    g_count.cached.fetch_sub((int64_t)capacity, std::memory_order_relaxed);
    return block;
  }

  bool put_large(void* block, size_t capacity) {
    std::lock_guard<std::mutex> lock(mutex_);
    if (large_cached_ + (int64_t)capacity > g_limit.load(std::memory_order_relaxed)) return false;
    bins_[capacity].push_back(block);
    large_cached_ += (int64_t)capacity;
    g_count.cached.fetch_add((int64_t)capacity, std::memory_order_relaxed);
    return true;
  }

  std::mutex mutex_;
  std::unordered_map<size_t, std::vector<void*>> bins_;
  int64_t large_cached_ = 0;
};

}  // namespace

extern "C" {

int32_t kn_cpu_cache_enable(int64_t limit_bytes) KN_TRY {
  TORCH_CHECK(limit_bytes >= 0, "kn_cpu_cache_enable: the limit must not be negative, got ", limit_bytes);
  g_limit = limit_bytes;
  c10::SetCPUAllocator(&CachingAllocator::instance(), 100);
  return 0;
} KN_CATCH(-1)

int32_t kn_cpu_cache_limit(int64_t limit_bytes, int64_t* previous) KN_TRY {
  if (previous) *previous = g_limit;
  if (limit_bytes >= 0) g_limit = limit_bytes;
  return 0;
} KN_CATCH(-1)

void kn_cpu_cache_trim(void) {
  try {
    CachingAllocator::instance().trim();
  } catch (...) {
  }
}

void kn_cpu_cache_stats(int64_t* live_cached_peak) {
  if (!live_cached_peak) return;
  live_cached_peak[0] = g_count.live;
  live_cached_peak[1] = g_count.cached;
  live_cached_peak[2] = g_count.peak;
}

void kn_cpu_peak_reset(void) { g_count.peak = g_count.live.load(); }

}

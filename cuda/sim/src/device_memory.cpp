#include "device_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>

#include "block.h"
#include "checker.h"
#include "report.h"

#if defined(SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#endif

namespace simt {

namespace {

constexpr size_t kPage = 4096;
constexpr unsigned char kCanary = 0xcb;

struct Allocation {
  size_t bytes;
  size_t span;  // in whole pages, with a guard page behind
};

// Pinned memory of the host.
struct Pinned {
  size_t bytes;
  bool mapped;
};

// The memory of the simulated device. Freed spans are reused; a guard page follows each allocation.
struct Arena {
  std::mutex mutex;
  char* base = nullptr;
  int key = -1;  // memory protection key, where the CPU has them
  size_t top = 0;
  size_t used = 0;
  std::map<char*, Allocation> live;
  std::multimap<size_t, char*> free;
  std::map<char*, Pinned> pinned;

  Arena() {
    void* memory = mmap(nullptr, kArenaBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return;
    base = static_cast<char*>(memory);
    if (config().protect) key = pkey_alloc(0, PKEY_DISABLE_ACCESS);
  }
};

Arena& arena() {
  static Arena* arena = new Arena;  // outlives tensors in static storage
  return *arena;
}

thread_local constinit int open_depth = 0;
std::atomic<int> open_threads{0};  // without protection keys: how many threads have it open

void change_access(int protection) {
  if (arena().top > 0) mprotect(arena().base, arena().top, protection);
}

// Names the culprit of a fault on stderr before the default action ends the process: a host that touched device memory.
void on_fault(int signal_number, siginfo_t* info, void*) {
  char text[512];
  const Block* block = Block::current();
  const char* what = block                             ? "device code faulted"
                     : in_device_memory(info->si_addr) ? "host code touched device memory; copy it with .to(\"cpu\")"
                                                       : "host code faulted";
  const int length = std::snprintf(text, sizeof text, "simt: signal %d: %s at address %p (%s)\n", signal_number, what,
                                   info->si_addr, block ? block->describe_running().c_str() : "host");
  if (write(STDERR_FILENO, text, static_cast<size_t>(length)) < 0) _exit(1);
  signal(signal_number, SIG_DFL);
}

void install_fault_handler() {
#if !defined(SIMT_ASAN)
  static const bool installed = [] {
    struct sigaction previous {};
    sigaction(SIGSEGV, nullptr, &previous);
    if (previous.sa_handler != SIG_DFL) return false;  // the host program has its own
    static char stack[64 * 1024];
    const stack_t alternative{stack, 0, sizeof stack};
    sigaltstack(&alternative, nullptr);
    struct sigaction action {};
    action.sa_sigaction = on_fault;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    return true;
  }();
  (void)installed;
#endif
}

// Fresh memory holds NaNs, and a pattern behind its end that free_device looks at.
void poison(char* memory, const Allocation& allocation) {
  const OpenDeviceMemory open;
  const size_t rest = allocation.span - kPage - allocation.bytes;
#if defined(SIMT_ASAN)
  __asan_unpoison_memory_region(memory, allocation.span - kPage);
#endif
  std::memset(memory, 0xff, allocation.bytes);
  std::memset(memory + allocation.bytes, kCanary, rest);
#if defined(SIMT_ASAN)
  __asan_poison_memory_region(memory + allocation.bytes, rest);
#endif
}

void check_canary([[maybe_unused]] const char* memory, [[maybe_unused]] const Allocation& allocation) {
#if !defined(SIMT_ASAN)
  const OpenDeviceMemory open;
  for (const char* p = memory + allocation.bytes; p < memory + allocation.span - kPage; ++p)
    if (static_cast<unsigned char>(*p) != kCanary)
      return report("a kernel wrote past the end of a device allocation of " + std::to_string(allocation.bytes) +
                    " bytes");
#endif
}

}  // namespace

OpenDeviceMemory::OpenDeviceMemory() {
  if (open_depth++ > 0 || !config().protect) return;
  if (arena().key >= 0)
    pkey_set(arena().key, 0);
  else if (open_threads++ == 0)
    change_access(PROT_READ | PROT_WRITE);
}

OpenDeviceMemory::~OpenDeviceMemory() {
  if (--open_depth > 0 || !config().protect) return;
  if (arena().key >= 0)
    pkey_set(arena().key, PKEY_DISABLE_ACCESS);
  else if (--open_threads == 0)
    change_access(PROT_NONE);
}

const char* device_memory_base() { return arena().base; }

bool in_device_memory(const void* address) {
  const auto* p = static_cast<const char*>(address);
  return arena().base && p >= arena().base && p < arena().base + kArenaBytes;
}

int allocate_device(void** memory, size_t bytes) {
  *memory = nullptr;
  if (bytes == 0) return cudaSuccess;
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  install_fault_handler();
  size_t span = (bytes + kPage - 1) / kPage * kPage + kPage;
  char* p;
  if (const auto found = a.free.lower_bound(span); found != a.free.end() && found->first <= 2 * span) {
    span = found->first;
    p = found->second;
    a.free.erase(found);
  } else {
    if (!a.base || span > kArenaBytes - a.top) return cudaErrorMemoryAllocation;
    p = a.base + a.top;
    a.top += span;
  }
  if (a.key >= 0)
    pkey_mprotect(p, span - kPage, PROT_READ | PROT_WRITE, a.key);
  else
    mprotect(p, span - kPage, PROT_READ | PROT_WRITE);
  a.live[p] = {bytes, span};
  a.used += bytes;
  poison(p, {bytes, span});
  if (config().protect && a.key < 0 && open_threads == 0) mprotect(p, span - kPage, PROT_NONE);
  checker_allocate(p, bytes);
  *memory = p;
  return cudaSuccess;
}

int free_device(void* memory) {
  if (!memory) return cudaSuccess;
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  const auto found = a.live.find(static_cast<char*>(memory));
  if (found == a.live.end()) {
    report("cudaFree of a pointer that is no live device allocation");
    return cudaErrorInvalidValue;
  }
  const auto [p, allocation] = *found;
  check_canary(p, allocation);
  checker_free(p, allocation.bytes);
  mprotect(p, allocation.span - kPage, PROT_NONE);
  madvise(p, allocation.span - kPage, MADV_DONTNEED);
  a.used -= allocation.bytes;
  a.free.emplace(allocation.span, p);
  a.live.erase(found);
  return cudaSuccess;
}

bool device_range_ok(const void* address, size_t bytes) {
  Arena& a = arena();
  const std::lock_guard lock(a.mutex);
  auto* p = static_cast<char*>(const_cast<void*>(address));
  auto after = a.live.upper_bound(p);
  if (after == a.live.begin()) return false;
  --after;
  return p + bytes <= after->first + after->second.bytes;
}

size_t device_bytes_in_use() {
  const std::lock_guard lock(arena().mutex);
  return arena().used;
}

int allocate_pinned(void** memory, size_t bytes, bool mapped) {
  *memory = std::aligned_alloc(256, (bytes + 255) / 256 * 256);
  if (!*memory && bytes > 0) return cudaErrorMemoryAllocation;
  const std::lock_guard lock(arena().mutex);
  arena().pinned[static_cast<char*>(*memory)] = {bytes, mapped};
  return cudaSuccess;
}

void free_pinned(void* memory) {
  {
    const std::lock_guard lock(arena().mutex);
    arena().pinned.erase(static_cast<char*>(memory));
  }
  std::free(memory);
}

namespace {

// What pinned memory the address lies in; nothing where it does not.
std::optional<Pinned> pinned_at(const void* address) {
  const std::lock_guard lock(arena().mutex);
  auto* p = static_cast<char*>(const_cast<void*>(address));
  auto after = arena().pinned.upper_bound(p);
  if (after == arena().pinned.begin()) return std::nullopt;
  --after;
  return p < after->first + after->second.bytes ? std::optional(after->second) : std::nullopt;
}

}  // namespace

bool is_pinned(const void* address) { return pinned_at(address).has_value(); }

bool is_mapped(const void* address) {
  const std::optional<Pinned> pinned = pinned_at(address);
  return pinned && pinned->mapped;
}

}  // namespace simt

// Finds races, reads of uninitialised memory and accesses out of bounds in device code, whatever the schedule was.
//
// Kernels are compiled with -fsanitize=thread, which makes the compiler call __tsan_read4 and its kin for every access
// to memory; the sanitizer's own run-time library is not linked, these functions are ours (the technique of the Linux
// kernel's KCSAN). Two threads that touch the same bytes, one of them writing, race unless a block barrier, a barrier
// of their warp, or for atomics with a fence the order of blocks lies between.
#include "checker.h"

#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <set>
#include <string>
#include <tuple>

#include "block.h"
#include "checker_shadow.h"
#include "report.h"

namespace simt {

namespace {

struct State {
  bool active = false;  // a block is running
  uint32_t launch = 0;
  uint32_t first_serial = 0;                           // of this launch
  bool fenced = false;                                 // the running block has executed __threadfence
  std::map<const void*, std::set<uint32_t>> released;  // by atomics after a fence: which blocks
  std::set<uint32_t> acquired;                         // blocks whose writes this one may see
  std::set<std::tuple<int, uint32_t, uint32_t>> reported;
};

State state;

uint32_t relative(const void* caller) {
  return static_cast<uint32_t>(static_cast<const char*>(caller) - Shadow::program_base());
}

std::string source_line(uint32_t caller) {
  if (!caller) return "?";
  char command[256], text[512] = "?";
  std::snprintf(command, sizeof command, "addr2line -Cpe /proc/%d/exe 0x%x 2>/dev/null", static_cast<int>(getpid()),
                caller - 1);
  if (FILE* pipe = popen(command, "r")) {
    if (std::fgets(text, sizeof text, pipe)) text[std::strcspn(text, "\n(")] = 0;
    pclose(pipe);
  }
  const char* slash = std::strrchr(text, '/');
  return slash ? slash + 1 : text;
}

enum Kind { kRace, kBounds, kUninitialisedRead, kForeignMemory };

// Each pair of places is reported once.
bool is_new(Kind kind, uint32_t caller, uint32_t other = 0) {
  return state.reported.insert({kind, caller, other}).second;
}

void tell(const std::string& message) { report(message + " [" + Block::current()->describe_running() + "]"); }

// Whether `earlier` is known to have happened before what the running thread does now.
bool is_ordered(const Access& earlier, bool shared) {
  const Block& block = *Block::current();
  if (earlier.serial < state.first_serial) return true;  // an earlier launch, or the host
  if (earlier.serial != block.serial()) return shared || state.acquired.count(earlier.serial) > 0;
  if (earlier.in_flight) return false;
  if (earlier.thread == self.linear || earlier.epoch < block.barrier_epoch()) return true;
  return earlier.thread / 32u == self.warp && earlier.clock < block.warp_clocks()[self.linear];
}

void report_race(const char* what, const Access& earlier, uint32_t caller, bool shared) {
  if (!is_new(kRace, earlier.caller, caller)) return;
  const bool same_block = earlier.serial == Block::current()->serial();
  if (same_block && earlier.in_flight)
    what = std::strcmp(what, "read after write") == 0 ? "read of cp.async data that was not waited for"
                                                      : "write under a cp.async in flight";
  tell(std::string("race (") + what + ") on " + (shared ? "shared" : "global") + " memory: no barrier orders thread " +
       std::to_string(earlier.thread) + (same_block ? "" : " of another block") + " at " + source_line(earlier.caller) +
       " and thread " + std::to_string(self.linear) + " at " + source_line(caller));
}

void touch(Cell& cell, const Access& now, bool write, bool shared) {
  if (!shared && cell.writer.serial == kUnallocated) {
    if (is_new(kBounds, now.caller))
      tell(std::string("out-of-bounds ") + (write ? "write" : "read") + " of global memory at " +
           source_line(now.caller));
    return;
  }
  const bool written = shared ? cell.writer.serial == now.serial : cell.writer.serial != kUninitialised;
  if (!write && !written && is_new(kUninitialisedRead, now.caller))
    tell(std::string("read of uninitialised ") + (shared ? "shared" : "global") + " memory at " +
         source_line(now.caller));
  const auto clashes = [&](const Access& earlier) {
    return earlier.serial >= kFirstSerial && (earlier.bytes & now.bytes) && !(now.atomic && earlier.atomic) &&
           !is_ordered(earlier, shared);
  };
  if (written && clashes(cell.writer))
    report_race(write ? "write after write" : "read after write", cell.writer, now.caller, shared);
  if (write) {
    for (const Access& reader : cell.readers)
      if (clashes(reader)) report_race("write after read", reader, now.caller, shared);
    cell.writer = now;
    return;
  }
  Access& first = cell.readers[0];  // one reader that is not ordered before others, and the latest other one
  const bool replace = first.serial < kFirstSerial || first.thread == now.thread || is_ordered(first, shared);
  cell.readers[replace ? 0 : 1] = now;
}

void report_foreign(Space space, bool write, uint32_t caller) {
  if (!is_new(space == Space::OutsideShared ? kBounds : kForeignMemory, caller)) return;
  const std::string place = source_line(caller);
  if (space == Space::OutsideShared)
    tell("out-of-bounds access of dynamic shared memory at " + place);
  else if (space == Space::OtherStack)
    tell("access to the local memory of another thread at " + place);
  else
    tell(std::string("device code ") + (write ? "writes" : "reads") + " host memory at " + place);
}

Access access_now(uint32_t caller, bool atomic) {
  const Block& block = *Block::current();
  return {block.serial(),
          caller,
          block.warp_clocks()[self.linear],
          static_cast<uint16_t>(self.linear),
          block.barrier_epoch(),
          3,
          atomic,
          false};
}

// The linker may give the checker a kernel's instance of an inline function, one that calls the checker.
class Pause {
 public:
  Pause() { state.active = false; }
  ~Pause() { state.active = true; }
  Pause(const Pause&) = delete;
  Pause& operator=(const Pause&) = delete;
};

void on_access(const void* address, size_t bytes, bool write, void* caller, bool atomic = false) {
  if (!state.active) return;
  const Pause pause;
  const Located located = Shadow::get().find(address, bytes, write);
  if (located.space == Space::Private || located.space == Space::ReadOnly) return;
  if (!located.cell) return report_foreign(located.space, write, relative(caller));
  Access now = access_now(relative(caller), atomic);
  const bool shared = located.space == Space::Shared;
  if (bytes == 1) {
    now.bytes = static_cast<uint8_t>(1u << (reinterpret_cast<uintptr_t>(address) & 1));
    return touch(*located.cell, now, write, shared);
  }
  for (size_t i = 0; i < bytes; i += 2) touch(located.cell[i / 2], now, write, shared);
}

}  // namespace

bool checker_linked() { return true; }

void checker_begin_block(const Block& block) {
  Shadow::get();
  state.active = true;
  state.acquired.clear();
  state.fenced = false;
  if (block.grid().id == state.launch) return;
  state.launch = block.grid().id;
  state.first_serial = block.serial();
  state.released.clear();
}

void checker_end_block() { state.active = false; }

void checker_access(const void* address, size_t bytes, bool write, void* caller) {
  on_access(address, bytes, write, caller);
}

void checker_async_copy(const void* address, size_t bytes, bool landed, void* caller) {
  if (!landed) on_access(address, bytes, true, caller);
  if (!state.active) return;
  Cell* cell = Shadow::get().dynamic_shared(address);
  Access now = access_now(relative(caller), false);
  now.in_flight = !landed;
  for (size_t i = 0; i < bytes; i += 2) cell[i / 2].writer = now;
}

void checker_host_write(const void* address, size_t bytes) { Shadow::get().mark_global(address, bytes, kHostWritten); }
void checker_allocate(const void* address, size_t bytes) { Shadow::get().mark_global(address, bytes, kUninitialised); }
void checker_free(const void* address, size_t bytes) { Shadow::get().mark_global(address, bytes, kUnallocated); }

void note_fence() { state.fenced = true; }

// An atomic after a fence releases what its block wrote, to whoever uses the same atomic later.
void note_atomic(const void* address, unsigned bytes, void* caller) {
  on_access(address, bytes, true, caller, true);
  if (!state.active) return;
  std::set<uint32_t>& released = state.released[address];
  state.acquired.insert(released.begin(), released.end());
  if (state.fenced) released.insert(Block::current()->serial());
}

}  // namespace simt

// What the compiler calls for every access of instrumented code.
extern "C" {

#define SIMT_HOOKS(bytes)                                                                                       \
  void __tsan_read##bytes(void* p) { simt::on_access(p, bytes, false, __builtin_return_address(0)); }           \
  void __tsan_write##bytes(void* p) { simt::on_access(p, bytes, true, __builtin_return_address(0)); }           \
  void __tsan_unaligned_read##bytes(void* p) { simt::on_access(p, bytes, false, __builtin_return_address(0)); } \
  void __tsan_unaligned_write##bytes(void* p) { simt::on_access(p, bytes, true, __builtin_return_address(0)); } \
  void __tsan_volatile_read##bytes(void* p) { simt::on_access(p, bytes, false, __builtin_return_address(0)); }  \
  void __tsan_volatile_write##bytes(void* p) { simt::on_access(p, bytes, true, __builtin_return_address(0)); }
SIMT_HOOKS(1)
SIMT_HOOKS(2)
SIMT_HOOKS(4)
SIMT_HOOKS(8)
SIMT_HOOKS(16)
#undef SIMT_HOOKS

void __tsan_read_range(void* p, size_t bytes) { simt::on_access(p, bytes, false, __builtin_return_address(0)); }
void __tsan_write_range(void* p, size_t bytes) { simt::on_access(p, bytes, true, __builtin_return_address(0)); }
void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}
void __tsan_atomic_thread_fence(int) {}

}  // extern "C"

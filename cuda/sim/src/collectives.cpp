// Barriers of a block and meetings of the lanes of a warp.
#include <algorithm>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>

#include "block.h"
#include "report.h"

namespace simt {

void Block::open_barrier() {
  barrier_result_ = predicates_;
  predicates_ = 0;
  at_barrier_ = 0;
  ++barrier_epoch_;
  for (unsigned i = 0; i < threads_; ++i)
    if (fibers_[i].state == Fiber::State::AtBarrier) make_ready(i);
}

int Block::barrier(BarrierOp op, int predicate, Place place) {
  Fiber& me = running();
  if (at_barrier_ > 0 && reported_line_ != place.line) {
    const auto other = std::find_if(fibers_.begin(), fibers_.begin() + threads_,
                                    [](const Fiber& f) { return f.state == Fiber::State::AtBarrier; });
    if (other->place.line != place.line) {
      reported_line_ = place.line;
      report("divergent barrier: threads of one block wait at " + std::string(other->place.file) + ":" +
             std::to_string(other->place.line) + " and at line " + std::to_string(place.line) + "; " +
             describe_running());
    }
  }
  me.place = place;
  me.what = "__syncthreads";
  me.state = Fiber::State::AtBarrier;
  predicates_ += predicate != 0;
  ++at_barrier_;
  const unsigned all = live_;
  if (at_barrier_ == all) {
    open_barrier();
    make_unready(running_);
    if (config().schedule != Config::Schedule::Forward) {
      make_ready(running_);
      suspend();
    }
  } else {
    suspend();
  }
  if (op == BarrierOp::All) return barrier_result_ == all;
  if (op == BarrierOp::Any) return barrier_result_ != 0;
  return static_cast<int>(barrier_result_);
}

void Block::meet(unsigned mask, Combine combine, void* mine, const char* what, bool orders_memory, Place place) {
  const unsigned me = running_, lane = me % 32, warp = me / 32;
  if (!(mask >> lane & 1))
    device_fail("%s: lane %u calls with mask 0x%08x, which does not name it (%s:%u)", what, lane, mask, place.file,
                place.line);
  const unsigned lanes = std::min(32u, threads_ - warp * 32);
  const unsigned existing = lanes == 32 ? ~0u : (1u << lanes) - 1;
  if (mask == ~0u) mask = existing;
  if (mask & ~existing)
    device_fail("%s: mask 0x%08x names lanes that do not exist (%s:%u)", what, mask, place.file, place.line);
  Meeting* meeting = nullptr;
  for (Meeting& open : meetings_[warp])
    if (open.arrived && open.mask == mask) meeting = &open;
  for (Meeting& free : meetings_[warp]) {
    if (meeting || free.arrived) continue;
    meeting = &free;
    meeting->mask = mask;
    meeting->combine = combine;
    meeting->what = what;
    meeting->place = place;
  }
  if (!meeting) device_fail("%s: lanes of one warp wait with more than 4 different masks", what);
  if (meeting->combine != combine)
    device_fail("lanes of one warp meet in different operations: %s (%s:%u) and %s (%s:%u)", meeting->what,
                meeting->place.file, meeting->place.line, what, place.file, place.line);
  meeting->lanes[lane] = mine;
  meeting->arrived |= 1u << lane;
  if (meeting->arrived != mask) {
    running().state = Fiber::State::AtWarp;
    running().what = what;
    running().place = place;
    suspend();
    return;
  }
  combine(meeting->lanes.data(), mask);
  if (orders_memory) {  // the clocks of all lanes that met step past what they did before
    uint32_t latest = 0;
    for (unsigned i = 0; i < 32; ++i)
      if (mask >> i & 1) latest = std::max(latest, warp_clocks_[warp * 32 + i]);
    for (unsigned i = 0; i < 32; ++i)
      if (mask >> i & 1) warp_clocks_[warp * 32 + i] = latest + 1;
  }
  meeting->arrived = 0;
  for (unsigned others = mask & ~(1u << lane); others; others &= others - 1)
    make_ready(warp * 32 + static_cast<unsigned>(std::countr_zero(others)));
  if (config().schedule != Config::Schedule::Forward) {
    make_ready(me);
    suspend();
  }
}

int block_barrier(BarrierOp op, int predicate, Place place) { return Block::current()->barrier(op, predicate, place); }

void warp_collective(unsigned mask, Combine combine, void* mine, const char* what, bool orders_memory, Place place) {
  Block::current()->meet(mask, combine, mine, what, orders_memory, place);
}

unsigned active_mask() { return 1u << self.lane; }  // one of the answers that hardware may give

void yield() { Block::current()->give_way(); }

uint32_t shared_offset(const void* address) {
  const auto offset = static_cast<const unsigned char*>(address) - self.shared;
  if (offset < 0 || offset >= static_cast<ptrdiff_t>(kSharedWindow))
    device_fail("address %p does not lie in dynamic shared memory", address);
  return static_cast<uint32_t>(offset);
}

void device_fail(const char* format, ...) {
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  Block* block = Block::current();
  if (!block) {
    std::fprintf(stderr, "simt: device code outside a kernel: %s\n", text);
    std::abort();
  }
  report(std::string(text) + "; " + block->describe_running());
  block->abort(cudaErrorLaunchFailure);
}

}  // namespace simt

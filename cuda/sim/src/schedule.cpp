// Who runs next. Forward order stays in a warp, which is what caches like; the others look for bugs: reverse order,
// random order, and random warp priorities that change now and then (PCT, Burckhardt et al. 2010).
#include <bit>
#include <utility>

#include "block.h"

namespace simt {

namespace {

int nth_set_bit(uint32_t bits, unsigned n) {
  while (n-- > 0) bits &= bits - 1;
  return std::countr_zero(bits);
}

// The lowest set bit above `position`, or the lowest at all.
int next_set_bit(uint32_t bits, unsigned position) {
  const uint32_t above = position == 31 ? 0 : bits & ~((2u << position) - 1u);
  return std::countr_zero(above ? above : bits);
}

}  // namespace

uint32_t Block::random() {
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  random_state_ ^= random_state_ << 17;
  return static_cast<uint32_t>(random_state_ >> 16);
}

void Block::make_ready(unsigned thread) {
  fibers_[thread].state = Fiber::State::Ready;
  ready_[thread / 32] |= 1u << (thread % 32);
  ready_warps_ |= 1u << (thread / 32);
}

void Block::make_unready(unsigned thread) {
  ready_[thread / 32] &= ~(1u << (thread % 32));
  if (!ready_[thread / 32]) ready_warps_ &= ~(1u << (thread / 32));
}

int Block::pick_forward() {
  unsigned warp = running_ / 32;
  if (ready_[warp]) return static_cast<int>(warp * 32) + next_set_bit(ready_[warp], running_ % 32);
  warp = static_cast<unsigned>(next_set_bit(ready_warps_, warp));
  return static_cast<int>(warp * 32) + std::countr_zero(ready_[warp]);
}

int Block::pick_by_priority() {
  if (random() % 128 == 0)  // some warp falls to the back
    for (unsigned i = random() % warps_; i + 1 < warps_; ++i) std::swap(priority_[i], priority_[i + 1]);
  for (unsigned i = 0; i < warps_; ++i) {
    const unsigned warp = priority_[i];
    if (!(ready_warps_ >> warp & 1)) continue;
    const auto lanes = static_cast<unsigned>(std::popcount(ready_[warp]));
    return static_cast<int>(warp * 32) + nth_set_bit(ready_[warp], random_lanes_ ? random() % lanes : 0);
  }
  return -1;
}

int Block::pick() {
  if (!ready_warps_) return -1;
  switch (config().schedule) {
    case Config::Schedule::Forward:
      return pick_forward();
    case Config::Schedule::Pct:
      return pick_by_priority();
    case Config::Schedule::Reverse: {
      const int warp = 31 - std::countl_zero(ready_warps_);
      return warp * 32 + 31 - std::countl_zero(ready_[static_cast<unsigned>(warp)]);
    }
    case Config::Schedule::Random:
      break;
  }
  const int warp = nth_set_bit(ready_warps_, random() % static_cast<unsigned>(std::popcount(ready_warps_)));
  const uint32_t lanes = ready_[static_cast<unsigned>(warp)];
  return warp * 32 + nth_set_bit(lanes, random() % static_cast<unsigned>(std::popcount(lanes)));
}

bool Block::copy_lands_late() {
  if (config().async == Config::Async::Random) return random() & 1;
  return config().async == Config::Async::Late;
}

}  // namespace simt

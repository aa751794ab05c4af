// cp.async: a copy is seen to have happened only after its group was waited for.
#include <cstring>

#include "block.h"
#include "checker.h"

namespace simt {

namespace {

void transfer(const PendingCopy& copy) {
  std::memcpy(copy.to, copy.from, copy.source_bytes);
  std::memset(copy.to + copy.source_bytes, 0, copy.bytes - copy.source_bytes);
}

void land(const PendingCopy& copy) {
  if (!copy.landed) transfer(copy);
  checker_async_copy(copy.to, copy.bytes, true, copy.caller);
}

}  // namespace

void async_copy(void* shared, const void* global, unsigned bytes, unsigned source_bytes, void* caller) {
  shared_offset(shared);
  if ((reinterpret_cast<uintptr_t>(shared) | (source_bytes ? reinterpret_cast<uintptr_t>(global) : 0)) % bytes)
    device_fail("cp.async of %u bytes: misaligned address", bytes);
  if (source_bytes) checker_access(global, source_bytes, false, caller);
  checker_async_copy(shared, bytes, false, caller);
  PendingCopy copy{static_cast<unsigned char*>(shared),
                   static_cast<const unsigned char*>(global),
                   bytes,
                   source_bytes,
                   !Block::current()->copy_lands_late(),
                   caller};
  if (copy.landed) transfer(copy);
  Block::current()->running().copies.push_back(copy);
}

void async_commit() {
  Fiber& me = Block::current()->running();
  auto open = static_cast<unsigned>(me.copies.size());
  for (unsigned group : me.groups) open -= group;
  me.groups.push_back(open);
}

void async_wait(unsigned pending_groups) {
  Fiber& me = Block::current()->running();
  while (me.groups.size() > pending_groups) {
    const unsigned count = me.groups.front();
    for (unsigned i = 0; i < count; ++i) land(me.copies[i]);
    me.copies.erase(me.copies.begin(), me.copies.begin() + count);
    me.groups.erase(me.groups.begin());
  }
}

}  // namespace simt

// Hooks by which the executor tells the checker what happens. Without the checker (MOTE_SIM_CHECK) they do nothing.
#pragma once

#include <cstddef>

namespace simt {

class Block;

void checker_begin_block(const Block& block);
void checker_end_block();
// An access that the simulator makes for the kernel (cp.async, ldmatrix).
void checker_access(const void* address, size_t bytes, bool write, void* caller);
// cp.async into shared memory: issued, and later waited for.
void checker_async_copy(const void* address, size_t bytes, bool landed, void* caller);
void checker_host_write(const void* address, size_t bytes);
void checker_allocate(const void* address, size_t bytes);
void checker_free(const void* address, size_t bytes);
bool checker_linked();

}  // namespace simt

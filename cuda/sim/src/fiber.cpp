#include "fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <new>

#if defined(SIMT_ASAN)
#include <sanitizer/asan_interface.h>
#endif

// Pushes the callee-saved registers, swaps stacks and pops them: all that a cooperative switch needs.
#if defined(__x86_64__)
asm(R"(
.text
.type simt_switch,@function
.globl simt_switch
simt_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp,(%rdi)
  movq %rsi,%rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  popq %rdx
  jmp *%rdx
.size simt_switch,.-simt_switch
)");
#else
#error "simt_switch is written for x86-64 only"
#endif

namespace simt {

StackPool::StackPool() {
  void* memory =
      mmap(nullptr, kStride * kMaxThreads, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<char*>(memory);
  for (unsigned i = 0; i < kMaxThreads; ++i) mprotect(base_ + i * kStride, kGuard, PROT_NONE);
  reset();
}

StackPool::~StackPool() { munmap(base_, kStride * kMaxThreads); }

void StackPool::reset() {
  free_.clear();
  for (int i = static_cast<int>(kMaxThreads) - 1; i >= 0; --i) free_.push_back(i);
#if defined(SIMT_ASAN)
  for (unsigned i = 0; i < kMaxThreads; ++i) __asan_unpoison_memory_region(low(static_cast<int>(i)), usable());
#endif
}

int StackPool::take() {
  const int stack = free_.back();
  free_.pop_back();
  return stack;
}

void* StackPool::prepare(int stack, void (*entry)()) {
  // Tops at equal offsets modulo 4 KiB would all fall into the same cache sets: they are staggered.
  char* top = low(stack) + usable() - 128 - (static_cast<unsigned>(stack) * 17 % 61) * 64;
  auto** slot = reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15});
  *--slot = nullptr;  // a return address for entry, which never returns; keeps the stack aligned as the ABI asks
  *--slot = reinterpret_cast<void*>(entry);
  for (int i = 0; i < 6; ++i) *--slot = nullptr;
  return slot;
}

}  // namespace simt

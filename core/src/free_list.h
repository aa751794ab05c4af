// Thread-local free lists for small objects of one size.
#pragma once

#include <cstddef>
#include <new>

namespace mote {

// Keeps up to kLimit freed blocks of Size bytes for the next allocation on this thread. An object may be freed on
// another thread than the one that made it: it then joins that thread's list.
template <size_t Size>
class FreeList {
 public:
  static constexpr int kLimit = 4096;

  ~FreeList() {
    closed_ = true;
    while (head_) ::operator delete(std::exchange(head_, head_->next));
  }

  void* take(size_t size) {
    if (size != Size || !head_) return ::operator new(size);
    --count_;
    return std::exchange(head_, head_->next);
  }

  void give(void* memory, size_t size) {
    if (size != Size || closed_ || count_ == kLimit) return ::operator delete(memory);
    ++count_;
    head_ = new (memory) Block{head_};
  }

 private:
  struct Block {
    Block* next;
  };

  Block* head_ = nullptr;
  int count_ = 0;
  bool closed_ = false;  // tensors in static storage may outlive this thread's list
};

template <size_t Size>
FreeList<Size>& free_list() {
  static thread_local FreeList<Size> list;
  return list;
}

}  // namespace mote

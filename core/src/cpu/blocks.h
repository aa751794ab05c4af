// Moves strided elements of any dtype into dense blocks of their compute type and back, so that a kernel needs only its
// dense form.
#pragma once

#include <cstring>

#include "cpu/element_rows.h"

namespace mote::cpu {

inline constexpr int64_t kBlock = 512;  // elements; the blocks of three operands stay in the L1 cache

// to[i] = element at from + i * step (in bytes), widened.
using Load = void (*)(const char* from, int64_t step, void* to, int64_t n);
// The element at to + i * step becomes from[i], narrowed.
using Store = void (*)(const void* from, char* to, int64_t step, int64_t n);

Load find_load(DType dtype);
Store find_store(DType dtype);

// An operand as rows of its compute type: in place where it is dense already, otherwise through a block.
class InputBlock {
 public:
  explicit InputBlock(DType dtype)
      : load_(find_load(dtype)),
        size_(static_cast<int64_t>(size_of(dtype))),
        compute_size_(static_cast<int64_t>(size_of(compute_dtype(dtype)))) {}

  bool is_direct(int64_t step) const { return step == size_ && size_ == compute_size_; }
  // At most kBlock elements, unless the step is direct.
  const void* read(const char* from, int64_t step, int64_t n) {
    if (is_direct(step)) return from;
    if (step == 0 && from == repeated_ && n <= repeated_n_) return block_;
    load_(from, step, block_, n);
    repeated_ = step == 0 ? from : nullptr;
    repeated_n_ = n;
    return block_;
  }

 private:
  Load load_;
  int64_t size_, compute_size_;
  const char* repeated_ = nullptr;  // the one element that fills the block
  int64_t repeated_n_ = 0;
  alignas(64) char block_[kBlock * 8];
};

class OutputBlock {
 public:
  explicit OutputBlock(DType dtype)
      : store_(find_store(dtype)),
        size_(static_cast<int64_t>(size_of(dtype))),
        compute_size_(static_cast<int64_t>(size_of(compute_dtype(dtype)))) {}

  bool is_direct(int64_t step) const { return step == size_ && size_ == compute_size_; }
  // Where to compute; then write() brings it to its place.
  void* place(char* to, int64_t step) { return is_direct(step) ? to : block_; }
  void write(char* to, int64_t step, int64_t n) {
    if (!is_direct(step)) store_(block_, to, step, n);
  }

 private:
  Store store_;
  int64_t size_, compute_size_;
  alignas(64) char block_[kBlock * 8];
};

}  // namespace mote::cpu

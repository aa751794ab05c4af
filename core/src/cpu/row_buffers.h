// Rows of a tensor as a kernel reads and writes them: dense, in the compute type. In place where they are that already,
// otherwise through a buffer of one row.
#pragma once

#include "cpu/blocks.h"
#include "cpu/scratch.h"
#include "cpu/streaming.h"
#include "mote/backend.h"

namespace mote::cpu {

// C is the compute type of `dtype`, and `step` the distance of a row's elements.
template <class C>
class InputRow {
 public:
  InputRow(DType dtype, int64_t step, int64_t width)
      : step_(step * static_cast<int64_t>(size_of(dtype))), width_(width) {
    if (dtype == dtype_of<C> && (step == 1 || width <= 1)) return;
    load_ = find_load(dtype);
    buffer_ = Scratch<C>(width);
  }

  // The row that begins at `at`; good until the next call.
  const C* read(const void* at) const {
    if (!load_) return static_cast<const C*>(at);
    load_(static_cast<const char*>(at), step_, buffer_.get(), width_);
    return buffer_.get();
  }

 private:
  int64_t step_, width_;
  Load load_ = nullptr;
  Scratch<C> buffer_;
};

template <class C>
class OutputRow {
 public:
  OutputRow(DType dtype, int64_t step, int64_t width)
      : step_(step * static_cast<int64_t>(size_of(dtype))), width_(width) {
    if (dtype == dtype_of<C> && (step == 1 || width <= 1)) return;
    store_ = find_store(dtype);
    buffer_ = Scratch<C>(width);
  }

  // Whether rows are written where they lie.
  bool is_direct() const { return !store_; }
  // Whether they are written past the caches, where the operation writes so.
  bool streamed_by(const Writing& writing) const { return is_direct() && writing.streams_rows_of(bytes()); }
  int64_t bytes() const { return width_ * static_cast<int64_t>(sizeof(C)); }
  // Where to write the row that begins at `at`; write() brings it there.
  C* place(void* at) const { return store_ ? buffer_.get() : static_cast<C*>(at); }
  void write(void* at) const {
    if (store_) store_(buffer_.get(), static_cast<char*>(at), step_, width_);
  }

 private:
  int64_t step_, width_;
  Store store_ = nullptr;
  Scratch<C> buffer_;
};

// Element i of a view of one dimension.
template <class T>
T& element(const View& view, int64_t i) {
  return view.as<T>()[i * view.strides[0]];
}

// The start of row `row` of a [rows, width] view.
inline void* row_of(const View& view, int64_t row) {
  return view.as<char>() + row * view.strides[0] * static_cast<int64_t>(size_of(view.dtype));
}

}  // namespace mote::cpu

// Functions that make tensors. Where `options` leaves it out, dtype is float32 (arange: int64 for integers; tensor: by
// its values) and device is cpu. Each notes the line that called it, for error messages.
#pragma once

#include <functional>

#include "mote/tensor.h"

namespace mote {

Tensor empty(const Shape& shape, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor zeros(const Shape& shape, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor ones(const Shape& shape, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
// dtype by the number: bool, int64 or float32.
Tensor full(const Shape& shape, const Scalar& value, const TensorOptions& options = {},
            SourceLocation where = SourceLocation::current());
// start, start + step, … before end. Throws ValueError for a step of 0 or of the wrong sign.
Tensor arange(const Scalar& end, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor arange(const Scalar& start, const Scalar& end, const TensorOptions& options = {},
              SourceLocation where = SourceLocation::current());
Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, const TensorOptions& options = {},
              SourceLocation where = SourceLocation::current());
// `steps` values from start to end, both included.
Tensor linspace(double start, double end, int64_t steps, const TensorOptions& options = {},
                SourceLocation where = SourceLocation::current());
Tensor eye(int64_t n, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor eye(int64_t n, int64_t m, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());

// The shape, dtype and device of x where `options` does not say otherwise.
Tensor empty_like(const Tensor& x, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor zeros_like(const Tensor& x, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor ones_like(const Tensor& x, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor full_like(const Tensor& x, const Scalar& value, const TensorOptions& options = {},
                 SourceLocation where = SourceLocation::current());

// Numbers in nested braces. Used only as the argument of tensor().
class NestedList {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> NestedList(T value) : value_(value) {}
  NestedList(std::initializer_list<NestedList> items) : items_(items), is_list_(true) {}
  template <class T>
  requires std::is_arithmetic_v<T> NestedList(const std::vector<T>& values) : is_list_(true) {
    items_.reserve(values.size());
    for (const T value : values) items_.emplace_back(value);
  }

  bool is_list() const { return is_list_; }
  const Scalar& value() const { return value_; }
  const std::vector<NestedList>& items() const { return items_; }

 private:
  Scalar value_;
  std::vector<NestedList> items_;
  bool is_list_ = false;
};

// From a number or nested lists: tensor(1.5), tensor({{1, 2}, {3, 4}}). Any floating-point value makes it float32,
// else any integer int64, else bool. Throws ShapeError where rows differ in length.
Tensor tensor(const NestedList& values, const TensorOptions& options = {},
              SourceLocation where = SourceLocation::current());

// A tensor over memory that the caller owns and keeps alive, row-major or with the given strides (in elements), on the
// CPU unless options say otherwise. `deleter`, if any, runs when the last view of the memory is gone. ValueError for
// the option pinned_memory: it is about memory to be made.
Tensor from_blob(void* data, const Shape& shape, const TensorOptions& options = {},
                 std::function<void(void*)> deleter = nullptr, SourceLocation where = SourceLocation::current());
Tensor from_blob(void* data, const Shape& shape, const Shape& strides, const TensorOptions& options = {},
                 std::function<void(void*)> deleter = nullptr, SourceLocation where = SourceLocation::current());

}  // namespace mote

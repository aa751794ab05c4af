// The elements of a tensor that index tensors pick, as one list of positions that a backend understands.
#pragma once

#include <vector>

#include "ops/support.h"

namespace mote {

// Where the elements that index tensors pick lie: `memory` is x with the indexed dimensions merged into dimension
// `dim`, in which `positions` [n] count. The result has `shape`; seen as `flat`, its dimension `dim` has size n.
struct Picked {
  View memory;
  int64_t dim = 0;
  Tensor positions;
  Shape common;  // of the index tensors, broadcast
  Shape shape;
  Shape flat;
};

// Index tensors broadcast against each other; the dimensions of the result that stand for them take the place of the
// indexed ones where those follow one another, and come first otherwise.
Picked pick(const char* op, const Tensor& x, const std::vector<Tensor>& tensors);

// A dense row-major tensor of the result's shape, seen as `flat`.
View as_flat(const Tensor& x, const Picked& picked);

// True where a later position equals one: with assignment its value did not stay. Broadcasts to the result's shape.
Tensor replaced_positions(const Picked& picked);

// Index tensors kept for backward, with undefined ones among them.
class SavedTensors {
 public:
  explicit SavedTensors(const std::vector<Tensor>& tensors);
  std::vector<Tensor> operator()() const;

 private:
  std::vector<Saved> saved_;
};

// x at the positions of `tensors`: a differentiable copy.
Tensor pick_elements(const Tensor& x, const std::vector<Tensor>& tensors);

// Its adjoint: zeros of `shape` to which g is added at those positions. Differentiable.
Tensor put_elements_back(const Tensor& g, const Shape& shape, const std::vector<Tensor>& tensors);

}  // namespace mote

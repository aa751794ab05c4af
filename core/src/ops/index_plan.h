// An index expression taken apart: the view that numbers, slices and None give, and the index tensors that remain.
#pragma once

#include <vector>

#include "ops/support.h"

namespace mote {

// What numbers, slices and None ask for: one entry for each dimension of x and each new one. Stored inline, so that a
// gradient rule keeps it without an allocation.
struct BasicIndex {
  enum class Kind : uint8_t { Keep, Select, NewDim };
  struct Entry {
    Kind kind;
    int64_t start = 0;  // Select: the position; Keep: the first one
    int64_t step = 1;
    int64_t count = 0;
  };

  int size = 0;
  bool whole = true;  // every dimension is kept as it is
  Entry entries[2 * kMaxRank];
};

struct IndexPlan {
  BasicIndex basic;
  // For each dimension of the view its int64 positions, or an undefined Tensor where it is taken whole. Empty where no
  // dimension has any.
  std::vector<Tensor> tensors;
};

// Throws IndexError for positions outside their dimension, too many indices, or a mask that does not fit.
IndexPlan plan_index(const char* op, const Tensor& x, const std::vector<TensorIndex>& indices);

// The mask, where that is all of the index and it fits the first dimensions of x; else null.
const Tensor* single_mask(const Tensor& x, const std::vector<TensorIndex>& indices);

// The view of x; x itself where the index takes it whole.
Tensor apply_basic(const Tensor& x, const BasicIndex& basic);

}  // namespace mote

// Matrix products of float32 by the libraries of this process.
#pragma once

#include <string>
#include <vector>

#include "bench_row.h"

namespace bench {

// C [n, m] = A [n, k] B [k, m], `batch` times. A transposed operand is stored the other way round.
struct Product {
  int64_t batch = 1;
  int64_t n = 1, m = 1, k = 1;
  bool transpose_a = false, transpose_b = false;

  double flops() const;
};

// OpenBLAS, oneDNN by sgemm and by its primitive, and Eigen where the bench was built with it. `make` gives the
// operands as they are stored, when the row is prepared. The products of a batch are spread over the threads.
using Operands = std::function<std::pair<Tensor, Tensor>()>;
std::vector<Library> libraries_for(const Product& product, const Operands& make);

}  // namespace bench

// What all matrix products share: the checks of their operands, and the way of their operands to the backend as views.
#pragma once

#include "ops/support.h"

namespace mote {

// One device, one dtype, and no bool.
void check_operands(const char* op, const char* name_a, const Tensor& a, const char* name_b, const Tensor& b);
void check_rank(const char* op, const char* name, const Tensor& x, int64_t rank);
[[noreturn]] void throw_inner_sizes(const char* op, const Tensor& a, const Tensor& b, int64_t left, int64_t right);

// Inserts a dimension of size 1.
void insert_dim(View& view, int64_t position);
// Brings the batch dimensions of a matrix view to those of `batch`, with stride 0 where it is broadcast.
void broadcast_batch(View& view, const Shape& batch);
// The dimensions before the last two.
Shape batch_of(const View& view);

// out = a b (+ out), all three with the same batch dimensions. Batches whose rows follow each other evenly, against one
// matrix for all of them, run as a single product.
void run_product(Backend& backend, const View& out, const View& a, const View& b, bool accumulate);
// out = a b + bias in every row.
void run_product_with_bias(Backend& backend, const View& out, const View& a, const View& b, const View& bias);

// The product of operands whose dtypes and ranks were checked, with its gradient; a vector stands for a row on the left
// and a column on the right.
Tensor product(const char* op, const Tensor& a, const Tensor& b);

}  // namespace mote

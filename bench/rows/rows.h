// All rows, by family.
#pragma once

#include "harness/bench_row.h"
#include "harness/selection.h"

namespace bench {

using Rows = std::vector<Row>;

Rows all_rows(const Selection& selection);

// Each in the file of its name.
void add_pointwise(Rows& rows, const Selection& selection);
void add_reductions(Rows& rows, const Selection& selection);
void add_softmax(Rows& rows, const Selection& selection);
void add_normalization(Rows& rows, const Selection& selection);
void add_loss(Rows& rows, const Selection& selection);
void add_attention(Rows& rows, const Selection& selection);
void add_matmul(Rows& rows, const Selection& selection);
void add_embedding(Rows& rows, const Selection& selection);
void add_optimizer(Rows& rows, const Selection& selection);
void add_memory(Rows& rows, const Selection& selection);
void add_small_ops(Rows& rows, const Selection& selection);
void add_workloads(Rows& rows, const Selection& selection);
void add_gpt_training(Rows& rows, const Selection& selection);
void add_gpt_products(Rows& rows, const Selection& selection);
void add_gpt_inference(Rows& rows, const Selection& selection);
void add_dropout(Rows& rows, const Selection& selection);
void add_table(Rows& rows, const Selection& selection);

}  // namespace bench

#include "rows.h"

namespace bench {

Rows all_rows(const Selection& selection) {
  Rows rows;
  for (const auto add : {add_small_ops, add_pointwise, add_memory, add_reductions, add_softmax, add_normalization,
                         add_loss, add_embedding, add_dropout, add_attention, add_matmul, add_optimizer, add_workloads,
                         add_gpt_training, add_gpt_products, add_gpt_inference, add_table})
    add(rows, selection);
  std::erase_if(rows, [&](const Row& row) { return !row.headline && !selection.sweep; });
  return rows;
}

}  // namespace bench

// mote-gpt info
#include <fmt/format.h>

#include "log.h"
#include "options.h"
#include "run.h"

namespace gpt {

int info(const InfoOptions& options) {
  const Checkpoint run = load_checkpoint(options.out);
  const GPT model = open_model(run, options.out, mote::Device("cpu"));
  const Log log = Log::resume(options.out, run.step);
  fmt::print("{}\n", checkpoint_path(options.out));
  fmt::print("  text       {}, {} different characters\n", run.data.empty() ? "mote's documentation" : run.data,
             run.model.vocabulary);
  fmt::print("  recipe     batch {}, lr {}, dropout {}, seed {}, {}\n", run.recipe.batch, run.recipe.lr,
             run.model.dropout, run.recipe.seed, run.recipe.dtype);
  fmt::print("  progress   step {} of {}\n", run.step, run.recipe.steps);
  if (!log.rows().empty())
    fmt::print("  last loss  train {:.4f}, val {:.4f} at step {}\n", log.rows().back().train_loss,
               log.rows().back().val_loss, log.rows().back().step);
  fmt::print("\n{}\n\n", model.str());
  int64_t buffer_elements = 0;
  for (const nn::Buffer& buffer : model.buffers()) buffer_elements += buffer.numel();
  fmt::print("Parameters (P), which the optimizer trains: {} tensors, {} numbers\n", model.parameters().size(),
             model.num_parameters());
  fmt::print("Buffers (B), which only move with the module: {} tensors, {} numbers\n", model.buffers().size(),
             buffer_elements);
  return 0;
}

}  // namespace gpt

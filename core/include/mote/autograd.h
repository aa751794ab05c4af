// Reverse-mode automatic differentiation on a dynamic graph.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "mote/grad_mode.h"
#include "mote/node.h"
#include "mote/tensor.h"

namespace mote {

struct BackwardOptions {
  bool retain_graph = false;  // keep what forward saved, so that backward can run again
  bool create_graph = false;  // record backward itself, for second derivatives
};

// Adds d(sum of tensors)/d(leaf) to the grad of every leaf. `gradients` weighs the tensors, one for each or empty;
// a tensor of one element needs none. Nodes run in a fixed order: the latest first.
void backward(const std::vector<Tensor>& tensors, const std::vector<Tensor>& gradients = {},
              const BackwardOptions& options = {});

struct GradOptions {
  std::vector<Tensor> grad_outputs = {};
  bool retain_graph = false;
  bool create_graph = false;
  bool allow_unused = false;  // an input that was not used gives an undefined Tensor instead of a StateError
};

// The gradients of `outputs` with respect to `inputs`, without touching any .grad. With create_graph they can be
// differentiated again; backward can do that too, but then a leaf's grad and its graph hold each other until the grad
// is set anew, so that grad() is to be preferred.
std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options = {});

// Removes a hook that register_hook added to x.
void remove_hook(const Tensor& x, uint64_t id);

// Runs `function` without keeping what it saves for backward, and runs it again when backward comes by (Chen et al.
// 2016). The random stream is restored for the second run, so that dropout drops the same elements. Where no input
// requires grad the function is recorded as usual. grad() and create_graph through it are a StateError.
Tensor checkpoint(std::function<Tensor(const std::vector<Tensor>&)> function, const std::vector<Tensor>& inputs);

}  // namespace mote

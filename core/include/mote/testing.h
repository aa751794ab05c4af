// Tools for testing numeric code: gradients against finite differences.
#pragma once

#include <functional>
#include <vector>

#include "mote/tensor.h"

namespace mote::testing {

struct GradcheckOptions {
  double eps = 1e-6;
  double atol = 1e-5;
  double rtol = 1e-3;
  bool raise_exception = true;  // throw an Error that names input, element and both values; else return false
};

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// Compares the gradients of `function` by backward with central differences, element by element, at `inputs`; those of
// float64 that require grad are checked. As torch.autograd.gradcheck.
bool gradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});
bool gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& function, const std::vector<Tensor>& inputs,
               const GradcheckOptions& options = {});

// The same for second derivatives, with random gradients of the outputs.
bool gradgradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs,
                   const GradcheckOptions& options = {});
bool gradgradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& function, const std::vector<Tensor>& inputs,
                   const GradcheckOptions& options = {});

}  // namespace mote::testing

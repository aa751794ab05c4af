// Tools for testing numeric code: gradients against finite differences.
#pragma once

#include <functional>
#include <vector>

#include "mote/tensor.h"

namespace mote::testing {

struct GradcheckOptions {
  double eps = 1e-6;  // how far an element is moved to either side
  double atol = 1e-5;
  double rtol = 1e-3;
  bool raise_exception = true;  // throw an Error that names input, element and both values; else return false
};

using TensorFunction = std::function<std::vector<Tensor>(const std::vector<Tensor>&)>;

// Compares every entry of the Jacobian of `function` at `inputs`, computed by backward, with central differences, as
// torch.autograd.gradcheck does: |backward - difference| <= atol + rtol * |difference|. Checked are the inputs that
// require grad, which have to be float64 (DTypeError) and may have any strides, and the outputs of floating-point
// dtype. `function` must give the same values for the same inputs. Inputs are moved in place and put back.
bool gradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});
bool gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& function, const std::vector<Tensor>& inputs,
               const GradcheckOptions& options = {});

// The same for second derivatives: gradcheck of the gradients of `function`, as a function of its inputs and of
// random gradients of its outputs. Draws from a generator of its own.
bool gradgradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs,
                   const GradcheckOptions& options = {});
bool gradgradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& function, const std::vector<Tensor>& inputs,
                   const GradcheckOptions& options = {});

}  // namespace mote::testing

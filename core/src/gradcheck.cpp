#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "mote/random.h"
#include "mote/testing.h"
#include "ops/support.h"

namespace mote::testing {

namespace {

using Values = std::vector<double>;

// The index of element number `flat` in row-major order.
Shape position_of(int64_t flat, const Shape& shape) {
  Shape position = shape;
  for (int dim = shape.rank() - 1; dim >= 0; --dim) {
    position[dim] = flat % shape[dim];
    flat /= shape[dim];
  }
  return position;
}

Values values_of(const Tensor& x) {
  const NoGradGuard no_grad;
  const Tensor host = x.detach().cpu().to(float64).contiguous();
  const double* data = host.data_ptr<double>();
  return Values(data, data + host.numel());
}

// One float64 element of a tensor of any strides on any device; the destructor puts its value back.
class Element {
 public:
  Element(const Tensor& x, const Shape& position) : backend_(backend_of(x)), device_(x.device().index()) {
    int64_t offset = 0;
    for (int dim = 0; dim < position.rank(); ++dim) offset += position[dim] * x.strides()[dim];
    address_ = static_cast<double*>(data_of(x)) + offset;
    backend_.copy_to_host(&value_, address_, sizeof value_, device_);
  }
  ~Element() { move_by(0.0); }
  Element(const Element&) = delete;
  Element& operator=(const Element&) = delete;

  void move_by(double step) {
    const double moved = value_ + step;
    backend_.copy_from_host(address_, &moved, sizeof moved, device_);
  }

 private:
  Backend& backend_;
  int device_;
  double* address_;
  double value_ = 0.0;
};

void check_input(const char* op, size_t number, const Tensor& input) {
  if (input.dtype() != float64)
    throw DTypeError(
        fmt::format("{}: expected input {} to be float64, because it requires grad and differences of "
                    "anything less precise are noise, but got {}; use .to(mote::float64)",
                    op, number, name_of(input.dtype())));
  if (input.device().is_meta()) throw DeviceError(fmt::format("{}: input {} is on meta and has no data", op, number));
  for (int dim = 0; dim < input.dim(); ++dim)
    if (input.strides()[dim] == 0 && input.shape()[dim] > 1)
      throw ValueError(
          fmt::format("{}: input {} of shape {} was made by expand: its elements share memory and cannot "
                      "be moved one by one; use its clone()",
                      op, number, input.shape().str()));
}

// The comparison of two Jacobians of one function at one point.
class Check {
 public:
  Check(const char* op, const TensorFunction& function, const std::vector<Tensor>& inputs,
        const GradcheckOptions& options)
      : op_(op), function_(function), inputs_(inputs), options_(options) {
    for (size_t i = 0; i < inputs.size(); ++i) {
      if (!inputs[i].defined() || !inputs[i].requires_grad()) continue;
      check_input(op, i, inputs[i]);
      checked_.push_back(i);
    }
    if (checked_.empty())
      throw ValueError(fmt::format("{}: none of {} inputs requires grad; call requires_grad_()", op, inputs.size()));
  }

  bool run() {
    const EnableGradGuard enable;
    for (Tensor& output : function_(inputs_))
      if (output.defined() && output.is_floating_point()) outputs_.push_back(std::move(output));
    for (const Tensor& output : outputs_) baseline_.push_back(values_of(output));
    return is_repeatable() && differentiate() && compare();
  }

 private:
  std::vector<Values> evaluate() const {
    const NoGradGuard no_grad;
    std::vector<Values> values;
    for (const Tensor& output : function_(inputs_))
      if (output.defined() && output.is_floating_point()) values.push_back(values_of(output));
    return values;
  }

  bool fail(const std::string& what) const {
    if (options_.raise_exception) throw Error(fmt::format("{}: {}", op_, what));
    return false;
  }

  bool is_repeatable() const {
    const std::vector<Values> again = evaluate();
    if (again.size() != baseline_.size()) return fail("the function gave another number of outputs at its second call");
    for (size_t k = 0; k < baseline_.size(); ++k)
      for (size_t j = 0; j < baseline_[k].size(); ++j) {
        const double first = baseline_[k][j], second = again.at(k).at(j);
        if (first == second || (std::isnan(first) && std::isnan(second))) continue;
        return fail(
            fmt::format("output {} at {} was {} and then {} for the same inputs; a function that draws random "
                        "numbers or changes its inputs cannot be checked",
                        k, position_of(static_cast<int64_t>(j), outputs_[k].shape()).str(), first, second));
      }
    return true;
  }

  // Fills jacobian_[output][checked input], row after row, by backward from one output element at a time.
  bool differentiate() {
    std::vector<Tensor> wanted;
    for (size_t i : checked_) wanted.push_back(inputs_[i]);
    for (const Tensor& output : outputs_) {
      std::vector<Values>& rows = jacobian_.emplace_back(checked_.size());
      for (int64_t j = 0; j < output.numel(); ++j) {
        std::vector<Tensor> gradients(checked_.size());
        if (output.requires_grad()) {
          Tensor direction = zeros(output.shape(), {.dtype = output.dtype(), .device = output.device()});
          direction.view({-1})[j].fill_(1.0);
          gradients = grad({output}, wanted, {.grad_outputs = {direction}, .retain_graph = true, .allow_unused = true});
        }
        for (size_t c = 0; c < checked_.size(); ++c)
          if (!append(rows[c], gradients[c], checked_[c])) return false;
      }
    }
    return true;
  }

  bool append(Values& row, const Tensor& gradient, size_t input) const {
    const Tensor& x = inputs_[input];
    if (!gradient.defined()) {
      row.resize(row.size() + static_cast<size_t>(x.numel()), 0.0);
      return true;
    }
    if (gradient.shape() != x.shape() || gradient.dtype() != x.dtype())
      return fail(fmt::format("the gradient of input {} is {} of shape {}, but the input is {} of shape {}", input,
                              name_of(gradient.dtype()), gradient.shape().str(), name_of(x.dtype()), x.shape().str()));
    const Values values = values_of(gradient);
    row.insert(row.end(), values.begin(), values.end());
    return true;
  }

  bool compare() const {
    for (size_t c = 0; c < checked_.size(); ++c)
      for (int64_t e = 0; e < inputs_[checked_[c]].numel(); ++e)
        if (!compare_column(c, e)) return false;
    return true;
  }

  // All outputs against one element of one input.
  bool compare_column(size_t c, int64_t element) const {
    const Tensor& input = inputs_[checked_[c]];
    Element moved(input, position_of(element, input.shape()));
    moved.move_by(options_.eps);
    const std::vector<Values> above = evaluate();
    moved.move_by(-options_.eps);
    const std::vector<Values> below = evaluate();
    for (size_t k = 0; k < outputs_.size(); ++k)
      for (size_t j = 0; j < baseline_[k].size(); ++j) {
        const double difference = (above.at(k).at(j) - below.at(k).at(j)) / (2.0 * options_.eps);
        const double by_backward =
            jacobian_[k][c][j * static_cast<size_t>(input.numel()) + static_cast<size_t>(element)];
        if (agree(by_backward, difference)) continue;
        const Shape& shape = outputs_[k].shape();
        return fail(fmt::format(
            "the derivative of output {} at {} (shape {}) with respect to input {} at {} (shape {}) is {} by backward, "
            "but {} by central differences (eps {}, atol {}, rtol {})",
            k, position_of(static_cast<int64_t>(j), shape).str(), shape.str(), checked_[c],
            position_of(element, input.shape()).str(), input.shape().str(), by_backward, difference, options_.eps,
            options_.atol, options_.rtol));
      }
    return true;
  }

  bool agree(double by_backward, double difference) const {
    return by_backward == difference ||
           std::abs(by_backward - difference) <= options_.atol + options_.rtol * std::abs(difference);
  }

  const char* op_;
  const TensorFunction& function_;
  const std::vector<Tensor>& inputs_;
  const GradcheckOptions& options_;
  std::vector<size_t> checked_;  // which inputs
  std::vector<Tensor> outputs_;
  std::vector<Values> baseline_;
  std::vector<std::vector<Values>> jacobian_;
};

TensorFunction as_list_function(const std::function<Tensor(const std::vector<Tensor>&)>& function) {
  return [&function](const std::vector<Tensor>& inputs) { return std::vector<Tensor>{function(inputs)}; };
}

// The gradients of `function` as a function of its inputs, followed by the gradients of its outputs.
TensorFunction gradient_function(const TensorFunction& function, size_t inputs) {
  return [&function, inputs](const std::vector<Tensor>& arguments) {
    const EnableGradGuard enable;  // the differences are taken without recording, but this has to record
    const std::vector<Tensor> x(arguments.begin(), arguments.begin() + static_cast<std::ptrdiff_t>(inputs));
    std::vector<Tensor> wanted, outputs, gradients;
    for (const Tensor& input : x)
      if (input.defined() && input.requires_grad()) wanted.push_back(input);
    size_t next = inputs;
    for (const Tensor& output : function(x)) {
      if (!output.defined() || !output.requires_grad()) continue;
      outputs.push_back(output);
      gradients.push_back(arguments.at(next++));
    }
    return grad(outputs, wanted, {.grad_outputs = gradients, .create_graph = true, .allow_unused = true});
  };
}

}  // namespace

bool gradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  return Check("gradcheck", function, inputs, options).run();
}

bool gradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& function, const std::vector<Tensor>& inputs,
               const GradcheckOptions& options) {
  return gradcheck(as_list_function(function), inputs, options);
}

bool gradgradcheck(const TensorFunction& function, const std::vector<Tensor>& inputs, const GradcheckOptions& options) {
  const EnableGradGuard enable;
  Generator generator;
  std::vector<Tensor> arguments = inputs;
  for (const Tensor& output : function(inputs)) {
    if (!output.defined() || !output.requires_grad()) continue;
    const Tensor direction = randn(output.shape(), {.dtype = float64}, &generator);
    arguments.push_back(direction.to(output.device(), output.dtype()).requires_grad_());
  }
  if (arguments.size() == inputs.size()) throw ValueError("gradgradcheck: no output of the function requires grad");
  return Check("gradgradcheck", gradient_function(function, inputs.size()), arguments, options).run();
}

bool gradgradcheck(const std::function<Tensor(const std::vector<Tensor>&)>& function, const std::vector<Tensor>& inputs,
                   const GradcheckOptions& options) {
  return gradgradcheck(as_list_function(function), inputs, options);
}

}  // namespace mote::testing

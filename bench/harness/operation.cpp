#include "operation.h"

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "checksum.h"
#include "verify.h"

namespace bench {

namespace {

constexpr const char* kNames[] = {"x", "y", "z", "w", "v", "u"};

struct Inputs {
  std::vector<Tensor> tensors;
  std::vector<Tensor> leaves;  // those that get a gradient
};

double bytes_of(const Tensor& tensor) {
  return static_cast<double>(tensor.numel()) * static_cast<double>(tensor.element_size());
}

double bytes_of(const std::vector<Tensor>& tensors) {
  double bytes = 0;
  for (const Tensor& tensor : tensors) bytes += bytes_of(tensor);
  return bytes;
}

Inputs make_inputs(const Operation& operation, const Selection& selection, Direction direction) {
  mote::manual_seed(kSeed);
  Inputs inputs;
  for (const Value& value : operation.inputs) {
    Tensor tensor = value.make();
    if (tensor.is_floating_point()) tensor = tensor.to(operation.dtype);
    tensor = tensor.to(selection.device);
    if (value.differentiable && direction == Direction::Both) inputs.leaves.push_back(tensor.requires_grad_());
    inputs.tensors.push_back(tensor);
  }
  return inputs;
}

// Results of one repetition: the output, and in direction Both the gradients.
std::vector<Tensor> results_of(const Function& run, const Inputs& inputs, const Tensor& gradient) {
  if (!gradient.defined()) {
    const mote::NoGradGuard no_grad;
    return {run(inputs.tensors)};
  }
  const Tensor output = run(inputs.tensors);
  std::vector<Tensor> results = mote::grad({output}, inputs.leaves, {.grad_outputs = {gradient}});
  results.insert(results.begin(), output.detach());
  return results;
}

std::vector<Tensor> reference_of(const Operation& operation, const Inputs& inputs, const Tensor& gradient) {
  Inputs exact;
  for (const Tensor& tensor : inputs.tensors) {
    Tensor wide = tensor.detach();
    if (wide.is_floating_point()) wide = wide.to(mote::float64);
    if (tensor.requires_grad()) exact.leaves.push_back(wide.requires_grad_());
    exact.tensors.push_back(wide);
  }
  return results_of(operation.reference ? operation.reference : operation.run, exact,
                    gradient.defined() ? gradient.to(mote::float64) : gradient);
}

// Every input is read and the output written; backward reads the inputs again and the gradient of the output, and
// writes the gradients of the inputs.
Costs costs_of(const Operation& operation, const Inputs& inputs, const std::vector<Tensor>& results) {
  const double input_bytes = bytes_of(inputs.tensors), output_bytes = bytes_of(results[0]);
  if (results.size() == 1)
    return {operation.forward_flops, operation.forward_bytes.value_or(input_bytes + output_bytes)};
  const double gradient_bytes = bytes_of(results) - output_bytes;
  return {operation.both_flops, operation.both_bytes.value_or(2 * input_bytes + 2 * output_bytes + gradient_bytes)};
}

Loop loop_of(const Function& run, const Inputs& inputs, const Tensor& gradient) {
  if (!gradient.defined())
    return [run, inputs](int64_t repetitions) {
      const mote::NoGradGuard no_grad;
      for (int64_t i = 0; i < repetitions; ++i) benchmark::DoNotOptimize(run(inputs.tensors));
    };
  return [run, inputs, options = mote::GradOptions{.grad_outputs = {gradient}}](int64_t repetitions) {
    for (int64_t i = 0; i < repetitions; ++i)
      benchmark::DoNotOptimize(mote::grad({run(inputs.tensors)}, inputs.leaves, options));
  };
}

Prepared prepare(const Operation& operation, const Selection& selection, const Row& row) {
  const Inputs inputs = make_inputs(operation, selection, row.direction);
  Tensor gradient;
  if (row.direction == Direction::Both) {
    const Tensor output = operation.run(inputs.tensors);
    gradient = mote::randn(output.shape()).to(output.dtype()).to(selection.device);
  }
  Prepared prepared;
  {
    const std::vector<Tensor> results = results_of(operation.run, inputs, gradient);
    const Verdict verdict = verify(results, reference_of(operation, inputs, gradient), row.tolerance);
    prepared.wrong = verdict.wrong;
    prepared.error = verdict.error;
    prepared.checksum = checksum_of(results);
    prepared.costs = costs_of(operation, inputs, results);
  }
  prepared.loop = loop_of(operation.run, inputs, gradient);
  return prepared;
}

std::vector<TorchForm> torch_forms(const Operation& operation, Direction direction) {
  std::vector<TorchForm> forms;
  for (TorchForm torch : operation.torch) {
    if (torch.forward_only && direction == Direction::Both) continue;
    for (size_t i = 0; i < operation.inputs.size(); ++i) {
      torch.inputs.emplace_back(kNames[i], operation.inputs[i].torch);
      if (operation.inputs[i].differentiable && direction == Direction::Both) torch.leaves.emplace_back(kNames[i]);
    }
    forms.push_back(std::move(torch));
  }
  return forms;
}

}  // namespace

std::string torch_shape(const Shape& shape) {
  std::string text = "(";
  for (const int64_t size : shape) text += fmt::format("{}, ", size);
  return text + ")";
}

std::string shape_name(const Shape& shape) { return fmt::format("{}", fmt::join(shape.vec(), "x")); }

Value normal(const Shape& shape) {
  return {[shape] { return mote::randn(shape); }, fmt::format("torch.randn({})", torch_shape(shape))};
}

Value uniform(const Shape& shape, double low, double high) {
  return {[=] { return mote::rand(shape) * (high - low) + low; },
          fmt::format("torch.rand({}) * {} + {}", torch_shape(shape), high - low, low)};
}

Value constant(Value value) {
  value.differentiable = false;
  return value;
}

Value integers(int64_t high, const Shape& shape) {
  return {[=] { return mote::randint(high, shape); }, fmt::format("torch.randint({}, {})", high, torch_shape(shape)),
          false};
}

Value coin(double probability, const Shape& shape) {
  return {[=] { return mote::rand(shape) < probability; },
          fmt::format("torch.rand({}) < {}", torch_shape(shape), probability), false};
}

void add(std::vector<Row>& rows, const Operation& operation, const Selection& selection, Direction direction) {
  Row row{.family = operation.family,
          .operation = operation.name,
          .shape = operation.shape,
          .dtype = operation.dtype,
          .direction = direction,
          .headline = operation.headline,
          .tolerance = operation.tolerance,
          .prepare = [operation, selection](const Row& self) { return prepare(operation, selection, self); },
          .torch = torch_forms(operation, direction)};
  if (direction == Direction::Forward) {
    row.libraries = operation.libraries;
    row.libtorch = operation.libtorch;
  }
  rows.push_back(std::move(row));
}

void add(std::vector<Row>& rows, const Operation& operation, const Selection& selection) {
  add(rows, operation, selection, Direction::Forward);
  for (const Value& input : operation.inputs)
    if (input.differentiable) return add(rows, operation, selection, Direction::Both);
}

}  // namespace bench

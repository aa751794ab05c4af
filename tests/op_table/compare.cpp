#include "op_table/compare.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mote::op_table {

namespace {

std::string text_of(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.9g", value);
  return text;
}

}  // namespace

std::vector<double> values_of(const Tensor& x) {
  const Tensor host = x.detach().to("cpu").to(DType::Float64).contiguous();
  const auto* data = host.data_ptr<double>();
  return {data, data + host.numel()};
}

double tolerance_of(const Row& row, DType dtype) {
  switch (dtype) {
    case DType::Float64:
      return row.tolerance * 1e-5;
    case DType::Float32:
      return row.tolerance;
    case DType::Float16:
      return 2e-3;
    case DType::BFloat16:
      return 1.6e-2;
    default:
      return 0;
  }
}

std::string difference(const Tensor& got, const Tensor& want, double tolerance) {
  if (got.dtype() != want.dtype())
    return std::string("got dtype ") + name_of(got.dtype()) + ", expected " + name_of(want.dtype());
  if (!(got.shape() == want.shape())) return "got shape " + got.shape().str() + ", expected " + want.shape().str();
  const std::vector<double> a = values_of(got), b = values_of(want);
  double scale = 0;
  for (double value : b)
    if (std::isfinite(value)) scale = std::max(scale, std::abs(value));
  for (size_t i = 0; i < a.size(); ++i) {
    const bool same = a[i] == b[i] || (std::isnan(a[i]) && std::isnan(b[i]));
    if (same || std::abs(a[i] - b[i]) <= tolerance * scale) continue;
    return "element " + std::to_string(i) + " of " + got.shape().str() + " " + name_of(got.dtype()) + ": got " +
           text_of(a[i]) + ", expected " + text_of(b[i]) + ", off by " + text_of(std::abs(a[i] - b[i]) / scale) +
           " of the largest";
  }
  return "";
}

std::string difference(const std::vector<Tensor>& got, const std::vector<Tensor>& want, const Row& row) {
  if (got.size() != want.size())
    return "got " + std::to_string(got.size()) + " tensors, expected " + std::to_string(want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i].defined() != want[i].defined()) return "tensor " + std::to_string(i) + " is undefined in one of them";
    if (!got[i].defined()) continue;
    const std::string text = difference(got[i], want[i], tolerance_of(row, want[i].dtype()));
    if (!text.empty()) return "tensor " + std::to_string(i) + ": " + text;
  }
  return "";
}

Outcome evaluate(const Row& row, const Run& run, const std::vector<Tensor>& inputs) {
  std::vector<Tensor> leaves = inputs;
  std::vector<Tensor> wanted;
  for (size_t i = 0; i < leaves.size(); ++i) {
    if (row.gradient == Gradient::None || !row.inputs[i].differentiable || !is_floating_point(leaves[i].dtype()))
      continue;
    leaves[i] = leaves[i].detach().requires_grad_();
    wanted.push_back(leaves[i]);
  }
  Outcome outcome{run(leaves), {}};
  std::vector<Tensor> outputs, directions;
  for (const Tensor& output : outcome.outputs) {
    if (!output.requires_grad()) continue;
    outputs.push_back(output);
    const Tensor ramp = arange(output.numel(), {.dtype = DType::Float64}).reshape(output.shape());
    directions.push_back(cos(ramp * 0.9).to(output.dtype()).to(output.device()));
  }
  if (!outputs.empty()) outcome.gradients = grad(outputs, wanted, {.grad_outputs = directions, .allow_unused = true});
  return outcome;
}

}  // namespace mote::op_table

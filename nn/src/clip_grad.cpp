#include "mote/nn/clip_grad.h"

#include <fmt/format.h>

#include <cmath>

#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"

namespace mote::nn {

namespace {

std::vector<Tensor> gradients_of(const std::vector<Parameter>& parameters) {
  std::vector<Tensor> gradients;
  for (const Parameter& parameter : parameters)
    if (const Tensor gradient = parameter.grad(); gradient.defined()) gradients.push_back(gradient);
  return gradients;
}

// The norm of all gradients as if they were one vector: the norm of their norms.
Tensor total_norm(const std::vector<Tensor>& gradients, double p) {
  std::vector<Tensor> norms;
  for (const Tensor& gradient : gradients)
    norms.push_back((std::isinf(p) ? gradient.abs().max() : gradient.norm(p)).to(gradients[0].device()));
  const Tensor all = mote::stack(norms);
  return std::isinf(p) ? all.max() : all.norm(p);
}

}  // namespace

Tensor clip_grad_norm_(const std::vector<Parameter>& parameters, double max_norm, double norm_type,
                       bool error_if_nonfinite) {
  const NoGradGuard no_grad;
  const std::vector<Tensor> gradients = gradients_of(parameters);
  if (gradients.empty()) return mote::zeros({});
  const Tensor norm = total_norm(gradients, norm_type);
  if (error_if_nonfinite && !std::isfinite(norm.item<double>()))
    throw StateError(fmt::format("clip_grad_norm_: the total norm of the gradients is {}", norm.item<double>()));
  // Always multiplied, even by 1: a test would have to wait for the device.
  const Tensor factor = mote::clamp(max_norm / (norm + 1e-6), std::nullopt, 1.0);
  for (const Tensor& gradient : gradients) gradient.mul_(factor.to(gradient.device()));
  return norm;
}

void clip_grad_value_(const std::vector<Parameter>& parameters, double clip_value) {
  const NoGradGuard no_grad;
  for (const Tensor& gradient : gradients_of(parameters)) gradient.clamp_(-clip_value, clip_value);
}

Tensor parameters_to_vector(const std::vector<Parameter>& parameters) {
  std::vector<Tensor> rows;
  for (const Parameter& parameter : parameters) rows.push_back(parameter.reshape({-1}));
  return mote::cat(rows);
}

void vector_to_parameters(const Tensor& vector, const std::vector<Parameter>& parameters) {
  const NoGradGuard no_grad;
  int64_t elements = 0;
  for (const Parameter& parameter : parameters) elements += parameter.numel();
  if (vector.shape() != Shape({elements}))
    throw ShapeError(
        fmt::format("vector_to_parameters: expected a vector of the {} elements of the parameters, but got "
                    "shape {}",
                    elements, vector.shape().str()));
  int64_t offset = 0;
  for (const Parameter& parameter : parameters) {
    parameter.copy_(vector.narrow(0, offset, parameter.numel()).view(parameter.shape()));
    offset += parameter.numel();
  }
}

}  // namespace mote::nn

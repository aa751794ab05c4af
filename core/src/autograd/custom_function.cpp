#include "mote/custom_function.h"

#include <fmt/format.h>

#include <algorithm>

#include "mote/creation.h"
#include "mote/error.h"
#include "ops/support.h"

namespace mote {

namespace {

size_t find(const std::vector<Tensor>& tensors, const Tensor& wanted) {
  size_t i = 0;
  while (i < tensors.size() && !is_same(tensors[i], wanted)) ++i;
  return i;
}

bool contains(const std::vector<Tensor>& tensors, const Tensor& wanted) {
  return find(tensors, wanted) < tensors.size();
}

}  // namespace

AutogradContext::AutogradContext(const std::vector<Tensor>& inputs) {
  for (const Tensor& input : inputs) needs_.push_back(needs_grad(input));
}

std::vector<Tensor> AutogradContext::saved_tensors() const {
  std::vector<Tensor> tensors;
  for (const auto& read : saved_) tensors.push_back(read());
  return tensors;
}

namespace detail {

CustomNode::Geometry CustomNode::geometry_of(const Tensor& x) {
  if (!x.defined()) return {};
  return {x.shape(), x.dtype(), x.device()};
}

void CustomNode::attach(Ref<CustomNode> node, const std::vector<Tensor>& inputs, std::vector<Tensor>& outputs) {
  const std::vector<Tensor> raw = outputs;
  std::vector<Tensor*> recorded;
  for (Tensor& output : outputs) {
    const bool differentiable =
        output.defined() && output.is_floating_point() && !contains(node->context_.constants_, output);
    if (differentiable) output = output.detach();  // it may be an input, or a handle that forward keeps
    recorded.push_back(differentiable ? &output : nullptr);
    node->outputs_.push_back(geometry_of(output));
  }
  for (const Tensor& input : inputs) node->inputs_.push_back(geometry_of(input));
  node->freeze(inputs, raw, outputs);
  std::vector<Edge> edges;
  for (const Tensor& input : inputs) edges.push_back(gradient_edge(input));
  mote::attach(node, std::move(edges), recorded);
}

// An output is kept as one, so that it does not keep this node alive and is differentiated as one.
void CustomNode::freeze(const std::vector<Tensor>& inputs, const std::vector<Tensor>& raw,
                        const std::vector<Tensor>& outputs) {
  for (const Tensor& tensor : context_.to_save_) {
    const size_t number = contains(inputs, tensor) ? raw.size() : find(raw, tensor);
    if (!tensor.defined())
      context_.saved_.emplace_back([] { return Tensor(); });
    else if (number < raw.size() && !is_same(raw[number], outputs[number]))
      context_.saved_.emplace_back(SavedOutput(outputs[number], static_cast<uint32_t>(number)));
    else
      context_.saved_.emplace_back(Saved(tensor));
  }
  context_.to_save_.clear();
  context_.constants_.clear();
}

std::vector<Tensor> CustomNode::backward(std::vector<Tensor>& gradients) {
  if (released_) throw_graph_released(name());
  for (size_t i = 0; i < edges().size(); ++i) context_.needs_[i] = static_cast<bool>(edges()[i].node);
  for (size_t i = 0; i < gradients.size(); ++i)
    if (!gradients[i].defined())
      gradients[i] = zeros(outputs_[i].shape, {.dtype = outputs_[i].dtype, .device = outputs_[i].device});
  std::vector<Tensor> results = call(context_, gradients);
  check(results);
  return results;
}

void CustomNode::check(std::vector<Tensor>& results) const {
  if (results.size() != inputs_.size())
    throw StateError(fmt::format("{}: expected backward to give a gradient for each of {} tensor arguments, but got {}",
                                 name(), inputs_.size(), results.size()));
  for (size_t i = 0; i < results.size(); ++i) {
    if (!results[i].defined() || !edges()[i].node) continue;
    const Geometry& input = inputs_[i];
    if (results[i].shape() != input.shape)
      throw ShapeError(
          fmt::format("{}: expected backward to give a gradient of shape {} for tensor argument {}, but "
                      "got {}",
                      name(), input.shape.str(), i, results[i].shape().str()));
    if (results[i].device() != input.device)
      throw DeviceError(
          fmt::format("{}: expected backward to give a gradient on {} for tensor argument {}, but got one "
                      "on {}",
                      name(), input.device.str(), i, results[i].device().str()));
    results[i] = results[i].to(input.dtype);
  }
}

void CustomNode::release_saved() {
  context_.saved_.clear();
  context_.saved_data.clear();
  released_ = true;
}

}  // namespace detail

}  // namespace mote

// Backward. A node's sequence number is greater than those of all nodes behind it, so that taking nodes in descending
// order visits each one after everything that feeds it: a heap replaces dependency counts, and the order is fixed.
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "mote/autocast.h"
#include "mote/autograd.h"
#include "mote/creation.h"
#include "mote/error.h"
#include "ops/support.h"

namespace mote {

namespace {

thread_local constinit Node* running = nullptr;
thread_local constinit bool inside_grad = false;  // in grad(), where no .grad may change

// Sets a thread-local value until the end of the scope.
template <class T>
class Scoped {
 public:
  Scoped(T& slot, T value) : slot_(slot), previous_(std::exchange(slot, value)) {}
  ~Scoped() { slot_ = previous_; }
  Scoped(const Scoped&) = delete;
  Scoped& operator=(const Scoped&) = delete;

 private:
  T& slot_;
  T previous_;
};

void accumulate(Tensor& sum, Tensor gradient) {
  if (!sum.defined()) {
    sum = std::move(gradient);
  } else if (!is_grad_enabled() && is_sole_owner(sum) && sum.shape() == gradient.shape() &&
             sum.dtype() == gradient.dtype()) {
    sum.add_(gradient);
  } else {
    sum = sum + gradient;
  }
}

// One walk over the graph.
class Pass {
 public:
  struct Capture {
    Edge edge;
    Tensor gradient;
  };

  Pass(std::vector<Capture>* captures, bool keep_graph) : captures_(captures), keep_graph_(keep_graph) {
    static std::atomic<uint64_t> counter{1};
    id_ = counter.fetch_add(1, std::memory_order_relaxed);
  }
  ~Pass() {  // after an error nodes may still hold gradients; and an outer pass gets its own back
    for (const Ref<Node>& node : ready_) node->pass = {};
    for (const Ref<Node>& node : entered_) node->pass = {};
    for (auto& [node, state] : outer_) node->pass = std::move(state);
  }
  Pass(const Pass&) = delete;
  Pass& operator=(const Pass&) = delete;

  void run(const std::vector<Edge>& roots, std::vector<Tensor> gradients) {
    if (captures_) mark_needed(roots);
    for (size_t i = 0; i < roots.size(); ++i) deliver(roots[i], std::move(gradients[i]));
    while (!ready_.empty()) {
      std::pop_heap(ready_.begin(), ready_.end(), earlier);
      const Ref<Node> node = std::move(ready_.back());
      ready_.pop_back();
      visit(node);
    }
  }

 private:
  static bool earlier(const Ref<Node>& a, const Ref<Node>& b) { return a->sequence() < b->sequence(); }

  // Makes the node's scratch space this pass's; an outer pass that was using it gets it back at the end.
  bool enter(const Ref<Node>& node) {
    if (node->pass.id == id_) return false;
    if (node->pass.id != 0) outer_.emplace_back(node, std::move(node->pass));
    node->pass = {};
    node->pass.id = id_;
    return true;
  }

  void deliver(const Edge& edge, Tensor gradient) {
    if (!edge.node || !gradient.defined()) return;
    Node& node = *edge.node;
    if (enter(edge.node) && captures_) return;  // marked earlier if it were needed
    if (captures_ && !node.pass.needed) return;
    if (node.pass.gradients.empty()) {
      node.pass.gradients.resize(node.outputs());
      ready_.push_back(edge.node);
      std::push_heap(ready_.begin(), ready_.end(), earlier);
    }
    accumulate(node.pass.gradients[edge.output_nr], std::move(gradient));
  }

  void visit(const Ref<Node>& node) {
    std::vector<Tensor> gradients = std::exchange(node->pass.gradients, {});
    if (!captures_) node->pass = {};
    node->run_hooks(gradients);
    if (captures_ && !capture(*node, gradients)) return;
    const Scoped<Node*> scope(running, node.get());
    std::vector<Tensor> results = node->backward(gradients);
    gradients.clear();
    if (results.size() != node->edges().size())
      throw StateError(fmt::format("{}: backward gave {} gradients for {} inputs", node->name(), results.size(),
                                   node->edges().size()));
    if (detail::anomaly_enabled) check_for_nan(*node, results);
    if (!keep_graph_) node->release_all();
    for (size_t i = 0; i < results.size(); ++i) deliver(node->edges()[i], std::move(results[i]));
  }

  // Takes what was asked for; true where the walk goes on behind this node.
  bool capture(const Node& node, const std::vector<Tensor>& gradients) {
    for (Capture& wanted : *captures_)
      if (wanted.edge.node.get() == &node) wanted.gradient = gradients[wanted.edge.output_nr];
    return std::any_of(node.edges().begin(), node.edges().end(), [&](const Edge& edge) {
      return edge.node && edge.node->pass.id == id_ && edge.node->pass.needed;
    });
  }

  // Marks the nodes from which an asked-for input can be reached: discovers all, then goes from the earliest up.
  void mark_needed(const std::vector<Edge>& roots) {
    std::vector<Ref<Node>> found;
    for (const Edge& root : roots)
      if (root.node && enter(root.node)) found.push_back(root.node);
    for (size_t i = 0; i < found.size(); ++i) {
      const Ref<Node> node = found[i];  // a copy: the vector grows
      for (const Edge& edge : node->edges())
        if (edge.node && enter(edge.node)) found.push_back(edge.node);
    }
    for (const Capture& wanted : *captures_)
      if (wanted.edge.node->pass.id == id_) wanted.edge.node->pass.needed = true;
    std::sort(found.begin(), found.end(), earlier);
    for (const Ref<Node>& node : found)
      for (const Edge& edge : node->edges())
        if (edge.node && edge.node->pass.needed) node->pass.needed = true;
    entered_ = std::move(found);
  }

  static void check_for_nan(const Node& node, const std::vector<Tensor>& results) {
    const NoGradGuard no_grad;
    for (size_t i = 0; i < results.size(); ++i)
      if (results[i].defined() && results[i].is_floating_point() && isnan(results[i]).any().item<bool>())
        throw StateError(
            fmt::format("backward of '{}' gave NaN in the gradient of its input {} of shape {} (forward "
                        "operation number {})",
                        node.name(), i, results[i].shape().str(), node.sequence()));
  }

  std::vector<Capture>* captures_;
  bool keep_graph_;
  uint64_t id_;
  std::vector<Ref<Node>> ready_;    // a heap, the latest node on top
  std::vector<Ref<Node>> entered_;  // keeps marked nodes alive while they are marked
  std::vector<std::pair<Ref<Node>, Node::Pass>> outer_;
};

// The gradients at which backward starts: given ones are checked, missing ones are 1 for a single element.
std::vector<Tensor> root_gradients(const char* op, const std::vector<Tensor>& outputs,
                                   const std::vector<Tensor>& given) {
  if (!given.empty() && given.size() != outputs.size())
    throw ShapeError(
        fmt::format("{}: expected one gradient for each of {} outputs, but got {}", op, outputs.size(), given.size()));
  std::vector<Tensor> result;
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor& output = outputs[i];
    if (!output.requires_grad())
      throw StateError(
          fmt::format("{}: output {} of shape {} does not require grad and has no history; call "
                      "requires_grad_() on a leaf before computing it",
                      op, i, output.shape().str()));
    const Tensor gradient = given.empty() ? Tensor() : given[i];
    if (!gradient.defined()) {
      if (output.numel() != 1)
        throw ShapeError(
            fmt::format("{}: a gradient can be left out only for an output of one element, but output {} has "
                        "shape {}; reduce it with sum() or mean(), or pass a gradient",
                        op, i, output.shape().str()));
      result.push_back(ones(output.shape(), {.dtype = output.dtype(), .device = output.device()}));
      continue;
    }
    if (gradient.shape() != output.shape())
      throw ShapeError(fmt::format("{}: expected a gradient of shape {} for output {}, but got {}", op,
                                   output.shape().str(), i, gradient.shape().str()));
    if (gradient.device() != output.device()) throw_device_mismatch(op, {{"output", &output}, {"gradient", &gradient}});
    result.push_back(gradient.to(output.dtype()));
  }
  return result;
}

std::vector<Edge> edges_of(const std::vector<Tensor>& tensors) {
  std::vector<Edge> edges;
  for (const Tensor& tensor : tensors) edges.push_back(gradient_edge(tensor));
  return edges;
}

}  // namespace

Node* current_node() { return running; }

bool detail::is_inside_grad() { return inside_grad; }

std::vector<Tensor> LeafNode::backward(std::vector<Tensor>& gradients) {
  accumulate(std::move(gradients[0]));
  return {};
}

void LeafNode::accumulate(Tensor gradient) {
  if (grad.defined() && !is_grad_enabled())
    grad.add_(gradient);
  else if (grad.defined())
    grad = grad + gradient;
  else
    grad = is_sole_owner(gradient) ? std::move(gradient) : gradient.clone();
}

void backward(const std::vector<Tensor>& tensors, const std::vector<Tensor>& gradients,
              const BackwardOptions& options) {
  std::vector<Tensor> starts = root_gradients("backward", tensors, gradients);
  const std::vector<Edge> roots = edges_of(tensors);
  const GradModeGuard mode(options.create_graph);
  const detail::AutocastStateGuard own_dtypes({});
  const Scoped<bool> scope(inside_grad, false);
  Pass(nullptr, options.retain_graph || options.create_graph).run(roots, std::move(starts));
}

std::vector<Tensor> grad(const std::vector<Tensor>& outputs, const std::vector<Tensor>& inputs,
                         const GradOptions& options) {
  std::vector<Tensor> starts = root_gradients("grad", outputs, options.grad_outputs);
  std::vector<Pass::Capture> captures;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].requires_grad())
      throw StateError(fmt::format("grad: input {} of shape {} does not require grad", i, inputs[i].shape().str()));
    captures.push_back({gradient_edge(inputs[i]), {}});
  }
  {
    const GradModeGuard mode(options.create_graph);
    const detail::AutocastStateGuard own_dtypes({});
    const Scoped<bool> scope(inside_grad, true);
    Pass(&captures, options.retain_graph || options.create_graph).run(edges_of(outputs), std::move(starts));
  }
  std::vector<Tensor> result;
  for (size_t i = 0; i < captures.size(); ++i) {
    if (!captures[i].gradient.defined() && !options.allow_unused)
      throw StateError(
          fmt::format("grad: input {} of shape {} was not used to compute the outputs; pass "
                      "{{.allow_unused = true}} to get an undefined Tensor for it",
                      i, inputs[i].shape().str()));
    result.push_back(std::move(captures[i].gradient));
  }
  return result;
}

}  // namespace mote

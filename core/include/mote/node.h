// The graph that backward walks, and `record`, by which an operation hangs its gradient rule under its forward code:
//
//   Tensor exp(const Tensor& x) {
//     Tensor y = ...;
//     if (needs_grad(x)) record("exp", y, {&x}, [y = SavedOutput(y)](const Tensor& g) { return g * y(); });
//     return y;
//   }
//
// A rule is written with public operations, so that backward can itself be differentiated. It takes one of the forms
//   Tensor(const Tensor& g)                                        one output, one input
//   std::array<Tensor, N>(const Tensor& g, Needs needs)            one output, N inputs
//   std::vector<Tensor>(const std::vector<Tensor>& g, Needs needs) any number; an output that got no gradient is
//                                                                  an undefined Tensor
// and returns a gradient of the input's own shape and dtype, or an undefined Tensor for none.
#pragma once

#include <array>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include "mote/grad_mode.h"
#include "mote/recipe.h"
#include "mote/tensor.h"

namespace mote {

// An input of a node: the node that made it, and which of that node's outputs it is. Null where no gradient goes.
struct Edge {
  Ref<Node> node;
  uint32_t output_nr = 0;
};

// Which inputs a rule has to give a gradient for.
class Needs {
 public:
  explicit Needs(const std::vector<Edge>& edges) : edges_(edges) {}
  bool operator[](size_t input) const { return static_cast<bool>(edges_[input].node); }
  size_t size() const { return edges_.size(); }

 private:
  const std::vector<Edge>& edges_;
};

using Hook = std::function<Tensor(const Tensor&)>;

// One recorded operation.
class Node : public RefCounted {
 public:
  explicit Node(const char* name);
  virtual ~Node();

  // From lists of this thread, like TensorImpl; `size` is that of the derived class.
  static void* operator new(size_t size);
  static void operator delete(void* memory, size_t size) noexcept;

  const char* name() const { return name_; }
  uint64_t sequence() const { return sequence_; }
  const std::vector<Edge>& edges() const { return edges_; }
  uint32_t outputs() const { return outputs_; }

  // Turns the gradients of the outputs into gradients of the inputs, one for each edge.
  virtual std::vector<Tensor> backward(std::vector<Tensor>& gradients) = 0;
  // Drops what forward saved, so that the memory is free as soon as backward has passed.
  virtual void release_saved() {}
  // The same, and the recipe.
  void release_all() {
    recipe_.reset();
    release_saved();
  }

  // How to compute output 0 again, or null. See offer_recipe.
  const Ref<Recipe>& recipe() const { return recipe_; }
  void set_recipe(Ref<Recipe> recipe) { recipe_ = std::move(recipe); }

  void set_edges(std::vector<Edge> edges) { edges_ = std::move(edges); }
  void set_outputs(uint32_t outputs) { outputs_ = outputs; }
  // This node as the end of the graph at a leaf, or null.
  virtual LeafNode* as_leaf() { return nullptr; }

  uint64_t add_hook(uint32_t output_nr, Hook hook);
  void remove_hook(uint64_t id);
  // Makes backward add the gradient of that output, as the hooks leave it, to slot->grad.
  void retain_grad(uint32_t output_nr, const Ref<LeafNode>& slot);
  // Undoes that; false where it was not done.
  bool stop_retaining(const Ref<LeafNode>& slot);
  // Runs the hooks of each output on its gradient.
  void run_hooks(std::vector<Tensor>& gradients);

  // Scratch space of the engine for the backward pass in progress.
  struct Pass {
    uint64_t id = 0;                // which pass these fields belong to
    bool needed = false;            // lies on a path to an input that was asked for
    std::vector<Tensor> gradients;  // what has arrived so far, one for each output
  } pass;

 private:
  friend void destroy_ref(Node* node);

  struct HookEntry {
    uint64_t id;
    uint32_t output_nr;
    Hook hook;
    Ref<LeafNode> slot;  // in place of a hook: where to keep the gradient
  };

  const char* name_;
  uint64_t sequence_;  // greater than that of every node behind it, so that it also orders backward
  Node* next_doomed_ = nullptr;
  uint32_t outputs_ = 1;
  std::vector<Edge> edges_;
  std::vector<HookEntry> hooks_;
  Ref<Recipe> recipe_;
};

// The end of the graph at a leaf: adds what arrives to `grad`.
class LeafNode : public Node {
 public:
  LeafNode() : Node("leaf") {}
  std::vector<Tensor> backward(std::vector<Tensor>& gradients) override;
  LeafNode* as_leaf() override { return this; }
  // grad += gradient, in place where nobody can tell.
  void accumulate(Tensor gradient);

  Tensor grad;
};

// The node whose rule is running on this thread.
Node* current_node();

namespace detail {
// Whether grad() is running on this thread, which must not change any .grad.
bool is_inside_grad();
}  // namespace detail

// The edge at which a gradient of x enters the graph.
Edge gradient_edge(const Tensor& x);

inline bool tracks_grad(const Tensor& x) { return x.impl() && x.requires_grad(); }

// True where an operation on these tensors has to be recorded.
template <class... Tensors>
bool needs_grad(const Tensors&... tensors) {
  return is_grad_enabled() && (tracks_grad(tensors) || ...);
}
bool needs_grad(const std::vector<Tensor>& tensors);

// An input kept for backward. It remembers the version of the data; reading it after an in-place change throws.
class Saved {
 public:
  Saved() = default;
  // Keeps nothing unless `keep`: for a value that only an unneeded gradient would use.
  explicit Saved(const Tensor& x, bool keep = true);
  // Keeps the recipe of x, where it has one, in the place of its memory. For an operation that takes much longer than x
  // does to be computed again.
  static Saved by_recipe(const Tensor& x, bool keep = true);
  Tensor operator()() const;
  explicit operator bool() const { return data_.defined() || recipe_; }

 private:
  Tensor data_;  // an alias without history, so that a later in-place operation on x makes no cycle
  Ref<Recipe> recipe_;
  Edge edge_;  // where x's gradient enters the graph
  uint32_t version_ = 0;
};

// An output kept for backward, without keeping its own node alive.
class SavedOutput {
 public:
  explicit SavedOutput(const Tensor& y, uint32_t output_nr = 0);
  Tensor operator()() const;

 private:
  Tensor data_;
  uint32_t version_ = 0;
  uint32_t output_nr_ = 0;
};

// Whether `y` was recorded and is large enough for offer_recipe to be worth it.
bool takes_recipe(const Tensor& y);

// Says how `y`, the only output of the operation that was just recorded, is computed again. `make` may hold on to
// nothing but what the rule of that operation saves anyway, and small things; it is run without recording.
template <class Make>
void offer_recipe(const Tensor& y, Make make) {
  y.grad_fn()->set_recipe(make_ref<Recipe>(y.version(), std::move(make)));
}

// Makes `node` the history of `outputs`, except for null ones. Used by record; rarely called directly.
void attach(Ref<Node> node, std::vector<Edge> edges, std::span<Tensor* const> outputs);

namespace detail {

template <class Rule>
class RuleNode final : public Node {
 public:
  RuleNode(const char* name, Rule rule) : Node(name), rule_(std::move(rule)) {}

  std::vector<Tensor> backward(std::vector<Tensor>& gradients) override {
    if (!rule_) throw_released(name());
    const Needs needs(edges());
    if constexpr (std::is_invocable_v<Rule&, const std::vector<Tensor>&, Needs>) {
      return (*rule_)(gradients, needs);
    } else if constexpr (std::is_invocable_v<Rule&, const Tensor&, Needs>) {
      auto result = (*rule_)(gradients[0], needs);
      return {std::make_move_iterator(result.begin()), std::make_move_iterator(result.end())};
    } else {
      std::vector<Tensor> result;
      result.push_back((*rule_)(gradients[0]));
      return result;
    }
  }

  void release_saved() override {
    if constexpr (!std::is_trivially_destructible_v<Rule>) rule_.reset();
  }

 private:
  [[noreturn]] static void throw_released(const char* name);

  std::optional<Rule> rule_;
};

[[noreturn]] void throw_graph_released(const char* name);

template <class Rule>
void RuleNode<Rule>::throw_released(const char* name) {
  throw_graph_released(name);
}

}  // namespace detail

// Records that `output` came from `inputs` by an operation called `name` whose gradient is `rule`.
template <class Rule>
void record(const char* name, Tensor& output, std::initializer_list<const Tensor*> inputs, Rule rule) {
  std::vector<Edge> edges;
  edges.reserve(inputs.size());
  for (const Tensor* input : inputs) edges.push_back(gradient_edge(*input));
  Tensor* const outputs[] = {&output};
  attach(Ref<Node>::first(new detail::RuleNode<Rule>(name, std::move(rule))), std::move(edges), outputs);
}

// The same for any number of outputs and inputs.
template <class Rule>
void record(const char* name, std::span<Tensor* const> outputs, std::span<const Tensor> inputs, Rule rule) {
  std::vector<Edge> edges;
  edges.reserve(inputs.size());
  for (const Tensor& input : inputs) edges.push_back(gradient_edge(input));
  attach(Ref<Node>::first(new detail::RuleNode<Rule>(name, std::move(rule))), std::move(edges), outputs);
}

}  // namespace mote

#include "mote/node.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "mote/error.h"
#include "ops/support.h"
#include "small_objects.h"

namespace mote {

namespace {

// Independent graphs on several threads share the counter only to keep numbers unique.
uint64_t next_sequence() {
  static std::atomic<uint64_t> counter{0};
  return counter.fetch_add(1, std::memory_order_relaxed);
}

// Nodes waiting for deletion on this thread. Trivially destructible, because tensors in static storage die late.
thread_local constinit Node* doomed = nullptr;
thread_local constinit bool draining = false;

}  // namespace

Node::Node(const char* name) : name_(name), sequence_(next_sequence()) {}
Node::~Node() = default;
void* Node::operator new(size_t size) { return allocate_object(size); }
void Node::operator delete(void* memory, size_t size) noexcept { deallocate_object(memory, size); }

// Deleting a node releases the nodes behind it, which arrive here again: they queue up instead of recursing.
void destroy_ref(Node* node) {
  node->next_doomed_ = std::exchange(doomed, node);
  if (draining) return;
  draining = true;
  while (doomed) {
    Node* next = doomed;
    doomed = next->next_doomed_;
    delete next;
  }
  draining = false;
}

void destroy_ref(LeafNode* node) { destroy_ref(static_cast<Node*>(node)); }
void destroy_ref(TensorImpl* impl) { delete impl; }

uint64_t Node::add_hook(uint32_t output_nr, Hook hook) {
  static std::atomic<uint64_t> next_id{1};
  const uint64_t id = next_id.fetch_add(1, std::memory_order_relaxed);
  hooks_.push_back({id, output_nr, std::move(hook), {}});
  return id;
}

void Node::remove_hook(uint64_t id) {
  std::erase_if(hooks_, [&](const HookEntry& entry) { return entry.hook && entry.id == id; });
}

void Node::retain_grad(uint32_t output_nr, const Ref<LeafNode>& slot) {
  const bool retained =
      std::any_of(hooks_.begin(), hooks_.end(), [&](const HookEntry& entry) { return entry.slot == slot; });
  if (!retained) hooks_.push_back({0, output_nr, {}, slot});
}

bool Node::stop_retaining(const Ref<LeafNode>& slot) {
  return std::erase_if(hooks_, [&](const HookEntry& entry) { return entry.slot == slot; }) > 0;
}

namespace {

// What a hook puts in the place of a gradient must be one for the same tensor.
void check_replaced(const char* node, const Tensor& gradient, const Tensor& replaced) {
  if (replaced.shape() == gradient.shape() && replaced.dtype() == gradient.dtype() &&
      replaced.device() == gradient.device())
    return;
  throw ShapeError(fmt::format(
      "register_hook: a hook on a result of '{}' was given a gradient of shape {}, {} on {}, and must return "
      "one like it, but returned shape {}, {} on {}",
      node, gradient.shape().str(), name_of(gradient.dtype()), gradient.device().str(), replaced.shape().str(),
      name_of(replaced.dtype()), replaced.device().str()));
}

}  // namespace

void Node::run_hooks(std::vector<Tensor>& gradients) {
  for (size_t i = 0; i < hooks_.size(); ++i) {
    const HookEntry entry = hooks_[i];  // a copy: the hook may add or remove hooks
    if (!entry.hook || !gradients[entry.output_nr].defined()) continue;
    if (Tensor replaced = entry.hook(gradients[entry.output_nr]); replaced.defined()) {
      check_replaced(name_, gradients[entry.output_nr], replaced);
      gradients[entry.output_nr] = std::move(replaced);
    }
  }
  for (const HookEntry& entry : hooks_)
    if (entry.slot && gradients[entry.output_nr].defined()) entry.slot->accumulate(gradients[entry.output_nr]);
}

bool needs_grad(const std::vector<Tensor>& tensors) {
  return is_grad_enabled() &&
         std::any_of(tensors.begin(), tensors.end(), [](const Tensor& x) { return tracks_grad(x); });
}

Edge gradient_edge(const Tensor& x) {
  if (!tracks_grad(x)) return {};
  if (Node* node = x.grad_fn()) return {Ref<Node>(node), x.get().output_nr};
  TensorImpl& impl = x.get();
  if (!impl.leaf) impl.leaf = make_ref<LeafNode>();
  return {impl.leaf, 0};
}

namespace {

void set_producer(Tensor* output, Ref<Node> node, size_t output_nr) {
  if (!output) return;
  TensorImpl& impl = output->get();
  impl.grad_fn = std::move(node);
  impl.output_nr = static_cast<uint32_t>(output_nr);
  impl.requires_grad = true;
  impl.loose = false;
}

}  // namespace

void attach(Ref<Node> node, std::vector<Edge> edges, std::span<Tensor* const> outputs) {
  node->set_edges(std::move(edges));
  node->set_outputs(static_cast<uint32_t>(outputs.size()));
  if (outputs.empty()) return;
  const size_t last = outputs.size() - 1;
  for (size_t i = 0; i < last; ++i) set_producer(outputs[i], node, i);
  set_producer(outputs[last], std::move(node), last);
}

// --- saved tensors ---------------------------------------------------------------------------------------------------

namespace {

void check_version(const Tensor& data, uint32_t version) {
  if (data.version() == version) return;
  const Node* node = current_node();
  throw StateError(
      fmt::format("{}: a tensor of shape {} that backward needs was changed by an in-place operation (version {}, but "
                  "{} when it was "
                  "saved); use the form without the trailing underscore, or clone() before changing it",
                  node ? node->name() : "backward", data.shape().str(), data.version(), version));
}

// An alias of `data` whose history is output `output_nr` of `node`.
Tensor with_history(const Tensor& data, const Ref<Node>& node, uint32_t output_nr) {
  Tensor result = alias_of(data);
  TensorImpl& impl = result.get();
  if (LeafNode* leaf = node->as_leaf())
    impl.leaf = Ref<LeafNode>(leaf);
  else
    impl.grad_fn = node;
  impl.output_nr = output_nr;
  impl.requires_grad = true;
  return result;
}

}  // namespace

Saved Saved::by_recipe(const Tensor& x, bool keep) {
  const Edge edge = keep ? gradient_edge(x) : Edge();
  // A write in place is not in the recipe, nor what a program may have written through a pointer.
  if (!edge.node || !edge.node->recipe() || edge.node->recipe()->version() != x.version() ||
      x.get().storage->is_exposed())
    return Saved(x, keep);
  Saved saved;
  saved.recipe_ = edge.node->recipe();
  saved.edge_ = edge;
  return saved;
}

Saved::Saved(const Tensor& x, bool keep) {
  if (!keep) return;
  data_ = alias_of(x);
  edge_ = gradient_edge(x);
  version_ = x.version();
}

Tensor Saved::operator()() const {
  const bool has_history = edge_.node && is_grad_enabled();
  if (recipe_) {
    const Tensor data = recipe_->result();
    return has_history ? with_history(data, edge_.node, edge_.output_nr) : data;
  }
  check_version(data_, version_);
  return has_history ? with_history(data_, edge_.node, edge_.output_nr) : data_;
}

SavedOutput::SavedOutput(const Tensor& y, uint32_t output_nr)
    : data_(alias_of(y)), version_(y.version()), output_nr_(output_nr) {}

Tensor SavedOutput::operator()() const {
  check_version(data_, version_);
  return is_grad_enabled() ? with_history(data_, Ref<Node>(current_node()), output_nr_) : data_;
}

void detail::throw_graph_released(const char* name) {
  throw StateError(
      fmt::format("backward: the graph was already walked, and what '{}' saved for it is gone; pass "
                  "{{.retain_graph = true}} to the first backward",
                  name));
}

}  // namespace mote

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "mote/autocast.h"
#include "mote/autograd.h"
#include "mote/error.h"
#include "mote/random.h"

namespace mote {

namespace {

// The states of default generators.
struct RandomState {
  std::vector<Device> devices = {Device()};
  std::vector<Tensor> states;

  // Of the CPU and of the devices of `inputs`.
  static RandomState of(const std::vector<Tensor>& inputs) {
    RandomState result;
    for (const Tensor& input : inputs)
      if (std::find(result.devices.begin(), result.devices.end(), input.device()) == result.devices.end())
        result.devices.push_back(input.device());
    result.read();
    return result;
  }
  void read() {
    states.clear();
    for (const Device& device : devices) states.push_back(get_rng_state(device));
  }
  void write() const {
    for (size_t i = 0; i < devices.size(); ++i) set_rng_state(states[i], devices[i]);
  }
};

// Puts the random streams back to `state` until the end of the scope.
class ReplayRandom {
 public:
  explicit ReplayRandom(const RandomState& state) : now_(state) {
    now_.read();
    state.write();
  }
  ~ReplayRandom() { now_.write(); }
  ReplayRandom(const ReplayRandom&) = delete;
  ReplayRandom& operator=(const ReplayRandom&) = delete;

 private:
  RandomState now_;
};

}  // namespace

Tensor checkpoint(std::function<Tensor(const std::vector<Tensor>&)> function, const std::vector<Tensor>& inputs) {
  if (!needs_grad(inputs)) return function(inputs);  // the graph would start inside: nothing can be dropped
  const detail::AutocastState autocast = detail::autocast_state();
  const RandomState random_state = RandomState::of(inputs);
  Tensor output = [&] {
    const NoGradGuard no_grad;
    return function(inputs).detach();
  }();
  std::vector<Saved> saved(inputs.begin(), inputs.end());
  Tensor* const outputs[] = {&output};
  record("checkpoint", outputs, inputs,
         [function = std::move(function), saved = std::move(saved), random_state, autocast](
             const std::vector<Tensor>& g, const Needs& needs) {
           if (is_grad_enabled())
             throw StateError("checkpoint: create_graph is not possible through a checkpointed function");
           if (detail::is_inside_grad())
             throw StateError(
                 "checkpoint: grad() cannot reach through a checkpointed function, whose parameters are found only by "
                 "running it; use backward()");
           std::vector<Tensor> replayed;
           for (size_t i = 0; i < saved.size(); ++i) {
             replayed.push_back(saved[i]().detach());
             if (needs[i]) replayed.back().requires_grad_();
           }
           {
             const EnableGradGuard enable;
             const ReplayRandom replay(random_state);
             const Tensor again = [&] {
               const detail::AutocastStateGuard precision(autocast);
               return function(replayed);
             }();
             if (again.requires_grad()) backward({again}, g);
           }
           std::vector<Tensor> gradients;
           for (const Tensor& input : replayed) gradients.push_back(input.grad());
           return gradients;
         });
  return output;
}

}  // namespace mote

// Stochastic gradient descent.
#pragma once

#include "mote/optim/optimizer.h"

namespace mote::optim {

struct SGDOptions {
  double lr = 1e-3;
  double momentum = 0.0;
  double dampening = 0.0;
  double weight_decay = 0.0;
  bool nesterov = false;  // needs momentum > 0 and dampening 0
  bool maximize = false;  // climb in place of descending
};

// d = gradient + weight_decay * p;  v = momentum * v + (1 - dampening) * d;  p -= lr * v, or with Nesterov's momentum
// p -= lr * (d + momentum * v) (Sutskever et al. 2013). The first v is d.
class SGD : public Optimizer {
 public:
  explicit SGD(std::vector<nn::Parameter> params, const SGDOptions& options = {});
  explicit SGD(std::vector<ParamGroup> groups, const SGDOptions& options = {});

  void step() override;

 private:
  std::vector<Option> options_list() const override;
  void set_options(const std::vector<Option>& options) override;

  SGDOptions options_;
};

}  // namespace mote::optim

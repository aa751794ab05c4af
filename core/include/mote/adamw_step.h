// One step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019) for one element. g++ and nvcc both
// compile this.
#pragma once

#include <cmath>

#include "mote/backend.h"
#include "mote/host_device.h"

namespace mote {

// The constants of a step, as PyTorch rounds them.
template <class C>
struct AdamWStep {
  C decay;         // what the parameter is multiplied by first: 1 - lr * weight_decay, or 1
  C l2;            // weight_decay where it joins the gradient, or 0
  C beta1, rest1;  // beta1 and 1 - beta1
  C beta2, rest2;
  C root;  // sqrt(1 - beta2^step)
  C eps;
  C size;  // lr / (1 - beta1^step)

  explicit AdamWStep(const AdamWArgs& args) : AdamWStep(args, args.lr, static_cast<double>(args.step)) {}
  // With this learning rate, as the step of this number.
  MOTE_HD AdamWStep(const AdamWArgs& args, double lr, double number) {
    decay = static_cast<C>(args.decoupled ? 1.0 - lr * args.weight_decay : 1.0);
    l2 = static_cast<C>(args.decoupled ? 0.0 : args.weight_decay);
    beta1 = static_cast<C>(args.beta1);
    rest1 = static_cast<C>(1.0 - args.beta1);
    beta2 = static_cast<C>(args.beta2);
    rest2 = static_cast<C>(1.0 - args.beta2);
    root = static_cast<C>(std::sqrt(1.0 - std::pow(args.beta2, number)));
    eps = static_cast<C>(args.eps);
    size = static_cast<C>(lr / (1.0 - std::pow(args.beta1, number)));
  }

  // The new parameter; the averages move on.
  MOTE_HD C operator()(C parameter, C gradient, C& exp_avg, C& exp_avg_sq) const {
    const C p = parameter * decay, g = std::fma(l2, p, gradient);
    exp_avg = std::fma(rest1, g, exp_avg * beta1);
    exp_avg_sq = std::fma(rest2 * g, g, exp_avg_sq * beta2);
    return p - size * exp_avg / (std::sqrt(exp_avg_sq) / root + eps);
  }
};

}  // namespace mote

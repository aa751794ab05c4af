// Initialisation in place, outside autograd. Each function fills `x` and returns it; on the CPU the numbers are those
// that PyTorch's function of the same name draws from the same seed.
#pragma once

#include <cstdint>
#include <utility>

#include "mote/tensor.h"

namespace mote::nn::init {

enum class FanMode { In, Out };
enum class Nonlinearity { Linear, Sigmoid, Tanh, Relu, LeakyRelu, Selu };

struct KaimingOptions {
  double a = 0.0;  // negative slope of LeakyRelu
  FanMode mode = FanMode::In;
  Nonlinearity nonlinearity = Nonlinearity::LeakyRelu;
};

struct TruncNormalOptions {
  double mean = 0.0;
  double std = 1.0;
  double a = -2.0;  // lower bound
  double b = 2.0;   // upper bound
};

Tensor uniform_(const Tensor& x, double low = 0.0, double high = 1.0);
Tensor normal_(const Tensor& x, double mean = 0.0, double std = 1.0);
// Normal, cut off outside [a, b].
Tensor trunc_normal_(const Tensor& x, const TruncNormalOptions& options = {});
Tensor constant_(const Tensor& x, const Scalar& value);
Tensor zeros_(const Tensor& x);
Tensor ones_(const Tensor& x);
Tensor eye_(const Tensor& x);  // rank 2
// Glorot and Bengio 2010.
Tensor xavier_uniform_(const Tensor& x, double gain = 1.0);
Tensor xavier_normal_(const Tensor& x, double gain = 1.0);
// He et al. 2015.
Tensor kaiming_uniform_(const Tensor& x, const KaimingOptions& options = {});
Tensor kaiming_normal_(const Tensor& x, const KaimingOptions& options = {});

// The recommended gain of a nonlinearity; `slope` is that of LeakyRelu.
double calculate_gain(Nonlinearity nonlinearity, double slope = 0.01);
// Inputs and outputs of each unit of a weight of rank 2 or more. ShapeError for a lower rank.
std::pair<int64_t, int64_t> calculate_fan_in_and_fan_out(const Tensor& x);

}  // namespace mote::nn::init

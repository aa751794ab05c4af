// Element-wise functions, softmax, dropout and reshaping as layers, for use in a Sequential. They own no tensors.
#pragma once

#include <string>

#include "mote/elementwise.h"
#include "mote/nn/module.h"

namespace mote::nn {

class ReLU : public Module {
 public:
  Tensor forward(const Tensor& x) const { return mote::relu(x); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
};

class SiLU : public Module {
 public:
  Tensor forward(const Tensor& x) const { return mote::silu(x); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
};

class Tanh : public Module {
 public:
  Tensor forward(const Tensor& x) const { return mote::tanh(x); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
};

class Sigmoid : public Module {
 public:
  Tensor forward(const Tensor& x) const { return mote::sigmoid(x); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
};

class Softplus : public Module {
 public:
  Tensor forward(const Tensor& x) const { return mote::softplus(x); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
};

struct GELUOptions {
  Gelu approximate = Gelu::None;
};

class GELU : public Module {
 public:
  explicit GELU(const GELUOptions& options = {}) : approximate_(options.approximate) {}
  Tensor forward(const Tensor& x) const { return mote::gelu(x, approximate_); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

 private:
  Gelu approximate_;
};

class LeakyReLU : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  Tensor forward(const Tensor& x) const { return mote::leaky_relu(x, negative_slope_); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

 private:
  double negative_slope_;
};

class ELU : public Module {
 public:
  explicit ELU(double alpha = 1.0) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) const { return mote::elu(x, alpha_); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

 private:
  double alpha_;
};

class Softmax : public Module {
 public:
  explicit Softmax(int64_t dim) : dim_(dim) {}
  Tensor forward(const Tensor& x) const { return mote::softmax(x, dim_); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

 private:
  int64_t dim_;
};

// In training, zeroes each element with probability p and divides the others by 1 - p (Srivastava et al. 2014); in
// evaluation gives x itself. ValueError for p outside [0, 1].
class Dropout : public Module {
 public:
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) const;
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

 private:
  double p_;
};

class Identity : public Module {
 public:
  Tensor forward(const Tensor& x) const { return x; }
  Tensor operator()(const Tensor& x) const { return forward(x); }
};

// Makes one dimension of start_dim … end_dim; by default of all but the batch.
class Flatten : public Module {
 public:
  explicit Flatten(int64_t start_dim = 1, int64_t end_dim = -1) : start_dim_(start_dim), end_dim_(end_dim) {}
  Tensor forward(const Tensor& x) const { return mote::flatten(x, start_dim_, end_dim_); }
  Tensor operator()(const Tensor& x) const { return forward(x); }
  std::string extra_repr() const override;

 private:
  int64_t start_dim_;
  int64_t end_dim_;
};

}  // namespace mote::nn

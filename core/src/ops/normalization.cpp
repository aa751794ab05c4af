// Normalisation over features or over a batch.
#include "mote/normalization.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/autocast_operand.h"
#include "ops/support.h"

namespace mote {

namespace {

// Whether x is of a 16-bit type and its factor in float32: mixed precision, which computes in float32 anyway.
bool is_wide_for(const Tensor& factor, const Tensor& x) {
  return is_reduced_floating_point(x.dtype()) && factor.defined() && factor.dtype() == DType::Float32;
}

void check_normalized(const char* op, const Tensor& x, const Shape& normalized, const Tensor& weight,
                      const Tensor& bias) {
  check_floating_point(op, x);
  const int extra = x.shape().rank() - normalized.rank();
  bool fits = extra >= 0 && !normalized.empty();
  for (int i = 0; fits && i < normalized.rank(); ++i) fits = x.shape()[extra + i] == normalized[i];
  if (!fits)
    throw ShapeError(fmt::format("{}: expected x to end in the sizes {} of normalized_shape, but got shape {}", op,
                                 normalized.str(), x.shape().str()));
  const auto check_factor = [&](const char* name, const Tensor& factor) {
    if (!factor.defined()) return;
    check_same_device(op, "x", x, name, factor);
    if (!is_wide_for(factor, x)) check_dtype(op, name, factor, x.dtype());
    if (factor.shape() != normalized)
      throw ShapeError(fmt::format("{}: expected {} to have the shape {} of normalized_shape, but got {}", op, name,
                                   normalized.str(), factor.shape().str()));
  };
  check_factor("weight", weight);
  check_factor("bias", bias);
}

DType statistics_dtype(DType dtype) { return dtype == DType::Float64 ? DType::Float64 : DType::Float32; }

// The last `count` dimensions of x, as negative numbers.
Dims last_dims(int count) {
  Shape dims;
  for (int i = -count; i < 0; ++i) dims.push_back(i);
  return dims;
}

struct LayerNormGradients {
  Tensor x, weight, bias;
};

// The gradients with public operations, for create_graph. With h = (x - mean) * rstd and d = g * weight,
//   dx = rstd * (d - mean(d) - h * mean(d * h)),  dweight = sum(g * h),  dbias = sum(g).
LayerNormGradients composed_gradients(const Tensor& g, const Tensor& x, const Tensor& weight, int normalized_rank,
                                      double eps, const Needs& needs) {
  const DType compute = statistics_dtype(x.dtype());
  const Dims dims = last_dims(normalized_rank);
  const Tensor wide = x.to(compute), wide_g = g.to(compute);
  const Tensor rstd = rsqrt(wide.var(dims, false, true) + eps);
  const Tensor normal = (wide - wide.mean(dims, true)) * rstd;
  Shape shape;
  for (int64_t d : dims) shape.push_back(x.size(d));
  LayerNormGradients result;
  if (needs[0]) {
    const Tensor d = weight.defined() ? wide_g * weight.to(compute) : wide_g;
    result.x = (rstd * (d - d.mean(dims, true) - normal * (d * normal).mean(dims, true))).to(x.dtype());
  }
  if (needs[1]) result.weight = sum_to(wide_g * normal, shape).to(x.dtype());
  if (needs[2]) result.bias = sum_to(wide_g, shape).to(x.dtype());
  return result;
}

// What the backend reads: x as rows, weight and bias flat.
struct Operands {
  Operands(const Tensor& x, const Shape& rows, const Tensor& weight, const Tensor& bias, double eps) {
    const NoGradGuard no_grad;
    matrix_ = x.reshape(rows);
    if (weight.defined()) weight_ = weight.reshape({rows[1]});
    if (bias.defined()) bias_ = bias.reshape({rows[1]});
    args = {.x = view_of(matrix_), .weight = {}, .bias = {}, .eps = eps};
    if (weight.defined()) args.weight = view_of(weight_);
    if (bias.defined()) args.bias = view_of(bias_);
  }

  LayerNormArgs args;

 private:
  Tensor matrix_, weight_, bias_;
};

// The gradients by the backend's kernel.
LayerNormGradients fused_gradients(const Tensor& g, const Tensor& x, const Tensor& weight, const Tensor& mean,
                                   const Tensor& rstd, const Shape& normalized, double eps, const Needs& needs) {
  const Shape rows{mean.numel(), normalized.numel()};
  const Operands operands(x, rows, weight, {}, eps);
  const Tensor g_rows = g.reshape(rows);
  LayerNormGradients result;
  std::optional<View> grad_x, grad_weight, grad_bias;
  const auto make = [&](size_t input, const Shape& shape, const Shape& flat, std::optional<View>* view) {
    if (!needs[input]) return Tensor();
    Tensor gradient = make_result("layer_norm", shape, x.dtype(), x.device());
    *view = View{data_of(gradient), x.dtype(), flat, contiguous_strides(flat), x.device().index()};
    return gradient;
  };
  result.x = make(0, x.shape(), rows, &grad_x);
  result.weight = make(1, normalized, {rows[1]}, &grad_weight);
  result.bias = make(2, normalized, {rows[1]}, &grad_bias);
  backend_of(x).layer_norm_backward(grad_x, grad_weight, grad_bias, view_of(g_rows), view_of(mean), view_of(rstd),
                                    operands.args);
  return result;
}

// Operands of one dtype.
Tensor run_layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias,
                      double eps) {
  const int64_t width = normalized_shape.numel();
  const Shape rows{x.numel() / std::max<int64_t>(width, 1), width};
  const DType statistics = statistics_dtype(x.dtype());
  Tensor out = make_result("layer_norm", x.shape(), x.dtype(), x.device());
  Tensor mean = make_result("layer_norm", {rows[0]}, statistics, x.device());
  Tensor rstd = make_result("layer_norm", {rows[0]}, statistics, x.device());
  const View out_rows{data_of(out), out.dtype(), rows, contiguous_strides(rows), x.device().index()};
  backend_of(x).layer_norm(out_rows, view_of(mean), view_of(rstd), Operands(x, rows, weight, bias, eps).args);
  if (needs_grad(x, weight, bias))
    record("layer_norm", out, {&x, &weight, &bias},
           [x = Saved(x), weight = Saved(weight, weight.defined()), mean = Saved(mean), rstd = Saved(rstd),
            normalized_shape, eps](const Tensor& g, Needs needs) {
             const Tensor scale = weight ? weight() : Tensor();
             LayerNormGradients result =
                 is_grad_enabled() ? composed_gradients(g, x(), scale, normalized_shape.rank(), eps, needs)
                                   : fused_gradients(g, x(), scale, mean(), rstd(), normalized_shape, eps, needs);
             return std::array{std::move(result.x), std::move(result.weight), std::move(result.bias)};
           });
  return out;
}

}  // namespace

Tensor layer_norm(const Tensor& own_x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias,
                  double eps) {
  const Autocast cast_x(kWideFunctions, own_x), cast_weight(kWideFunctions, weight), cast_bias(kWideFunctions, bias);
  check_normalized("layer_norm", cast_x, normalized_shape, cast_weight, cast_bias);
  if (!is_wide_for(cast_weight, cast_x) && !is_wide_for(cast_bias, cast_x))
    return run_layer_norm(cast_x, normalized_shape, cast_weight, cast_bias, eps);
  const auto wide = [](const Tensor& tensor) { return tensor.defined() ? tensor.to(DType::Float32) : tensor; };
  return run_layer_norm(wide(own_x), normalized_shape, wide(weight), wide(bias), eps).to(own_x.dtype());
}

Tensor rms_norm(const Tensor& own_x, const Shape& normalized_shape, const Tensor& weight, double eps) {
  const Autocast cast(kWideFunctions, own_x);
  const Tensor& x = cast;
  check_normalized("rms_norm", x, normalized_shape, weight, {});
  const DType compute = statistics_dtype(x.dtype());
  const Tensor wide = x.to(compute);
  const Tensor normal = wide * rsqrt(square(wide).mean(last_dims(normalized_shape.rank()), true) + eps);
  return (weight.defined() ? normal * weight.to(compute) : normal).to(x.dtype());
}

namespace {

void check_batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                      const Tensor& bias, bool training) {
  check_floating_point("batch_norm", x);
  if (x.dim() < 2)
    throw ShapeError(fmt::format("batch_norm: expected x to be [N, C] or [N, C, ...], but got {}", x.shape().str()));
  const int64_t channels = x.size(1);
  const auto check = [&](const char* name, const Tensor& tensor) {
    if (!tensor.defined()) return;
    check_same_device("batch_norm", "x", x, name, tensor);
    if (tensor.shape() != Shape({channels}))
      throw ShapeError(fmt::format("batch_norm: expected {} to be [{}], one for each channel of x {}, but got {}", name,
                                   channels, x.shape().str(), tensor.shape().str()));
  };
  check("running_mean", running_mean);
  check("running_var", running_var);
  check("weight", weight);
  check("bias", bias);
  if (!training && !(running_mean.defined() && running_var.defined()))
    throw ValueError("batch_norm: running_mean and running_var are needed outside training");
  if (training && x.numel() == channels)
    throw ValueError(fmt::format("batch_norm: expected more than 1 value per channel when training, but got shape {}",
                                 x.shape().str()));
}

// running = (1 - momentum) * running + momentum * current.
void move_toward(const Tensor& running, const Tensor& current, double momentum) {
  if (running.defined()) running.mul_(1.0 - momentum).add_(current.to(running.dtype()), momentum);
}

}  // namespace

Tensor batch_norm(const Tensor& x, const Tensor& running_mean, const Tensor& running_var, const Tensor& weight,
                  const Tensor& bias, bool training, double momentum, double eps) {
  check_batch_norm(x, running_mean, running_var, weight, bias, training);
  const DType compute = statistics_dtype(x.dtype());
  Shape channels = Shape::filled(x.shape().rank(), 1);  // [1, C, 1, ...]
  channels[1] = x.size(1);
  Dims others = 0;
  for (int64_t d = 2; d < x.dim(); ++d) others.push_back(d);

  const Tensor wide = x.to(compute);
  Tensor mean, variance;
  if (training) {
    mean = wide.mean(others, true);
    variance = wide.var(others, false, true);
    const NoGradGuard no_grad;
    const auto count = static_cast<double>(x.numel() / std::max<int64_t>(x.size(1), 1));
    move_toward(running_mean, mean.reshape({x.size(1)}), momentum);
    move_toward(running_var, variance.reshape({x.size(1)}) * (count / (count - 1.0)), momentum);
  } else {
    mean = running_mean.to(compute).reshape(channels);
    variance = running_var.to(compute).reshape(channels);
  }
  Tensor factor = rsqrt(variance + eps);
  if (weight.defined()) factor = factor * weight.to(compute).reshape(channels);
  Tensor out = (wide - mean) * factor;
  if (bias.defined()) out = out + bias.to(compute).reshape(channels);
  return out.to(x.dtype());
}

}  // namespace mote

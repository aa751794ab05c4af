// Normalisation over features or over a batch.
#include "mote/normalization.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

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

// layer_norm, or rms_norm, which takes no mean away and has no bias.
struct Norm {
  const char* name;
  bool centred;
  Shape shape;  // of the last dimensions
  double eps;
};

struct NormGradients {
  Tensor x, weight, bias;
};

// The gradients with public operations, for create_graph. With h = (x - mean) * rstd and d = g * weight,
//   dx = rstd * (d - mean(d) - h * mean(d * h)),  dweight = sum(g * h),  dbias = sum(g);
// the means of x and of d are left out where the norm is not centred.
NormGradients composed_gradients(const Norm& norm, const Tensor& g, const Tensor& x, const Tensor& weight,
                                 const Needs& needs) {
  const DType compute = statistics_dtype(x.dtype());
  const Dims dims = last_dims(norm.shape.rank());
  const Tensor wide = x.to(compute), wide_g = g.to(compute);
  const Tensor deviation = norm.centred ? wide - wide.mean(dims, true) : wide;
  const Tensor rstd = rsqrt((norm.centred ? wide.var(dims, false, true) : square(wide).mean(dims, true)) + norm.eps);
  const Tensor normal = deviation * rstd;
  NormGradients result;
  if (needs[0]) {
    const Tensor d = weight.defined() ? wide_g * weight.to(compute) : wide_g;
    const Tensor centred = norm.centred ? d - d.mean(dims, true) : d;
    result.x = (rstd * (centred - normal * (d * normal).mean(dims, true))).to(x.dtype());
  }
  if (needs[1]) result.weight = sum_to(wide_g * normal, norm.shape).to(x.dtype());
  if (needs[2]) result.bias = sum_to(wide_g, norm.shape).to(x.dtype());
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

// The gradients by the backend's kernel. mean is undefined where the norm is not centred.
NormGradients fused_gradients(const Norm& norm, const Tensor& g, const Tensor& x, const Tensor& weight,
                              const Tensor& mean, const Tensor& rstd, const Needs& needs) {
  const Shape rows{rstd.numel(), norm.shape.numel()};
  const Operands operands(x, rows, weight, {}, norm.eps);
  const Tensor g_rows = g.reshape(rows);
  NormGradients result;
  std::optional<View> grad_x, grad_weight, grad_bias;
  const auto make = [&](size_t input, const Shape& shape, const Shape& flat, std::optional<View>* view) {
    if (!needs[input]) return Tensor();
    Tensor gradient = make_result(norm.name, shape, x.dtype(), x.device());
    *view = View{data_of(gradient), x.dtype(), flat, contiguous_strides(flat), x.device().index()};
    return gradient;
  };
  result.x = make(0, x.shape(), rows, &grad_x);
  result.weight = make(1, norm.shape, {rows[1]}, &grad_weight);
  result.bias = make(2, norm.shape, {rows[1]}, &grad_bias);
  if (norm.centred)
    backend_of(x).layer_norm_backward(grad_x, grad_weight, grad_bias, view_of(g_rows), view_of(mean), view_of(rstd),
                                      operands.args);
  else
    backend_of(x).rms_norm_backward(grad_x, grad_weight, view_of(g_rows), view_of(rstd), operands.args);
  return result;
}

// The result with what its gradient reads. mean is undefined where the norm is not centred.
struct Normalized {
  Normalized(const Norm& norm, const Tensor& x, const Tensor& weight, const Tensor& bias)
      : out(make_result(norm.name, x.shape(), x.dtype(), x.device())) {
    const int64_t width = norm.shape.numel();
    const Shape rows{x.numel() / std::max<int64_t>(width, 1), width};
    const DType statistics = statistics_dtype(x.dtype());
    if (norm.centred) mean = make_result(norm.name, {rows[0]}, statistics, x.device());
    rstd = make_result(norm.name, {rows[0]}, statistics, x.device());
    const View out_rows{data_of(out), out.dtype(), rows, contiguous_strides(rows), x.device().index()};
    const Operands operands(x, rows, weight, bias, norm.eps);
    if (norm.centred)
      backend_of(x).layer_norm(out_rows, view_of(mean), view_of(rstd), operands.args);
    else
      backend_of(x).rms_norm(out_rows, view_of(rstd), operands.args);
  }

  Tensor out, mean, rstd;
};

// The result may be computed again by whoever needs it for a gradient of his own.
void offer_norm_recipe(const Norm& norm, const Tensor& out, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  offer_recipe(out, [norm, x = Saved(x), weight = Saved(weight, weight.defined()), bias = Saved(bias, bias.defined())] {
    return Normalized(norm, x(), weight ? weight() : Tensor(), bias ? bias() : Tensor()).out;
  });
}

// Operands of one dtype.
Tensor run_norm(const Norm& norm, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  auto [out, mean, rstd] = Normalized(norm, x, weight, bias);
  if (needs_grad(x, weight, bias))
    record(norm.name, out, {&x, &weight, &bias},
           [norm, x = Saved(x), weight = Saved(weight, weight.defined()), mean = Saved(mean, norm.centred),
            rstd = Saved(rstd)](const Tensor& g, Needs needs) {
             const Tensor scale = weight ? weight() : Tensor(), average = mean ? mean() : Tensor();
             NormGradients result = is_grad_enabled() ? composed_gradients(norm, g, x(), scale, needs)
                                                      : fused_gradients(norm, g, x(), scale, average, rstd(), needs);
             return std::array{std::move(result.x), std::move(result.weight), std::move(result.bias)};
           });
  if (takes_recipe(out)) offer_norm_recipe(norm, out, x, weight, bias);
  return out;
}

// The weight and bias of 16-bit values may be in float32; the norm is then in float32, and its result rounded.
Tensor run_mixed(const Norm& norm, const Tensor& x, const Tensor& weight, const Tensor& bias) {
  check_normalized(norm.name, x, norm.shape, weight, bias);
  if (!is_wide_for(weight, x) && !is_wide_for(bias, x)) return run_norm(norm, x, weight, bias);
  const auto wide = [](const Tensor& tensor) { return tensor.defined() ? tensor.to(DType::Float32) : tensor; };
  return run_norm(norm, wide(x), wide(weight), wide(bias)).to(x.dtype());
}

}  // namespace

Tensor layer_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, const Tensor& bias,
                  double eps) {
  const Autocast cast_x(kWideFunctions, x), cast_weight(kWideFunctions, weight), cast_bias(kWideFunctions, bias);
  return run_mixed({"layer_norm", true, normalized_shape, eps}, cast_x, cast_weight, cast_bias);
}

Tensor rms_norm(const Tensor& x, const Shape& normalized_shape, const Tensor& weight, std::optional<double> eps) {
  const Autocast cast_x(kWideFunctions, x), cast_weight(kWideFunctions, weight);
  const double smallest = x.dtype() == DType::Float64 ? std::numeric_limits<double>::epsilon()
                                                      : double{std::numeric_limits<float>::epsilon()};
  return run_mixed({"rms_norm", false, normalized_shape, eps.value_or(smallest)}, cast_x, cast_weight, {});
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

// Random tensors. Only the draws themselves belong to a backend; what follows from them is written with operations.
#include "mote/random.h"

#include <fmt/format.h>

#include <limits>
#include <numeric>

#include "mote/core.h"
#include "mote/recording.h"
#include "ops/support.h"

namespace mote {

namespace {

// A tensor as a creation function returns it, not yet filled.
Tensor make_created(const char* op, const Shape& shape, DType default_dtype, const TensorOptions& options,
                    const SourceLocation& where) {
  Tensor result = make_result(op, shape, options.dtype.value_or(default_dtype), options.device.value_or(Device()),
                              options.pinned_memory);
  result.get().origin.where = where;
  return result;
}

Tensor with_options(Tensor result, const TensorOptions& options) {
  if (options.requires_grad) result.requires_grad_();
  return result;
}

void draw(const char* op, RandomOp distribution, const Tensor& out, const Scalar& a, const Scalar& b,
          Generator* generator) {
  backend_of(out).random(distribution, view_of(out), a, b, generator_for(op, out.device(), generator));
}

// rand and randn.
Tensor make_random(const char* op, RandomOp distribution, const Shape& shape, const TensorOptions& options,
                   Generator* generator, const SourceLocation& where) {
  Tensor result = make_created(op, shape, default_dtype(), options, where);
  check_floating_point(op, result);
  draw(op, distribution, result, 0.0, 1.0, generator);
  return with_options(std::move(result), options);
}

TensorOptions options_like(const Tensor& x, TensorOptions options) {
  if (!options.dtype) options.dtype = x.dtype();
  if (!options.device) options.device = x.device();
  return options;
}

// Fills `self` from a distribution. What it held does not matter, so its gradient is zero.
Tensor fill_random(const char* op, RandomOp distribution, const Tensor& self, double a, double b,
                   Generator* generator) {
  return in_place(op, self, needs_grad(self), [&](const Tensor& source, const Tensor* out) {
    Tensor result = out ? *out : make_result(op, source.shape(), source.dtype(), source.device());
    draw(op, distribution, result, a, b, generator);
    if (!out && needs_grad(source)) record(op, result, {&source}, [](const Tensor& g) { return zeros_like(g); });
    return result;
  });
}

void check_probability(const char* op, double p) {
  if (!(p >= 0.0 && p <= 1.0)) throw ValueError(fmt::format("{}: expected p to be in [0, 1], but got {}", op, p));
}

// The smallest and greatest integer that a dtype holds exactly, together with all between.
std::pair<int64_t, int64_t> integer_range(DType dtype) {
  return dispatch(dtype, [](auto* tag) -> std::pair<int64_t, int64_t> {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (std::is_integral_v<T>) return {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
    constexpr int digits = std::is_same_v<T, Half>       ? 11
                           : std::is_same_v<T, BFloat16> ? 8
                           : std::is_same_v<T, float>    ? 24
                                                         : 53;
    return {-(int64_t{1} << digits), int64_t{1} << digits};
  });
}

}  // namespace

namespace detail {

Tensor uniform_(const Tensor& self, double low, double high, Generator* generator) {
  check_floating_point("uniform_", self);
  if (!(low <= high))
    throw ValueError(fmt::format("uniform_: expected low <= high, but got low {} and high {}", low, high));
  return fill_random("uniform_", RandomOp::Uniform, self, low, high, generator);
}

Tensor normal_(const Tensor& self, double mean, double std, Generator* generator) {
  check_floating_point("normal_", self);
  if (!(std >= 0.0)) throw ValueError(fmt::format("normal_: expected std >= 0, but got {}", std));
  return fill_random("normal_", RandomOp::Normal, self, mean, std, generator);
}

Tensor bernoulli_(const Tensor& self, double p, Generator* generator) {
  check_probability("bernoulli_", p);
  return fill_random("bernoulli_", RandomOp::Bernoulli, self, p, 0.0, generator);
}

}  // namespace detail

Tensor rand(const Shape& shape, const TensorOptions& options, Generator* generator, SourceLocation where) {
  return make_random("rand", RandomOp::Uniform, shape, options, generator, where);
}

Tensor randn(const Shape& shape, const TensorOptions& options, Generator* generator, SourceLocation where) {
  return make_random("randn", RandomOp::Normal, shape, options, generator, where);
}

Tensor rand_like(const Tensor& x, const TensorOptions& options, SourceLocation where) {
  return make_random("rand_like", RandomOp::Uniform, x.shape(), options_like(x, options), nullptr, where);
}

Tensor randn_like(const Tensor& x, const TensorOptions& options, SourceLocation where) {
  return make_random("randn_like", RandomOp::Normal, x.shape(), options_like(x, options), nullptr, where);
}

Tensor randint(int64_t high, const Shape& shape, const TensorOptions& options, Generator* generator,
               SourceLocation where) {
  return randint(0, high, shape, options, generator, where);
}

Tensor randint(int64_t low, int64_t high, const Shape& shape, const TensorOptions& options, Generator* generator,
               SourceLocation where) {
  if (low >= high) throw ValueError(fmt::format("randint: expected low < high, but got low {} and high {}", low, high));
  Tensor result = make_created("randint", shape, DType::Int64, options, where);
  const auto [least, greatest] = integer_range(result.dtype());
  if (low < least || high - 1 > greatest)
    throw ValueError(fmt::format("randint: integers from {} to {} do not fit into {}, which holds {} to {}", low,
                                 high - 1, name_of(result.dtype()), least, greatest));
  draw("randint", RandomOp::Integer, result, low, high, generator);
  return with_options(std::move(result), options);
}

// The shuffle of Fisher and Yates, on the host: each draw depends on the one before.
Tensor randperm(int64_t n, const TensorOptions& options, Generator* generator, SourceLocation where) {
  if (n < 0) throw ValueError(fmt::format("randperm: expected n >= 0, but got {}", n));
  Tensor result = make_created("randperm", {n}, DType::Int64, options, where);
  if (n - 1 > integer_range(result.dtype()).second)
    throw ValueError(fmt::format("randperm: {} numbers do not fit into {}", n, name_of(result.dtype())));
  if (result.device().is_meta()) return with_options(std::move(result), options);
  Tensor order = make_result("randperm", {n}, DType::Int64, Device());
  auto* at = static_cast<int64_t*>(data_of(order));
  std::iota(at, at + n, int64_t{0});
  Generator& draws = generator_for("randperm", result.device(), generator);
  for (int64_t i = 0; i < n - 1; ++i) std::swap(at[i], at[i + draws.random32() % (n - i)]);
  {
    const NoGradGuard no_grad;
    copy_(result, order);
  }
  return with_options(std::move(result), options);
}

Tensor bernoulli(const Tensor& p, Generator* generator) {
  check_floating_point("bernoulli", p);
  refuse_host_read("bernoulli", p.device());
  const NoGradGuard no_grad;
  if (!p.device().is_meta() && !logical_and(ge(p, 0.0), le(p, 1.0)).all().item<bool>())
    throw ValueError("bernoulli: expected every p to be in [0, 1]");
  Tensor uniform = make_result("bernoulli", p.shape(), p.dtype(), p.device());
  draw("bernoulli", RandomOp::Uniform, uniform, 0.0, 1.0, generator);
  return lt(uniform, p).to(p.dtype());
}

namespace {

void check_multinomial(const Tensor& weights, int64_t num_samples, bool replacement) {
  check_floating_point("multinomial", weights);
  if (weights.dim() < 1 || weights.dim() > 2)
    throw ShapeError(
        fmt::format("multinomial: expected weights of shape [n] or [rows, n], but got {}", weights.shape().str()));
  const int64_t n = weights.size(-1);
  if (num_samples < 1) throw ValueError(fmt::format("multinomial: expected num_samples >= 1, but got {}", num_samples));
  if (!replacement && num_samples > n)
    throw ValueError(
        fmt::format("multinomial: cannot draw {} of {} without replacement; pass replacement = true", num_samples, n));
  if (weights.device().is_meta()) return;
  refuse_host_read("multinomial", weights.device());
  if (!logical_and(isfinite(weights), ge(weights, 0.0)).all().item<bool>())
    throw ValueError("multinomial: a weight is negative, inf or nan");
  const Tensor positive = gt(weights, 0.0).sum(-1);
  if (weights.numel() > 0 && positive.amin().item<int64_t>() < (replacement ? 1 : num_samples))
    throw ValueError(
        fmt::format("multinomial: a row of weights has fewer than {} above zero", replacement ? 1 : num_samples));
}

// For each value of `samples` [..., k] the first position at which the ascending `sorted` [..., n] reaches it.
Tensor first_at_least(const Tensor& sorted, const Tensor& samples) {
  const int64_t n = sorted.size(-1);
  Tensor low = zeros_like(samples, {.dtype = DType::Int64});
  Tensor high = full_like(samples, n - 1, {.dtype = DType::Int64});
  for (int64_t span = n; span > 1; span = (span + 1) / 2) {
    const Tensor middle = floor_divide(low + high, 2);
    const Tensor below = lt(sorted.gather(-1, middle), samples);
    low = where(below, minimum(middle + 1, high), low);
    high = where(below, high, middle);
  }
  return low;
}

}  // namespace

Tensor multinomial(const Tensor& weights, int64_t num_samples, bool replacement, Generator* generator) {
  const NoGradGuard no_grad;
  check_multinomial(weights, num_samples, replacement);
  if (!replacement || num_samples == 1) {
    // The k greatest of weight / Exponential(1) are a sample without replacement (Efraimidis and Spirakis 2006).
    Tensor waiting = make_result("multinomial", weights.shape(), weights.dtype(), weights.device());
    draw("multinomial", RandomOp::Exponential, waiting, 1.0, 0.0, generator);
    const Tensor keys = weights / waiting;
    return num_samples == 1 ? keys.argmax(-1, true) : keys.topk(num_samples, -1).indices;
  }
  // The inverse of the cumulative distribution. It reaches exactly 1 at the last weight above zero.
  const Tensor sums = weights.to(weights.dtype() == DType::Float64 ? DType::Float64 : DType::Float32).cumsum(-1);
  const Tensor cumulative = (sums / sums.slice(-1, -1)).to(DType::Float64);
  Shape shape = weights.shape();
  shape[shape.rank() - 1] = num_samples;
  Tensor uniform = make_result("multinomial", shape, DType::Float64, weights.device());
  draw("multinomial", RandomOp::Uniform, uniform, 0.0, 1.0, generator);
  return first_at_least(cumulative, uniform);
}

}  // namespace mote

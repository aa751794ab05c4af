// What the CPU's vector functions of float32 promise (core/src/cpu/vector_math-inl.h, vector_gelu-inl.h), and how far
// they are from float64.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "mote/core.h"

namespace mote::testing {

struct VectorFunction {
  const char* name;
  Tensor (*tested)(const Tensor&);
  double (*exact)(double);
  double max_ulp;  // for arguments of at least `from`
  double from;
  double tail;  // the relative error for arguments below it
};

inline double exact_sigmoid(double x) { return 1.0 / (1.0 + std::exp(-x)); }
inline double exact_silu(double x) { return x * exact_sigmoid(x); }
inline double exact_gelu(double x) { return x * 0.5 * std::erfc(-x * 0.70710678118654752440); }
inline double exact_gelu_tanh(double x) {
  return x * exact_sigmoid(1.59576912160573071176 * (x + 0.044715 * x * x * x));
}

// The first of the softmax of (x, 0): the exponential of numbers up to 0, a sum, a quotient and a product.
inline Tensor softmax_of_two(const Tensor& x) {
  const Tensor finite = clamp(x, {}, std::numeric_limits<float>::max());
  return softmax(stack({finite, zeros_like(x)}, -1), -1).select(-1, 0);
}

inline const VectorFunction kVectorFunctions[] = {
    {"exp", mote::exp, std::exp, 1.1, -HUGE_VAL, 0},
    {"log", mote::log, std::log, 1.0, -HUGE_VAL, 0},
    {"tanh", mote::tanh, std::tanh, 2.0, -HUGE_VAL, 0},
    {"erf", mote::erf, std::erf, 3.0, -HUGE_VAL, 0},
    {"sigmoid", mote::sigmoid, exact_sigmoid, 3.0, -HUGE_VAL, 0},
    {"silu", mote::silu, exact_silu, 4.0, -87.0, 1e-5},
    {"gelu", [](const Tensor& x) { return gelu(x); }, exact_gelu, 9.0, -1.0, 1e-5},
    {"gelu_tanh", [](const Tensor& x) { return gelu(x, Gelu::Tanh); }, exact_gelu_tanh, 4.0, -1.0, 3e-5},
    {"softmax", softmax_of_two, exact_sigmoid, 3.0, -87.3, 1.0},  // below the normal numbers it may be 0
};

// The distance of neighbouring float32 numbers at |x|.
inline double spacing(float x) {
  const uint32_t exponent = std::clamp<uint32_t>((std::bit_cast<uint32_t>(x) >> 23) & 0xff, 1, 254);
  return std::bit_cast<double>(uint64_t{exponent - 127 - 23 + 1023} << 52);
}

// The difference; infinite where one of the two is a NaN or infinite and the other is not the same. What is beyond
// float32 may also be its largest number.
inline double difference(double want, float got) {
  const auto rounded = static_cast<float>(want);
  bool same = got == rounded || (std::isnan(want) && std::isnan(got));
  if (std::isinf(rounded) && !std::isinf(want))
    same |= got == std::copysign(std::numeric_limits<float>::max(), rounded);
  if (std::isfinite(rounded) && std::isfinite(got)) return std::fabs(got - want);
  return same ? 0.0 : HUGE_VAL;
}

struct WorstError {
  double error = 0;
  float at = 0;

  void see(double other, float x) {
    if (!(other > error)) return;
    error = other;
    at = x;
  }
};

// The worst errors of a function over some arguments.
struct Accuracy {
  WorstError ulp;   // in units in the last place, from `from` on
  WorstError tail;  // relative, below it; a result may be 64 of the smallest numbers off

  void see(const VectorFunction& f, float x, float got) {
    const double want = f.exact(x), off = difference(want, got);
    if (!(x < f.from))
      ulp.see(off == 0 ? 0 : off / spacing(static_cast<float>(want)), x);
    else if (off > 64 * spacing(0))
      tail.see(off / std::fabs(want), x);
  }
  void join(const Accuracy& other) {
    ulp.see(other.ulp.error, other.ulp.at);
    tail.see(other.tail.error, other.tail.at);
  }
  bool within_bounds_of(const VectorFunction& f) const { return ulp.error <= f.max_ulp && tail.error <= f.tail; }
};

}  // namespace mote::testing

// One struct for each row of MOTE_UNARY_OPS: it computes one element. Floating-point arguments are float or double
// (16-bit types are widened before); integer arithmetic wraps around. g++ and nvcc both compile this.
#pragma once

#include <cmath>
#include <cstdint>
#include <type_traits>

#include "mote/functors.h"

namespace mote::functor {

// The unsigned type in which integer arithmetic wraps instead of overflowing.
template <class T>
using wrapping_t = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

struct Neg {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(wrapping_t<T>(0) - static_cast<wrapping_t<T>>(x));
    else
      return -x;
  }
};

struct Abs {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::fabs(x);
    else if constexpr (std::is_signed_v<T>)
      return x < 0 ? Neg()(x) : x;
    else
      return x;
  }
};

// -1, 0 or 1; 0 for NaN.
struct Sign {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_signed_v<T>)
      return static_cast<T>((T(0) < x) - (x < T(0)));
    else
      return static_cast<T>(T(0) < x);
  }
};

struct Square {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<wrapping_t<T>>(x) * static_cast<wrapping_t<T>>(x));
    else
      return x * x;
  }
};

// NaN stays NaN.
struct Relu {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_unsigned_v<T>)
      return x;
    else
      return x < T(0) ? T(0) : x;
  }
};

struct Floor {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::floor(x);
    else
      return x;
  }
};

struct Ceil {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::ceil(x);
    else
      return x;
  }
};

// Half to even.
struct Round {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::rint(x);
    else
      return x;
  }
};

struct Trunc {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return std::trunc(x);
    else
      return x;
  }
};

struct Reciprocal {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return T(1) / x;
  }
};

struct Exp {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::exp(x);
  }
};

struct Exp2 {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::exp2(x);
  }
};

struct Expm1 {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::expm1(x);
  }
};

struct Log {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::log(x);
  }
};

struct Log2 {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::log2(x);
  }
};

struct Log10 {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::log10(x);
  }
};

struct Log1p {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::log1p(x);
  }
};

struct Sqrt {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::sqrt(x);
  }
};

struct Rsqrt {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return T(1) / std::sqrt(x);
  }
};

struct Sin {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::sin(x);
  }
};

struct Cos {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::cos(x);
  }
};

struct Tan {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::tan(x);
  }
};

struct Tanh {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::tanh(x);
  }
};

struct Erf {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return std::erf(x);
  }
};

// 1 / (1 + e^-x), through e^-|x| so that tiny results keep their digits.
struct Sigmoid {
  template <class T>
  MOTE_HD T operator()(T x) const {
    const T e = std::exp(-std::fabs(x));
    return (x < T(0) ? e : T(1)) / (T(1) + e);
  }
};

struct Silu {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return x * Sigmoid()(x);
  }
};

// log(1 + e^x); above 20 the 1 no longer matters in float32.
struct Softplus {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return x > T(20) ? x : std::log1p(std::exp(x));
  }
};

// x Phi(x). Through erfc, so that the left tail keeps its digits.
struct GeluErf {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return x * (T(0.5) * std::erfc(x * T(-0.70710678118654752440)));
  }
};

// 0.5 x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), which is x sigmoid(2 sqrt(2 / pi) ...).
struct GeluTanh {
  template <class T>
  MOTE_HD T operator()(T x) const {
    return x * Sigmoid()(x * (T(1.59576912160573071176) + T(0.07135481627260024878) * x * x));
  }
};

struct IsNan {
  template <class T>
  MOTE_HD bool operator()(T x) const {
    return x != x;
  }
};

struct IsInf {
  template <class T>
  MOTE_HD bool operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return x == x && x - x != T(0);
    else
      return false;
  }
};

struct IsFinite {
  template <class T>
  MOTE_HD bool operator()(T x) const {
    if constexpr (std::is_floating_point_v<T>)
      return x - x == T(0);
    else
      return true;
  }
};

struct LogicalNot {
  template <class T>
  MOTE_HD bool operator()(T x) const {
    return x == T(0);
  }
};

struct BitwiseNot {
  template <class T>
  MOTE_HD T operator()(T x) const {
    if constexpr (std::is_same_v<T, bool>)
      return !x;
    else
      return static_cast<T>(~x);
  }
};

}  // namespace mote::functor

// One struct for each row of MOTE_BINARY_OPS: it computes one element from two of the same type. Floating-point
// arguments are float or double; integer arithmetic wraps around.
#pragma once

#include "mote/unary_functors.h"

namespace mote::functor {

// On bool the logical or.
struct Add {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<wrapping_t<T>>(a) + static_cast<wrapping_t<T>>(b));
    else
      return a + b;
  }
};

struct Sub {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<wrapping_t<T>>(a) - static_cast<wrapping_t<T>>(b));
    else
      return a - b;
  }
};

// On bool the logical and.
struct Mul {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    if constexpr (std::is_integral_v<T>)
      return static_cast<T>(static_cast<wrapping_t<T>>(a) * static_cast<wrapping_t<T>>(b));
    else
      return a * b;
  }
};

struct Div {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    return a / b;
  }
};

// a - n b with the sign of b. An integer divisor of 0 gives 0: who calls it must have looked.
struct Remainder {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) {
      const T rest = std::fmod(a, b);
      return rest != T(0) && (rest < T(0)) != (b < T(0)) ? rest + b : rest;
    } else if constexpr (std::is_signed_v<T>) {
      if (b == T(0) || b == T(-1)) return T(0);
      const T rest = a % b;
      return rest != T(0) && (rest < T(0)) != (b < T(0)) ? rest + b : rest;
    } else {
      return b == T(0) ? T(0) : static_cast<T>(a % b);
    }
  }
};

// Rounds toward -infinity. Floating-point quotients are taken from a - remainder, so that a rounded a / b cannot step
// over an integer. An integer divisor of 0 gives 0: who calls it must have looked.
struct FloorDivide {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    if constexpr (std::is_floating_point_v<T>) {
      if (b == T(0)) return a / b;
      const T exact = (a - Remainder()(a, b)) / b;
      if (exact == T(0)) return std::copysign(T(0), a / b);
      return std::rint(exact);
    } else if constexpr (std::is_signed_v<T>) {
      if (b == T(0)) return T(0);
      if (b == T(-1)) return Neg()(a);
      const T quotient = a / b;
      return quotient * b != a && (a < T(0)) != (b < T(0)) ? quotient - 1 : quotient;
    } else {
      return b == T(0) ? T(0) : static_cast<T>(a / b);
    }
  }
};

// An integer to a negative power is 0, except that of 1 and -1.
struct Pow {
  template <class T>
  MOTE_HD T operator()(T base, T exponent) const {
    if constexpr (std::is_floating_point_v<T>) {
      return std::pow(base, exponent);
    } else {
      if constexpr (std::is_signed_v<T>) {
        if (exponent < T(0)) {
          if (base == T(1)) return T(1);
          if (base == T(-1)) return exponent % T(2) != T(0) ? T(-1) : T(1);
          return T(0);
        }
      }
      wrapping_t<T> result = 1, factor = static_cast<wrapping_t<T>>(base);
      for (auto rest = static_cast<wrapping_t<T>>(exponent); rest != 0; rest >>= 1) {
        if (rest & 1) result *= factor;
        factor *= factor;
      }
      return static_cast<T>(result);
    }
  }
};

// NaN wins.
struct Maximum {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    return a > b || a != a ? a : b;
  }
};

struct Minimum {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    return a < b || a != a ? a : b;
  }
};

struct Atan2 {
  template <class T>
  MOTE_HD T operator()(T y, T x) const {
    return std::atan2(y, x);
  }
};

struct LeakyRelu {
  template <class T>
  MOTE_HD T operator()(T x, T slope) const {
    return x > T(0) ? x : x * slope;
  }
};

struct Elu {
  template <class T>
  MOTE_HD T operator()(T x, T alpha) const {
    return x > T(0) ? x : alpha * std::expm1(x);
  }
};

struct Eq {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a == b;
  }
};

struct Ne {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a != b;
  }
};

struct Lt {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a < b;
  }
};

struct Le {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a <= b;
  }
};

struct Gt {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a > b;
  }
};

struct Ge {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a >= b;
  }
};

struct LogicalAnd {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a != T(0) && b != T(0);
  }
};

struct LogicalOr {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return a != T(0) || b != T(0);
  }
};

struct LogicalXor {
  template <class T>
  MOTE_HD bool operator()(T a, T b) const {
    return (a != T(0)) != (b != T(0));
  }
};

struct BitwiseAnd {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    return static_cast<T>(a & b);
  }
};

struct BitwiseOr {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    return static_cast<T>(a | b);
  }
};

struct BitwiseXor {
  template <class T>
  MOTE_HD T operator()(T a, T b) const {
    return static_cast<T>(a ^ b);
  }
};

// --- gradients: g is that of the result, y the result itself, x the argument -----------------------------------------

struct TanhBackward {
  template <class T>
  MOTE_HD T operator()(T g, T y) const {
    return g * (T(1) - y * y);
  }
};

struct SigmoidBackward {
  template <class T>
  MOTE_HD T operator()(T g, T y) const {
    return g * (y * (T(1) - y));
  }
};

// y may be the argument or the result: their signs agree.
struct ReluBackward {
  template <class T>
  MOTE_HD T operator()(T g, T y) const {
    return y <= T(0) ? T(0) : g;
  }
};

struct SiluBackward {
  template <class T>
  MOTE_HD T operator()(T g, T x) const {
    const T s = Sigmoid()(x);
    return g * (s * (T(1) + x * (T(1) - s)));
  }
};

// Phi(x) + x phi(x)
struct GeluErfBackward {
  template <class T>
  MOTE_HD T operator()(T g, T x) const {
    const T cdf = T(0.5) * std::erfc(x * T(-0.70710678118654752440));
    const T density = T(0.39894228040143267794) * std::exp(T(-0.5) * x * x);
    return g * (cdf + x * density);
  }
};

// With s = sigmoid(u): s + x s (1 - s) u'
struct GeluTanhBackward {
  template <class T>
  MOTE_HD T operator()(T g, T x) const {
    const T slope = T(1.59576912160573071176), cubic = T(0.07135481627260024878);
    const T s = Sigmoid()(x * (slope + cubic * x * x));
    return g * (s * (T(1) + x * (T(1) - s) * (slope + T(3) * cubic * x * x)));
  }
};

}  // namespace mote::functor

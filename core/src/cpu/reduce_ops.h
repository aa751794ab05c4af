// What each reduction does with its elements: the types it accumulates in, its neutral value, its step and its end.
#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

#include "mote/backend.h"

namespace mote::cpu {

// Sums of floating-point values accumulate in double from block to block, those of integers in int64.
template <class T>
using wide_t = std::conditional_t<std::is_floating_point_v<compute_t<T>>, double, int64_t>;

template <class T>
struct SumOp {
  using Wide = wide_t<T>;
  static constexpr Wide start() { return 0; }
  static Wide load(T x) { return cast_to<Wide>(x); }
  static Wide combine(Wide a, Wide b) { return a + b; }
  static Wide finish(Wide total, int64_t) { return total; }
};

template <class T>
struct MeanOp : SumOp<T> {
  static double finish(double total, int64_t count) { return total / static_cast<double>(count); }
};

template <class T>
struct NormOp : SumOp<T> {
  using Wide = double;
  static double load(T x) {
    const double value = cast_to<double>(x);
    return value * value;
  }
  static double finish(double total, int64_t) { return std::sqrt(total); }
};

template <class T>
struct ProdOp {
  using Wide = wide_t<T>;
  static constexpr Wide start() { return 1; }
  static Wide load(T x) { return cast_to<Wide>(x); }
  static Wide combine(Wide a, Wide b) { return a * b; }
  static Wide finish(Wide total, int64_t) { return total; }
};

// NaN wins: it is unequal to itself.
template <class T, bool Largest>
struct ExtremeOp {
  using Wide = compute_t<T>;
  static Wide start() {
    using Limits = std::numeric_limits<Wide>;
    if constexpr (Limits::has_infinity) return Largest ? -Limits::infinity() : Limits::infinity();
    return Largest ? Limits::lowest() : Limits::max();
  }
  static Wide load(T x) { return static_cast<Wide>(x); }
  static Wide combine(Wide a, Wide b) { return (Largest ? b > a : b < a) || b != b ? b : a; }
  static Wide finish(Wide extreme, int64_t) { return extreme; }
};
template <class T>
using MaxOp = ExtremeOp<T, true>;
template <class T>
using MinOp = ExtremeOp<T, false>;

template <class T>
struct AnyOp {
  using Wide = bool;
  static bool start() { return false; }
  static bool load(T x) { return cast_to<bool>(x); }
  static bool combine(bool a, bool b) { return a || b; }
  static bool finish(bool value, int64_t) { return value; }
};

template <class T>
struct AllOp {
  using Wide = bool;
  static bool start() { return true; }
  static bool load(T x) { return cast_to<bool>(x); }
  static bool combine(bool a, bool b) { return a && b; }
  static bool finish(bool value, int64_t) { return value; }
};

}  // namespace mote::cpu

// A functor of core as kernels apply it: 16-bit elements are computed in float, tests give bool, and what an operation
// accepts follows from its kind.
#pragma once

#include "kernels/pointwise.cuh"

namespace mote::cuda {

template <OpKind kKind, class T>
inline constexpr bool kAccepts = kKind == OpKind::Any || kKind == OpKind::Test ||
                                 (kKind == OpKind::Float ? is_floating_point(dtype_of<T>) : std::is_integral_v<T>);

template <OpKind kKind, class T>
using result_t = std::conditional_t<kKind == OpKind::Test, bool, T>;

// Only floating-point results are worth the second, dense kernel: the others are masks and indices.
template <class T>
inline constexpr bool kDenseResult = is_floating_point(dtype_of<T>);

}  // namespace mote::cuda

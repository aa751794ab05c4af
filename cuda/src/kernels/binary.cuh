// y[i] = f(a[i], b[i]) for the functors of mote/binary_functors.h, where a or b may be a number. Included by the files
// that share out the operations, so that they compile side by side.
#pragma once

#include "kernels/element_op.cuh"
#include "mote/binary_functors.h"
#include "mote/scalar.h"

namespace mote::cuda {

enum class Number : uint8_t { None, Left, Right };

// What stands where a view could: which side is a number, and its value.
struct BinaryOperands {
  const View* a;
  const View* b;
  const Scalar* number;

  Number side() const { return !a ? Number::Left : (!b ? Number::Right : Number::None); }
  const View& any() const { return a ? *a : *b; }
};

template <class Functor, class Out, class T>
struct BinaryElement {
  using C = compute_t<T>;
  MOTE_HD Out operator()(T a, T b) const { return cast_to<Out>(Functor()(cast_to<C>(a), cast_to<C>(b))); }
};

// One instance for both sides: the side is the same for all threads.
template <class Functor, class Out, class T>
struct NumberElement {
  using C = compute_t<T>;
  C number;
  bool left;
  MOTE_HD Out operator()(T x) const {
    const C value = cast_to<C>(x);
    return cast_to<Out>(Functor()(left ? number : value, left ? value : number));
  }
};

template <class Functor, OpKind kKind>
void run_binary(const char* name, const View& out, const BinaryOperands& operands) {
  const DType dtype = operands.any().dtype;
  dispatch(dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (kAccepts<kKind, T>) {
      using Out = result_t<kKind, T>;
      if (operands.side() == Number::None)
        return pointwise<kDenseResult<Out>, Out, T, T>(name, BinaryElement<Functor, Out, T>(), out, *operands.a,
                                                       *operands.b);
      const NumberElement<Functor, Out, T> op{operands.number->to<compute_t<T>>(), operands.side() == Number::Left};
      pointwise<kDenseResult<Out>, Out, T>(name, op, out, operands.any());
    } else {
      throw_not_for(name, dtype);
    }
  });
}

// The groups of operations, one to a file.
void run_arithmetic(BinaryOp op, const View& out, const BinaryOperands& operands);
void run_comparison(BinaryOp op, const View& out, const BinaryOperands& operands);
void run_activation(BinaryOp op, const View& out, const BinaryOperands& operands);

}  // namespace mote::cuda

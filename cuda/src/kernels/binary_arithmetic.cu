// +, -, *, powers, remainders, extremes and bits.
#include "kernels/binary.cuh"

namespace mote::cuda {

void run_arithmetic(BinaryOp op, const View& out, const BinaryOperands& operands) {
#define MOTE_BINARY_CASE(name) \
  case BinaryOp::name:         \
    return run_binary<functor::name, kind_of(BinaryOp::name)>(#name, out, operands);
  switch (op) {
    MOTE_BINARY_CASE(Add)
    MOTE_BINARY_CASE(Sub)
    MOTE_BINARY_CASE(Mul)
    MOTE_BINARY_CASE(Div)
    MOTE_BINARY_CASE(FloorDivide)
    MOTE_BINARY_CASE(Remainder)
    MOTE_BINARY_CASE(Pow)
    MOTE_BINARY_CASE(Maximum)
    MOTE_BINARY_CASE(Minimum)
    MOTE_BINARY_CASE(BitwiseAnd)
    MOTE_BINARY_CASE(BitwiseOr)
    MOTE_BINARY_CASE(BitwiseXor)
    default:
      throw_not_for(name_of(op), out.dtype);
  }
#undef MOTE_BINARY_CASE
}

}  // namespace mote::cuda

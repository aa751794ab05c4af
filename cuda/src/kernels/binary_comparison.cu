// Comparisons and logic, which give bool.
#include "kernels/binary.cuh"

namespace mote::cuda {

void run_comparison(BinaryOp op, const View& out, const BinaryOperands& operands) {
#define MOTE_BINARY_CASE(name) \
  case BinaryOp::name:         \
    return run_binary<functor::name, kind_of(BinaryOp::name)>(#name, out, operands);
  switch (op) {
    MOTE_BINARY_CASE(Eq)
    MOTE_BINARY_CASE(Ne)
    MOTE_BINARY_CASE(Lt)
    MOTE_BINARY_CASE(Le)
    MOTE_BINARY_CASE(Gt)
    MOTE_BINARY_CASE(Ge)
    MOTE_BINARY_CASE(LogicalAnd)
    MOTE_BINARY_CASE(LogicalOr)
    MOTE_BINARY_CASE(LogicalXor)
    default:
      throw_not_for(name_of(op), out.dtype);
  }
#undef MOTE_BINARY_CASE
}

}  // namespace mote::cuda

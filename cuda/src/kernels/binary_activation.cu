// Activations of two arguments and the gradients of those of one.
#include "kernels/binary.cuh"

namespace mote::cuda {

void run_activation(BinaryOp op, const View& out, const BinaryOperands& operands) {
#define MOTE_BINARY_CASE(name) \
  case BinaryOp::name:         \
    return run_binary<functor::name, kind_of(BinaryOp::name)>(#name, out, operands);
  switch (op) {
    MOTE_BINARY_CASE(Atan2)
    MOTE_BINARY_CASE(LeakyRelu)
    MOTE_BINARY_CASE(Elu)
    MOTE_BINARY_CASE(TanhBackward)
    MOTE_BINARY_CASE(SigmoidBackward)
    MOTE_BINARY_CASE(ReluBackward)
    MOTE_BINARY_CASE(SiluBackward)
    MOTE_BINARY_CASE(GeluErfBackward)
    MOTE_BINARY_CASE(GeluTanhBackward)
    default:
      throw_not_for(name_of(op), out.dtype);
  }
#undef MOTE_BINARY_CASE
}

}  // namespace mote::cuda

// Which file has the kernel of a binary operation.
#include "kernels/binary.cuh"

#include "cuda_backend.h"

namespace mote {

namespace {

void run(BinaryOp op, const View& out, const cuda::BinaryOperands& operands) {
  if (kind_of(op) == OpKind::Test) return cuda::run_comparison(op, out, operands);
  if (kind_of(op) == OpKind::Float && op != BinaryOp::Div) return cuda::run_activation(op, out, operands);
  cuda::run_arithmetic(op, out, operands);
}

}  // namespace

void CudaBackend::binary(BinaryOp op, const View& out, const View& a, const View& b) {
  run(op, out, {&a, &b, nullptr});
}
void CudaBackend::binary(BinaryOp op, const View& out, const View& a, const Scalar& b) {
  run(op, out, {&a, nullptr, &b});
}
void CudaBackend::binary(BinaryOp op, const View& out, const Scalar& a, const View& b) {
  run(op, out, {nullptr, &b, &a});
}

}  // namespace mote

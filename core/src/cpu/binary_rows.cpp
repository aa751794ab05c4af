// Row functions of all binary operations, from their functors.
#include "cpu/element_rows.h"
#include "mote/binary_functors.h"

namespace mote::cpu {

namespace {

template <class F, class T>
void row(const void* a, const void* b, void* out, int64_t n, bool) {
  using Out = decltype(F()(T(), T()));
  const T* left = static_cast<const T*>(a);
  const T* right = static_cast<const T*>(b);
  Out* target = static_cast<Out*>(out);
  for (int64_t i = 0; i < n; ++i) target[i] = F()(left[i], right[i]);
}

template <class F, OpKind kind>
BinaryRow select(DType dtype) {
  if constexpr (kind != OpKind::Bits) {
    if (dtype == DType::Float32) return row<F, float>;
    if (dtype == DType::Float64) return row<F, double>;
  }
  if constexpr (kind != OpKind::Float) {
    if (dtype == DType::Bool) return row<F, bool>;
    if (dtype == DType::UInt8) return row<F, uint8_t>;
    if (dtype == DType::Int32) return row<F, int32_t>;
    if (dtype == DType::Int64) return row<F, int64_t>;
  }
  return nullptr;
}

}  // namespace

BinaryRow find_row(BinaryOp op, DType dtype) {
  if (BinaryRow vectors = find_vector_row(op, dtype)) return vectors;
  switch (op) {
#define MOTE_CASE(name, kind) \
  case BinaryOp::name:        \
    return select<functor::name, OpKind::kind>(dtype);
    MOTE_BINARY_OPS(MOTE_CASE)
#undef MOTE_CASE
  }
  return nullptr;
}

}  // namespace mote::cpu

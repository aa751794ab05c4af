// Row functions of all unary operations, from their functors.
#include "cpu/element_rows.h"
#include "mote/unary_functors.h"

namespace mote::cpu {

namespace {

template <class F, class T>
void row(const void* in, void* out, int64_t n, bool) {
  using Out = decltype(F()(T()));
  const T* source = static_cast<const T*>(in);
  Out* target = static_cast<Out*>(out);
  for (int64_t i = 0; i < n; ++i) target[i] = F()(source[i]);
}

template <class F, OpKind kind>
UnaryRow select(DType dtype) {
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

UnaryRow find_row(UnaryOp op, DType dtype) {
  if (UnaryRow vectors = find_vector_row(op, dtype)) return vectors;
  switch (op) {
#define MOTE_CASE(name, kind) \
  case UnaryOp::name:         \
    return select<functor::name, OpKind::kind>(dtype);
    MOTE_UNARY_OPS(MOTE_CASE)
#undef MOTE_CASE
  }
  return nullptr;
}

}  // namespace mote::cpu

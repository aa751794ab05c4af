#include "ops/type_promotion.h"

namespace mote {

namespace {

int kind_rank(DType dtype) { return dtype == DType::Bool ? 0 : is_integral(dtype) ? 1 : 2; }

}  // namespace

DType result_type(const Tensor& a, const Tensor& b) {
  if (a.dtype() == b.dtype()) return a.dtype();
  if ((a.dim() == 0) == (b.dim() == 0)) return promote_types(a.dtype(), b.dtype());
  const DType dimensioned = a.dim() > 0 ? a.dtype() : b.dtype();
  const DType single = a.dim() > 0 ? b.dtype() : a.dtype();
  return kind_rank(dimensioned) >= kind_rank(single) ? dimensioned : promote_types(dimensioned, single);
}

}  // namespace mote

#include "ops/positions.h"

#include <fmt/format.h>

#include "mote/recording.h"
#include "mote/reduce.h"

namespace mote {

Tensor list_of_positions(const char* op, const Tensor& x, const Tensor& index) {
  check_same_device(op, "self", x, "index", index);
  if (index.dtype() != DType::Int64 && index.dtype() != DType::Int32)
    throw DTypeError(fmt::format("{}: expected index to be int64 or int32, but got {}", op, name_of(index.dtype())));
  if (index.dim() > 1)
    throw ShapeError(
        fmt::format("{}: expected index to have one dimension, but got shape {}", op, index.shape().str()));
  const NoGradGuard no_grad;
  return as_at_least_1d(index.to(DType::Int64));
}

void refuse_negative(const char* op, const Tensor& positions, int64_t dim, int64_t size) {
  if (positions.device().is_meta() || positions.numel() == 0) return;
  refuse_host_read(op, positions.device());
  const NoGradGuard no_grad;
  const Tensor negative = lt(positions, 0);
  if (!negative.any().item<bool>()) return;
  const auto first = negative.to(DType::UInt8).argmax().item<int64_t>();
  name_index_errors(op, [&] { throw_out_of_range(positions.select(0, first).item<int64_t>(), dim, size); });
}

Tensor as_at_least_1d(const Tensor& x) { return x.dim() == 0 ? x.view({1}) : x; }

Tensor copy_of(const char* op, const Tensor& x) {
  Tensor y = make_result(op, x.shape(), x.dtype(), x.device());
  backend_of(x).copy(view_of(y), view_of(x));
  return y;
}

Tensor separate_from(const Tensor& written, const Tensor& source) {
  return written.get().storage == source.get().storage ? copy_of("clone", source) : source;
}

}  // namespace mote

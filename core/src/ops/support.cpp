#include "ops/support.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <numeric>

#include "mote/watch.h"

namespace mote {

namespace {

Ref<Storage> pinned_storage(const char* op, size_t bytes, Device device) {
  if (!device.is_cpu())
    throw DeviceError(fmt::format("{}: only memory of the cpu can be pinned, but the device is {}", op, device.str()));
  if (!pins_memory())
    throw DeviceError(
        fmt::format("{}: pinned memory needs a CUDA device, and there is none: this build of mote has no CUDA backend, "
                    "or the machine has no such device; ask cuda::is_available() first",
                    op));
  return make_ref<Storage>(bytes, backend_of(Device(DeviceType::CUDA)));
}

}  // namespace

bool pins_memory() { return has_backend(DeviceType::CUDA) && backend_of(Device(DeviceType::CUDA)).pins_memory(); }

Tensor make_result(const char* op, const Shape& shape, DType dtype, Device device, bool pinned) {
  int64_t numel = 1;
  bool fits = true, nothing = false;
  for (int64_t size : shape) {
    if (size < 0) throw ShapeError(fmt::format("{}: a size may not be negative, but got shape {}", op, shape.str()));
    nothing |= size == 0;
    fits &= !__builtin_mul_overflow(numel, size, &numel);
  }
  if (!fits && !nothing)
    throw ShapeError(fmt::format("{}: shape {} has more elements than can be counted", op, shape.str()));
  int64_t bytes = 0;
  if (!nothing && __builtin_mul_overflow(numel, static_cast<int64_t>(size_of(dtype)), &bytes))
    throw OutOfMemoryError(fmt::format("{}: a tensor of shape {} and dtype {} has more bytes than can be addressed", op,
                                       shape.str(), name_of(dtype)));
  const auto size = static_cast<size_t>(bytes);
  Ref<TensorImpl> impl =
      make_ref<TensorImpl>(pinned ? pinned_storage(op, size, device) : make_ref<Storage>(size, device), shape,
                           contiguous_strides(shape), 0, dtype);
  impl->origin.op = op;
  if (detail::is_watching()) detail::note(*impl);
  return Tensor(std::move(impl));
}

Tensor make_result_in_order_of(const char* op, const Tensor& x, const Shape& shape, DType dtype) {
  const int rank = shape.rank();
  Shape order = Shape::filled(rank, 0), inverse = order, in_memory = order;
  std::iota(order.begin(), order.end(), 0);
  const bool has_rows = rank > 0 && x.stride(-1) == 1;  // whose elements stay neighbours
  std::stable_sort(order.begin(), order.end() - (has_rows ? 1 : 0),
                   [&](int64_t a, int64_t b) { return x.stride(a) > x.stride(b); });
  for (int i = 0; i < rank; ++i) {
    in_memory[i] = shape[order[i]];
    inverse[order[i]] = i;
  }
  const NoGradGuard no_grad;
  return make_result(op, in_memory, dtype, x.device()).permute(inverse);
}

bool is_sole_owner(const Tensor& x) {
  const TensorImpl& impl = x.get();
  return impl.use_count() == 1 && impl.storage->use_count() == 1 && impl.contiguous && !impl.requires_grad &&
         !impl.storage->is_borrowed();
}

Tensor alias_of(const Tensor& x) {
  const TensorImpl& source = x.get();
  Ref<TensorImpl> impl =
      make_ref<TensorImpl>(source.storage, source.shape, source.strides, source.offset, source.dtype);
  impl->origin = source.origin;
  return Tensor(std::move(impl));
}

Tensor make_view(const Tensor& x, const Shape& shape, const Shape& strides, int64_t offset) {
  const TensorImpl& source = x.get();
  Ref<TensorImpl> impl = make_ref<TensorImpl>(source.storage, shape, strides, offset, source.dtype);
  impl->origin = source.origin;
  if (is_grad_enabled()) {
    impl->base = source.base ? source.base : x.impl_ref();
    impl->base_history = impl->base->history;
  } else {
    impl->loose = source.requires_grad || source.loose;
  }
  if (detail::is_watching()) detail::note(*impl);
  return Tensor(std::move(impl));
}

void check_same_device(const char* op, std::initializer_list<NamedTensor> operands) {
  for (const NamedTensor& operand : operands)
    if (operand.tensor->device() != operands.begin()->tensor->device()) throw_device_mismatch(op, operands);
}

void check_floating_point(const char* op, const Tensor& x) {
  if (!x.is_floating_point())
    throw DTypeError(
        fmt::format("{}: expected a floating-point tensor, but got {} of shape {}; convert it with "
                    ".to(mote::float32)",
                    op, name_of(x.dtype()), x.shape().str()));
}

void check_dtype(const char* op, const char* name, const Tensor& x, DType expected) {
  if (x.dtype() != expected)
    throw DTypeError(fmt::format("{}: expected {} to be {}, but got {}; convert it with .to(mote::{})", op, name,
                                 name_of(expected), name_of(x.dtype()),
                                 expected == DType::Bool ? "bool_" : name_of(expected)));
}

void check_aligned(const char* op, const void* data, DType dtype) {
  const size_t alignment = size_of(dtype);
  if (reinterpret_cast<uintptr_t>(data) % alignment != 0)
    throw ValueError(fmt::format(
        "{}: the memory at {} is not aligned to elements of {}; copy it to memory aligned to {} bytes first", op, data,
        name_of(dtype), alignment));
}

int64_t extent_of(const Shape& shape, const Shape& strides) {
  int64_t extent = 1;
  bool fits = true;
  for (int i = 0; i < shape.rank(); ++i) {
    if (shape[i] == 0) return 0;
    int64_t reach = 0;
    fits &=
        !__builtin_mul_overflow(shape[i] - 1, strides[i], &reach) && !__builtin_add_overflow(extent, reach, &extent);
  }
  return fits ? extent : INT64_MAX;
}

bool overlaps_itself(const Shape& shape, const Shape& strides) {
  if (is_contiguous(shape, strides)) return false;
  Shape order;
  for (int i = 0; i < shape.rank(); ++i)
    if (shape[i] > 1) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return strides[a] < strides[b]; });
  int64_t reach = 0;  // the furthest element of the dimensions seen so far
  for (int64_t dim : order) {
    if (strides[dim] <= reach) return true;
    reach += (shape[dim] - 1) * strides[dim];
  }
  return false;
}

void check_recordable(const char* op, const Tensor& self) {
  if (self.get().loose)
    throw StateError(fmt::format(
        "{}: self is a view that was made under a mote::NoGradGuard, so that this change would not reach the "
        "gradient of the tensor it views; make the view outside of the guard, or change its clone() or "
        "detach()",
        op));
}

void check_writable(const char* op, const Tensor& self) {
  const TensorImpl& impl = self.get();
  if (is_grad_enabled() && impl.requires_grad && !impl.grad_fn)
    throw StateError(
        fmt::format("{}: a leaf that requires grad is changed in place; do it under a mote::NoGradGuard, "
                    "or on a copy",
                    op));
  if (is_grad_enabled() && impl.base && impl.base->requires_grad && !impl.base->grad_fn)
    throw StateError(
        fmt::format("{}: a view of a leaf that requires grad is changed in place; do it under a "
                    "mote::NoGradGuard, or on a copy",
                    op));
  if (!impl.contiguous && overlaps_itself(impl.shape, impl.strides))
    throw ShapeError(
        fmt::format("{}: cannot write to a tensor of shape {} and strides {}, where several indices share "
                    "one element (the result of expand); write to its clone()",
                    op, impl.shape.str(), impl.strides.str()));
}

}  // namespace mote

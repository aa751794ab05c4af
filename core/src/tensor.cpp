#include "mote/tensor.h"

#include <fmt/format.h>

#include "mote/backend.h"
#include "mote/error.h"
#include "mote/node.h"
#include "mote/recording.h"
#include "mote/watch.h"
#include "ops/support.h"
#include "small_objects.h"

namespace mote {

TensorImpl::TensorImpl(Ref<Storage> storage_, const Shape& shape_, const Shape& strides_, int64_t offset_, DType dtype_)
    : storage(std::move(storage_)),
      shape(shape_),
      strides(strides_),
      offset(offset_),
      numel(shape_.numel()),
      dtype(dtype_),
      contiguous(mote::is_contiguous(shape_, strides_)) {}

TensorImpl::~TensorImpl() {
  if (is_watched()) detail::forget(*this);
}

void* TensorImpl::operator new(size_t size) { return allocate_object(size); }
void TensorImpl::operator delete(void* memory, size_t size) noexcept { deallocate_object(memory, size); }

void Tensor::throw_undefined() {
  throw StateError(
      "Tensor: expected a tensor with data, but got an undefined one (a default-constructed Tensor, or a "
      "grad() before the first backward)");
}

namespace {

// Throws where nobody but this temporary knows its memory: what is written there is lost.
void check_assignable(const Tensor& temporary) {
  const TensorImpl& impl = temporary.get();
  if (impl.use_count() == 1 && impl.storage->use_count() == 1 && !impl.storage->is_borrowed())
    throw StateError(
        "Tensor: this assignment to a temporary would be lost, because the temporary is a copy (an index with a tensor "
        "in it gives one); write x.index_put_({mask}, value) in place of x.index({mask}) = value");
}

}  // namespace

void Tensor::operator=(const Tensor& source) && {
  check_assignable(*this);
  mote::copy_(*this, source);
}
void Tensor::operator=(const Scalar& value) && {
  check_assignable(*this);
  mote::fill_(*this, value);
}

namespace detail {

Scalar item(const Tensor& x) {
  const TensorImpl& impl = x.get();
  if (impl.numel != 1)
    throw ShapeError(fmt::format("item: expected a tensor of one element, but got shape {} with {} elements",
                                 impl.shape.str(), impl.numel));
  if (x.device().is_meta()) throw DeviceError("item: a tensor on meta has no data");
  refuse_host_read("item", x.device());
  alignas(8) unsigned char bytes[8];
  backend_of(x.device()).copy_to_host(bytes, data_of(x), size_of(impl.dtype), x.device().index());
  return dispatch(impl.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    return Scalar(*reinterpret_cast<const T*>(bytes));
  });
}

void* checked_data(const Tensor& x, DType dtype) {
  if (x.dtype() != dtype)
    throw DTypeError(
        fmt::format("data_ptr: expected a tensor of dtype {}, but got {}", name_of(dtype), name_of(x.dtype())));
  x.get().storage->expose();
  return data_of(x);
}

int64_t checked_dim(const Tensor& x, int64_t dim) {
  const int64_t rank = x.dim();
  if (dim < -rank || dim >= rank)
    throw IndexError(fmt::format("size: dimension out of range for shape {}: {}", x.shape().str(), dim));
  return dim < 0 ? dim + rank : dim;
}

}  // namespace detail

}  // namespace mote

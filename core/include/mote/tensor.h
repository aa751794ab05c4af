// Tensor: a handle to a strided array on one device. Copying a handle shares the array; clone() copies it.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "mote/tensor_impl.h"
#include "mote/tensor_methods.h"

namespace mote {

// dtype, device and requires_grad of a tensor to be made; what is left out has the function's default. pinned_memory:
// see pin_memory.
struct TensorOptions {
  std::optional<DType> dtype = std::nullopt;
  std::optional<Device> device = std::nullopt;
  bool requires_grad = false;
  bool pinned_memory = false;
};

class Tensor : public TensorMethods<Tensor> {
 public:
  Tensor() = default;
  explicit Tensor(Ref<TensorImpl> impl) : impl_(std::move(impl)) {}
  Tensor(const Tensor&) = default;
  Tensor(Tensor&&) noexcept = default;
  Tensor& operator=(const Tensor&) & = default;
  Tensor& operator=(Tensor&&) & noexcept = default;
  // Assigning to a temporary writes through the view that it is: `x[0] = y`, `x.index({...}) = 1.0`. A StateError where
  // it is a copy, as x.index({mask}) gives: index_put_ writes there.
  void operator=(const Tensor& source) &&;
  void operator=(const Scalar& value) &&;

  const Tensor& tensor() const { return *this; }
  TensorImpl* impl() const { return impl_.get(); }
  const Ref<TensorImpl>& impl_ref() const { return impl_; }
  // The implementation, or a StateError for a Tensor that holds none.
  TensorImpl& get() const {
    if (!impl_) throw_undefined();
    return *impl_;
  }

 private:
  [[noreturn]] static void throw_undefined();

  Ref<TensorImpl> impl_;
};

// What max, min, sort and topk along a dimension give: the values, and their int64 positions in that dimension.
struct ValuesAndIndices {
  Tensor values;
  Tensor indices;
};

// One entry of an index expression.
class TensorIndex {
 public:
  enum class Kind : uint8_t { None, Ellipsis, Integer, Slice, Tensor };

  TensorIndex(NoneType) : kind(Kind::None) {}
  TensorIndex(EllipsisType) : kind(Kind::Ellipsis) {}
  template <std::integral T>
  requires(!std::is_same_v<T, bool>) TensorIndex(T position)
      : kind(Kind::Integer), integer(static_cast<int64_t>(position)) {}
  TensorIndex(const mote::Slice& range) : kind(Kind::Slice), slice(range) {}
  // Integer positions, or a boolean mask over as many dimensions as it has.
  TensorIndex(const mote::Tensor& positions) : kind(Kind::Tensor), tensor(positions) {}

  Kind kind;
  int64_t integer = 0;
  mote::Slice slice;
  mote::Tensor tensor;
};

// True where both handles are the same tensor object.
inline bool is_same(const Tensor& a, const Tensor& b) { return a.impl() == b.impl(); }

// Prints as PyTorch prints: values in columns, then dtype, device and grad_fn where they are not the default.
std::ostream& operator<<(std::ostream& stream, const Tensor& tensor);

}  // namespace mote

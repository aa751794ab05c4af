// What every operation needs around its mathematics: views for the backend, results, checks, in-place bookkeeping.
#pragma once

#include <initializer_list>
#include <utility>

#include "mote/backend.h"
#include "mote/error.h"
#include "mote/node.h"
#include "mote/tensor.h"

namespace mote {

// --- from tensors to the backend -------------------------------------------------------------------------------------

// Null on meta, whatever the offset.
inline void* data_of(const Tensor& x) {
  const TensorImpl& impl = x.get();
  char* const start = static_cast<char*>(impl.storage->data());
  return start ? start + impl.offset * static_cast<int64_t>(size_of(impl.dtype)) : nullptr;
}

inline View view_of(const Tensor& x) {
  const TensorImpl& impl = x.get();
  return {data_of(x), impl.dtype, impl.shape, impl.strides, x.device().index()};
}

// x as it looks when broadcast to `shape`.
inline View view_of(const Tensor& x, const Shape& shape) {
  const TensorImpl& impl = x.get();
  if (impl.shape == shape) return view_of(x);
  return {data_of(x), impl.dtype, shape, broadcast_strides(impl.shape, impl.strides, shape), x.device().index()};
}

inline Backend& backend_of(const Tensor& x) { return backend_of(x.device()); }

// --- results ---------------------------------------------------------------------------------------------------------

// A dense row-major tensor that is not yet filled. `op` becomes its origin. Pinned memory is the CPU's: a DeviceError
// for another device, or where there is no device that pins.
Tensor make_result(const char* op, const Shape& shape, DType dtype, Device device, bool pinned = false);

// The same of x's device, whose dimensions lie in memory in the order of those of x, which has as many; of equal
// strides the earlier dimension comes first.
Tensor make_result_in_order_of(const char* op, const Tensor& x, const Shape& shape, DType dtype);

// Whether nothing but this handle knows the memory, so that what it holds may be overwritten: dense, without history.
bool is_sole_owner(const Tensor& x);

// Whether some device can pin memory of the host.
bool pins_memory();

// Another look at the memory of x, without a gradient rule. In grad mode it remembers its base, so that an in-place
// change reaches the base's history.
Tensor make_view(const Tensor& x, const Shape& shape, const Shape& strides, int64_t offset);

// The same memory and geometry without history and without a base.
Tensor alias_of(const Tensor& x);

// --- checks ----------------------------------------------------------------------------------------------------------

struct NamedTensor {
  const char* name;  // the argument's name in the operation's signature
  const Tensor* tensor;
};

// Says which operand is where, whose it is, and what to do about it.
[[noreturn]] void throw_device_mismatch(const char* op, std::initializer_list<NamedTensor> operands);

inline void check_same_device(const char* op, const char* name_a, const Tensor& a, const char* name_b,
                              const Tensor& b) {
  if (a.device() != b.device()) throw_device_mismatch(op, {{name_a, &a}, {name_b, &b}});
}
void check_same_device(const char* op, std::initializer_list<NamedTensor> operands);

// `generator`, which must be of `device`, or the default one of this device where it is null.
Generator& generator_for(const char* op, Device device, Generator* generator);

void check_floating_point(const char* op, const Tensor& x);
void check_dtype(const char* op, const char* name, const Tensor& x, DType expected);

// Throws a ValueError where memory that somebody else allocated cannot hold elements of this dtype.
void check_aligned(const char* op, const void* data, DType dtype);

// Runs `call`, which asks a backend to look up positions, with the name of the operation for its IndexError.
template <class Call>
void name_index_errors(const char* op, const Call& call) {
  const IndexErrorName name(op);
  call();
}

// --- in place --------------------------------------------------------------------------------------------------------

// Throws where `self` may not be written: a leaf that requires grad (in grad mode), or memory that overlaps itself.
void check_writable(const char* op, const Tensor& self);

// Throws where a change of `self` cannot be recorded for backward.
void check_recordable(const char* op, const Tensor& self);

// How many elements of memory a tensor of this geometry spans, from its first to its last; 0 where it has none,
// and INT64_MAX where there are too many to count.
int64_t extent_of(const Shape& shape, const Shape& strides);

// Whether two indices may reach one element: some dimension with a step of 0, or steps too small for the sizes.
bool overlaps_itself(const Shape& shape, const Shape& strides);

// A fresh flat buffer of at least `min_size` elements in which `.as_strided(shape, strides, offset)` reads x, which has
// that shape; zeros elsewhere. Where several indices share an element, their values add up. Differentiable.
Tensor restride(const Tensor& x, const Shape& shape, const Shape& strides, int64_t offset, int64_t min_size = 0);

// Gives `self` the history of `result`, which was computed from self's old value; a base is given one through its view.
void rebase_history(const Tensor& self, const Tensor& result);

// Runs an in-place operation. `compute(source, out)` returns op(source), written to *out where out is not null, whose
// shape and dtype are those of self. Without gradients it writes straight into self; with them it computes from a
// recorded copy, since backward may need the old value.
template <class Compute>
Tensor in_place(const char* op, const Tensor& self, bool needs_gradient, Compute compute) {
  check_writable(op, self);
  if (!needs_gradient) {
    compute(self, &self);
    self.get().storage->bump_version();
    return self;
  }
  check_recordable(op, self);
  const Tensor result = compute(mote::clone(self), nullptr);
  backend_of(self).copy(view_of(self), view_of(result));
  self.get().storage->bump_version();
  rebase_history(self, result);
  return self;
}

}  // namespace mote

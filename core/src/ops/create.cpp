// Functions that make tensors out of nothing, out of numbers, or over memory that exists.
#include <fmt/format.h>

#include <cmath>

#include "mote/creation.h"
#include "mote/watch.h"
#include "ops/support.h"

namespace mote {

namespace {

// A tensor that is not yet filled, with its origin.
Tensor make(const char* op, const Shape& shape, DType dtype, const TensorOptions& options,
            const SourceLocation& where) {
  Tensor x =
      make_result(op, shape, options.dtype.value_or(dtype), options.device.value_or(Device()), options.pinned_memory);
  x.get().origin.where = where;
  if (options.requires_grad) x.requires_grad_();
  return x;
}

Tensor make_filled(const char* op, const Shape& shape, const Scalar& value, DType dtype, const TensorOptions& options,
                   const SourceLocation& where) {
  Tensor x = make(op, shape, dtype, options, where);
  backend_of(x).fill(view_of(x), value);
  return x;
}

// `options` with what it leaves out taken from x.
TensorOptions like(const Tensor& x, const TensorOptions& options) {
  TensorOptions result = options;
  result.dtype = options.dtype.value_or(x.dtype());
  result.device = options.device.value_or(x.device());
  return result;
}

DType dtype_of_number(const Scalar& value) {
  if (value.is_bool()) return DType::Bool;
  return value.is_integral() ? DType::Int64 : default_dtype();
}

}  // namespace

Tensor empty(const Shape& shape, const TensorOptions& options, SourceLocation where) {
  return make("empty", shape, default_dtype(), options, where);
}

Tensor zeros(const Shape& shape, const TensorOptions& options, SourceLocation where) {
  return make_filled("zeros", shape, 0, default_dtype(), options, where);
}

Tensor ones(const Shape& shape, const TensorOptions& options, SourceLocation where) {
  return make_filled("ones", shape, 1, default_dtype(), options, where);
}

Tensor full(const Shape& shape, const Scalar& value, const TensorOptions& options, SourceLocation where) {
  return make_filled("full", shape, value, dtype_of_number(value), options, where);
}

Tensor empty_like(const Tensor& x, const TensorOptions& options, SourceLocation where) {
  return make("empty_like", x.shape(), x.dtype(), like(x, options), where);
}

Tensor zeros_like(const Tensor& x, const TensorOptions& options, SourceLocation where) {
  return make_filled("zeros_like", x.shape(), 0, x.dtype(), like(x, options), where);
}

Tensor ones_like(const Tensor& x, const TensorOptions& options, SourceLocation where) {
  return make_filled("ones_like", x.shape(), 1, x.dtype(), like(x, options), where);
}

Tensor full_like(const Tensor& x, const Scalar& value, const TensorOptions& options, SourceLocation where) {
  return make_filled("full_like", x.shape(), value, x.dtype(), like(x, options), where);
}

// --- ranges ----------------------------------------------------------------------------------------------------------

namespace {

// How many values start, start + step, … lie before end.
int64_t range_size(const Scalar& start, const Scalar& end, const Scalar& step) {
  const double first = start.to<double>(), last = end.to<double>(), by = step.to<double>();
  if (!std::isfinite(first) || !std::isfinite(last) || !(by != 0.0) || std::isnan(by))
    throw ValueError(
        fmt::format("arange: expected finite bounds and a step other than 0, but got {}, {} and {}", first, last, by));
  if ((by > 0) != (last >= first) && first != last)
    throw ValueError(fmt::format("arange: a step of {} does not lead from {} to {}", by, first, last));
  if (start.is_floating_point() || end.is_floating_point() || step.is_floating_point()) {
    const double size = std::ceil((last - first) / by);
    if (!(size < 9.0e18)) throw ValueError(fmt::format("arange: {} values do not fit into memory", size));
    return static_cast<int64_t>(size);
  }
  // In unsigned numbers, where a difference of any two integers fits.
  const bool up = by > 0;
  const auto from = static_cast<uint64_t>(start.to<int64_t>()), to = static_cast<uint64_t>(end.to<int64_t>());
  const auto stride = static_cast<uint64_t>(step.to<int64_t>());
  const uint64_t distance = up ? to - from : from - to, unit = up ? stride : 0 - stride;
  return static_cast<int64_t>(distance / unit + (distance % unit != 0 ? 1 : 0));
}

}  // namespace

Tensor arange(const Scalar& start, const Scalar& end, const Scalar& step, const TensorOptions& options,
              SourceLocation where) {
  const bool whole = !start.is_floating_point() && !end.is_floating_point() && !step.is_floating_point();
  if (!whole && options.dtype == DType::Int64)  // the bounds are cut to integers first
    return arange(start.to<int64_t>(), end.to<int64_t>(), step.to<int64_t>(), options, where);
  const int64_t size = range_size(start, end, step);
  Tensor x = make("arange", {size}, whole ? DType::Int64 : default_dtype(), options, where);
  backend_of(x).arange(view_of(x), start, step);
  return x;
}

Tensor arange(const Scalar& start, const Scalar& end, const TensorOptions& options, SourceLocation where) {
  return arange(start, end, 1, options, where);
}

Tensor arange(const Scalar& end, const TensorOptions& options, SourceLocation where) {
  return arange(0, end, 1, options, where);
}

Tensor linspace(double start, double end, int64_t steps, const TensorOptions& options, SourceLocation where) {
  if (steps < 0) throw ValueError(fmt::format("linspace: expected no negative number of steps, but got {}", steps));
  Tensor x = make("linspace", {steps}, default_dtype(), options, where);
  backend_of(x).linspace(view_of(x), start, end);
  return x;
}

Tensor eye(int64_t n, int64_t m, const TensorOptions& options, SourceLocation where) {
  Tensor x = make_filled("eye", {n, m}, 0, default_dtype(), options, where);
  backend_of(x).fill({data_of(x), x.dtype(), {std::min(n, m)}, {m + 1}}, 1);
  return x;
}

Tensor eye(int64_t n, const TensorOptions& options, SourceLocation where) { return eye(n, n, options, where); }

// --- from numbers ----------------------------------------------------------------------------------------------------

namespace {

// Flattens nested braces and checks that they are regular.
class Flattener {
 public:
  explicit Flattener(const NestedList& values) {
    for (const NestedList* level = &values; level->is_list(); level = &level->items()[0]) {
      shape_.push_back(static_cast<int64_t>(level->items().size()));
      if (level->items().empty()) break;
    }
    numbers_.reserve(static_cast<size_t>(shape_.numel()));
    add(values, 0);
  }

  const Shape& shape() const { return shape_; }
  const std::vector<Scalar>& numbers() const { return numbers_; }

  DType dtype() const {
    DType dtype = numbers_.empty() ? default_dtype() : DType::Bool;
    for (const Scalar& number : numbers_) dtype = std::max(dtype, dtype_of_number(number));
    return dtype;
  }

 private:
  void add(const NestedList& values, int depth) {
    if (depth == shape_.rank()) {
      if (values.is_list())
        throw ShapeError(fmt::format("tensor: expected a number at {}, but got a list of {}", position(depth),
                                     values.items().size()));
      numbers_.push_back(values.value());
      return;
    }
    if (!values.is_list())
      throw ShapeError(
          fmt::format("tensor: expected a list of {} at {}, but got a number", shape_[depth], position(depth)));
    const auto size = static_cast<int64_t>(values.items().size());
    if (size != shape_[depth])
      throw ShapeError(
          fmt::format("tensor: expected a list of {} at {}, but got one of {}", shape_[depth], position(depth), size));
    for (int64_t i = 0; i < size; ++i) {
      at_[depth] = i;
      add(values.items()[static_cast<size_t>(i)], depth + 1);
    }
  }

  std::string position(int depth) const { return Shape(at_, depth).str(); }

  Shape shape_;
  int64_t at_[kMaxRank] = {};
  std::vector<Scalar> numbers_;
};

}  // namespace

Tensor tensor(const NestedList& values, const TensorOptions& options, SourceLocation where) {
  const Flattener flat(values);
  Tensor x = make("tensor", flat.shape(), flat.dtype(), options, where);
  std::vector<unsigned char> bytes(flat.numbers().size() * x.element_size());
  dispatch(x.dtype(), [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    T* element = reinterpret_cast<T*>(bytes.data());
    for (const Scalar& number : flat.numbers()) *element++ = number.to<T>();
  });
  if (!bytes.empty()) backend_of(x).copy_from_host(data_of(x), bytes.data(), bytes.size(), x.device().index());
  return x;
}

// --- over existing memory --------------------------------------------------------------------------------------------

Tensor from_blob(void* data, const Shape& shape, const Shape& strides, const TensorOptions& options,
                 std::function<void(void*)> deleter, SourceLocation where) {
  bool valid = shape.rank() == strides.rank();
  for (int i = 0; valid && i < shape.rank(); ++i) valid = shape[i] >= 0 && strides[i] >= 0;
  if (!valid)
    throw ShapeError(fmt::format(
        "from_blob: expected a stride for each size and no negative number, but got shape {} and strides {}",
        shape.str(), strides.str()));
  const DType dtype = options.dtype.value_or(default_dtype());
  const Device device = options.device.value_or(Device());
  const int64_t extent = extent_of(shape, strides);
  if (extent > INT64_MAX / 8)
    throw ShapeError(fmt::format("from_blob: shape {} with strides {} spans more memory than there can be", shape.str(),
                                 strides.str()));
  const auto bytes = static_cast<size_t>(extent) * size_of(dtype);
  if (!data && bytes > 0 && !device.is_meta())
    throw ValueError(fmt::format("from_blob: expected memory for shape {}, but got a null pointer", shape.str()));
  check_aligned("from_blob", data, dtype);
  if (options.pinned_memory)
    throw ValueError(
        "from_blob: pinned_memory is for memory that mote allocates; what is pinned already is known to be so: leave "
        "it out");
  backend_of(device);  // the device must exist
  Tensor x(make_ref<TensorImpl>(make_ref<Storage>(data, bytes, device, std::move(deleter)), shape, strides, 0, dtype));
  x.get().origin = {"from_blob", where};
  if (detail::is_watching()) detail::note(x.get());
  if (options.requires_grad) x.requires_grad_();
  return x;
}

Tensor from_blob(void* data, const Shape& shape, const TensorOptions& options, std::function<void(void*)> deleter,
                 SourceLocation where) {
  return from_blob(data, shape, contiguous_strides(shape), options, std::move(deleter), where);
}

}  // namespace mote

// The methods of a tensor. They are inherited by Tensor, nn::Parameter and nn::Buffer alike: each is read as a
// `const Tensor&`, and a method only forwards to the function of its name, where its documentation stands.
#pragma once

#include <functional>
#include <string>

#include "mote/elementwise.h"
#include "mote/fwd.h"
#include "mote/in_place_methods.h"
#include "mote/indexing.h"
#include "mote/join.h"
#include "mote/matmul.h"
#include "mote/reduce.h"
#include "mote/softmax.h"
#include "mote/sort.h"
#include "mote/tensor_impl.h"
#include "mote/views.h"

namespace mote {

struct BackwardOptions;
class Node;

namespace cuda {
class Stream;  // mote/cuda_stream.h
}

namespace detail {
Tensor set_requires_grad(const Tensor& x, bool value);
Node* grad_fn(const Tensor& x);
Tensor grad_of(const Tensor& x);
void set_grad(const Tensor& x, const Tensor& gradient);
void retain_grad(const Tensor& x);
uint64_t register_hook(const Tensor& x, std::function<Tensor(const Tensor&)> hook);
void backward_from(const Tensor& x, const Tensor* gradient, const BackwardOptions* options);
// The single element of a tensor on any device. Throws ShapeError for another number of elements.
Scalar item(const Tensor& x);
void* checked_data(const Tensor& x, DType dtype);
int64_t checked_dim(const Tensor& x, int64_t dim);
std::string tensor_string(const Tensor& x);
void record_stream(const Tensor& x, const cuda::Stream& stream);  // defined beside the allocator
}  // namespace detail

// Tensor is still incomplete here; as template parameters the two result types are looked at when a method is used.
template <class Self, class Tensor = mote::Tensor, class ValuesAndIndices = mote::ValuesAndIndices>
class TensorMethods : public InPlaceMethods<Self, Tensor> {
 public:
  // --- what it is ---
  bool defined() const { return self().impl() != nullptr; }
  const Shape& shape() const { return self().get().shape; }
  const Shape& sizes() const { return self().get().shape; }
  const Shape& strides() const { return self().get().strides; }
  int64_t size(int64_t dim) const { return shape()[detail::checked_dim(self(), dim)]; }
  int64_t stride(int64_t dim) const { return strides()[detail::checked_dim(self(), dim)]; }
  int64_t dim() const { return self().get().shape.rank(); }
  int64_t numel() const { return self().get().numel; }
  DType dtype() const { return self().get().dtype; }
  Device device() const { return self().get().storage->device(); }
  int64_t storage_offset() const { return self().get().offset; }
  size_t element_size() const { return size_of(dtype()); }
  bool is_contiguous() const { return self().get().contiguous; }
  bool is_floating_point() const { return mote::is_floating_point(dtype()); }
  // Values in columns, as PyTorch prints them.
  std::string str() const { return detail::tensor_string(self()); }

  // --- data ---
  // The only element, converted to T. Waits for the device. Throws ShapeError unless there is exactly one element.
  template <class T>
  T item() const {
    return detail::item(self()).template to<T>();
  }
  // The first element in the memory of its device. Throws DTypeError where T is not the element type.
  template <class T>
  T* data_ptr() const {
    return static_cast<T*>(detail::checked_data(self(), dtype_of<T>));
  }
  void* data_ptr() const { return detail::checked_data(self(), dtype()); }

  // --- autograd (see autograd.h) ---
  bool requires_grad() const {
    const TensorImpl& impl = self().get();
    return impl.requires_grad || (impl.base && impl.base->history != impl.base_history && impl.base->requires_grad);
  }
  // Starts (or stops) recording of what is done with this leaf. DTypeError unless floating-point; StateError on a
  // result of recorded operations.
  Tensor requires_grad_(bool value = true) const { return detail::set_requires_grad(self(), value); }
  // True for tensors that the user made and for all that do not require grad.
  bool is_leaf() const { return grad_fn() == nullptr; }
  // The operation that made this tensor, or null. Its name() is the operation's.
  Node* grad_fn() const { return detail::grad_fn(self()); }
  // The accumulated gradient; an undefined Tensor before the first backward.
  Tensor grad() const { return detail::grad_of(self()); }
  void set_grad(const Tensor& gradient) const { detail::set_grad(self(), gradient); }
  // Makes backward keep the gradient of a tensor that is no leaf.
  void retain_grad() const { detail::retain_grad(self()); }
  // Calls `hook` with each gradient of this tensor; what it returns, unless undefined, replaces the gradient. Gives an
  // id for remove_hook.
  uint64_t register_hook(std::function<Tensor(const Tensor&)> hook) const {
    return detail::register_hook(self(), std::move(hook));
  }
  // Gradients of this tensor with respect to all leaves; see mote::backward.
  void backward() const { detail::backward_from(self(), nullptr, nullptr); }
  void backward(const BackwardOptions& options) const { detail::backward_from(self(), nullptr, &options); }
  void backward(const Tensor& gradient) const { detail::backward_from(self(), &gradient, nullptr); }
  void backward(const Tensor& gradient, const BackwardOptions& options) const {
    detail::backward_from(self(), &gradient, &options);
  }
  // How often the memory of this tensor was changed in place.
  uint32_t version() const { return self().get().storage->version(); }

  // --- conversion ---
  Tensor to(DType dtype, bool copy = false) const { return mote::to(self(), dtype, copy); }
  Tensor to(const Device& device, bool copy = false) const { return mote::to(self(), device, copy); }
  Tensor to(const char* device, bool copy = false) const { return mote::to(self(), Device(device), copy); }
  Tensor to(const Device& device, DType dtype, bool copy = false) const {
    return mote::to(self(), device, dtype, copy);
  }
  Tensor to(DType dtype, const ToOptions& options) const { return mote::to(self(), dtype, options); }
  Tensor to(const Device& device, const ToOptions& options) const { return mote::to(self(), device, options); }
  Tensor to(const char* device, const ToOptions& options) const { return mote::to(self(), Device(device), options); }
  Tensor to(const Device& device, DType dtype, const ToOptions& options) const {
    return mote::to(self(), device, dtype, options);
  }
  Tensor cpu() const { return mote::to(self(), Device(DeviceType::CPU)); }
  Tensor cuda(int index = 0, bool non_blocking = false) const {
    return mote::to(self(), Device(DeviceType::CUDA, index), {.non_blocking = non_blocking});
  }
  Tensor pin_memory() const { return mote::pin_memory(self()); }
  bool is_pinned() const { return mote::is_pinned(self()); }
  // Tells the allocator that `stream` works with this CUDA tensor, which was made on another one: once it is freed, its
  // memory is given out again only when the work that `stream` was given by then is done. Throws DeviceError for a
  // tensor or a stream of another device.
  void record_stream(const cuda::Stream& stream) const { detail::record_stream(self(), stream); }

  // --- element-wise ---
  Tensor neg() const { return mote::neg(self()); }
  Tensor abs() const { return mote::abs(self()); }
  Tensor sign() const { return mote::sign(self()); }
  Tensor square() const { return mote::square(self()); }
  Tensor reciprocal() const { return mote::reciprocal(self()); }
  Tensor exp() const { return mote::exp(self()); }
  Tensor exp2() const { return mote::exp2(self()); }
  Tensor expm1() const { return mote::expm1(self()); }
  Tensor log() const { return mote::log(self()); }
  Tensor log2() const { return mote::log2(self()); }
  Tensor log10() const { return mote::log10(self()); }
  Tensor log1p() const { return mote::log1p(self()); }
  Tensor sqrt() const { return mote::sqrt(self()); }
  Tensor rsqrt() const { return mote::rsqrt(self()); }
  Tensor sin() const { return mote::sin(self()); }
  Tensor cos() const { return mote::cos(self()); }
  Tensor tan() const { return mote::tan(self()); }
  Tensor tanh() const { return mote::tanh(self()); }
  Tensor erf() const { return mote::erf(self()); }
  Tensor floor() const { return mote::floor(self()); }
  Tensor ceil() const { return mote::ceil(self()); }
  Tensor round() const { return mote::round(self()); }
  Tensor trunc() const { return mote::trunc(self()); }
  Tensor sigmoid() const { return mote::sigmoid(self()); }
  Tensor relu() const { return mote::relu(self()); }
  Tensor silu() const { return mote::silu(self()); }
  Tensor logical_not() const { return mote::logical_not(self()); }
  Tensor bitwise_not() const { return mote::bitwise_not(self()); }
  Tensor isnan() const { return mote::isnan(self()); }
  Tensor isinf() const { return mote::isinf(self()); }
  Tensor isfinite() const { return mote::isfinite(self()); }
  Tensor gelu(Gelu approximate = Gelu::None) const { return mote::gelu(self(), approximate); }
  Tensor clamp(std::optional<Scalar> min = std::nullopt, std::optional<Scalar> max = std::nullopt) const {
    return mote::clamp(self(), min, max);
  }
  Tensor add(const Tensor& other, const Scalar& alpha = 1) const { return mote::add(self(), other, alpha); }
  Tensor add(const Scalar& other) const { return mote::add(self(), other); }
  Tensor lerp(const Tensor& end, const Scalar& weight) const { return mote::lerp(self(), end, weight); }
  Tensor addcmul(const Tensor& a, const Tensor& b, const Scalar& value = 1) const {
    return mote::addcmul(self(), a, b, value);
  }
  Tensor addcdiv(const Tensor& a, const Tensor& b, const Scalar& value = 1) const {
    return mote::addcdiv(self(), a, b, value);
  }
  Tensor masked_fill(const Tensor& mask, const Scalar& value) const { return mote::masked_fill(self(), mask, value); }
  Tensor masked_fill(const Tensor& mask, const Tensor& value) const { return mote::masked_fill(self(), mask, value); }
  Tensor where(const Tensor& condition, const Tensor& other) const { return mote::where(condition, self(), other); }
  Tensor where(const Tensor& condition, const Scalar& other) const { return mote::where(condition, self(), other); }
  Tensor triu(int64_t diagonal = 0) const { return mote::triu(self(), diagonal); }
  Tensor tril(int64_t diagonal = 0) const { return mote::tril(self(), diagonal); }
  Tensor isclose(const Tensor& other, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) const {
    return mote::isclose(self(), other, rtol, atol, equal_nan);
  }
  bool equal(const Tensor& other) const { return mote::equal(self(), other); }
  bool allclose(const Tensor& other, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false) const {
    return mote::allclose(self(), other, rtol, atol, equal_nan);
  }
  Tensor sub(const Tensor& other, const Scalar& alpha = 1) const { return mote::sub(self(), other, alpha); }
  Tensor sub(const Scalar& other) const { return mote::sub(self(), other); }
  Tensor mul(const Tensor& other) const { return mote::mul(self(), other); }
  Tensor mul(const Scalar& other) const { return mote::mul(self(), other); }
  Tensor div(const Tensor& other) const { return mote::div(self(), other); }
  Tensor div(const Scalar& other) const { return mote::div(self(), other); }
  Tensor floor_divide(const Tensor& other) const { return mote::floor_divide(self(), other); }
  Tensor floor_divide(const Scalar& other) const { return mote::floor_divide(self(), other); }
  Tensor remainder(const Tensor& other) const { return mote::remainder(self(), other); }
  Tensor remainder(const Scalar& other) const { return mote::remainder(self(), other); }
  Tensor pow(const Tensor& other) const { return mote::pow(self(), other); }
  Tensor pow(const Scalar& other) const { return mote::pow(self(), other); }
  Tensor maximum(const Tensor& other) const { return mote::maximum(self(), other); }
  Tensor maximum(const Scalar& other) const { return mote::maximum(self(), other); }
  Tensor minimum(const Tensor& other) const { return mote::minimum(self(), other); }
  Tensor minimum(const Scalar& other) const { return mote::minimum(self(), other); }
  Tensor eq(const Tensor& other) const { return mote::eq(self(), other); }
  Tensor eq(const Scalar& other) const { return mote::eq(self(), other); }
  Tensor ne(const Tensor& other) const { return mote::ne(self(), other); }
  Tensor ne(const Scalar& other) const { return mote::ne(self(), other); }
  Tensor lt(const Tensor& other) const { return mote::lt(self(), other); }
  Tensor lt(const Scalar& other) const { return mote::lt(self(), other); }
  Tensor le(const Tensor& other) const { return mote::le(self(), other); }
  Tensor le(const Scalar& other) const { return mote::le(self(), other); }
  Tensor gt(const Tensor& other) const { return mote::gt(self(), other); }
  Tensor gt(const Scalar& other) const { return mote::gt(self(), other); }
  Tensor ge(const Tensor& other) const { return mote::ge(self(), other); }
  Tensor ge(const Scalar& other) const { return mote::ge(self(), other); }
  Tensor atan2(const Tensor& other) const { return mote::atan2(self(), other); }
  Tensor logical_and(const Tensor& other) const { return mote::logical_and(self(), other); }
  Tensor logical_or(const Tensor& other) const { return mote::logical_or(self(), other); }
  Tensor logical_xor(const Tensor& other) const { return mote::logical_xor(self(), other); }
  Tensor bitwise_and(const Tensor& other) const { return mote::bitwise_and(self(), other); }
  Tensor bitwise_or(const Tensor& other) const { return mote::bitwise_or(self(), other); }
  Tensor bitwise_xor(const Tensor& other) const { return mote::bitwise_xor(self(), other); }

  // --- reductions ---
  Tensor sum(std::optional<DType> dtype = std::nullopt) const { return mote::sum(self(), dtype); }
  Tensor sum(const Dims& dims, bool keepdim = false, std::optional<DType> dtype = std::nullopt) const {
    return mote::sum(self(), dims, keepdim, dtype);
  }
  Tensor mean(std::optional<DType> dtype = std::nullopt) const { return mote::mean(self(), dtype); }
  Tensor mean(const Dims& dims, bool keepdim = false, std::optional<DType> dtype = std::nullopt) const {
    return mote::mean(self(), dims, keepdim, dtype);
  }
  Tensor prod() const { return mote::prod(self()); }
  Tensor prod(int64_t dim, bool keepdim = false) const { return mote::prod(self(), dim, keepdim); }
  template <std::same_as<bool> Bool = bool>
  Tensor var(Bool unbiased = true) const {
    return mote::var(self(), unbiased);
  }
  Tensor var(const Dims& dims, bool unbiased = true, bool keepdim = false) const {
    return mote::var(self(), dims, unbiased, keepdim);
  }
  template <std::same_as<bool> Bool = bool>
  Tensor std(Bool unbiased = true) const {
    return mote::std(self(), unbiased);
  }
  Tensor std(const Dims& dims, bool unbiased = true, bool keepdim = false) const {
    return mote::std(self(), dims, unbiased, keepdim);
  }
  Tensor norm(double p = 2.0) const { return mote::norm(self(), p); }
  Tensor norm(double p, const Dims& dims, bool keepdim = false) const { return mote::norm(self(), p, dims, keepdim); }
  Tensor max() const { return mote::max(self()); }
  Tensor min() const { return mote::min(self()); }
  ValuesAndIndices max(int64_t dim, bool keepdim = false) const { return mote::max(self(), dim, keepdim); }
  ValuesAndIndices min(int64_t dim, bool keepdim = false) const { return mote::min(self(), dim, keepdim); }
  Tensor amax(const Dims& dims = {}, bool keepdim = false) const { return mote::amax(self(), dims, keepdim); }
  Tensor amin(const Dims& dims = {}, bool keepdim = false) const { return mote::amin(self(), dims, keepdim); }
  Tensor argmax(std::optional<int64_t> dim = std::nullopt, bool keepdim = false) const {
    return mote::argmax(self(), dim, keepdim);
  }
  Tensor argmin(std::optional<int64_t> dim = std::nullopt, bool keepdim = false) const {
    return mote::argmin(self(), dim, keepdim);
  }
  Tensor any() const { return mote::any(self()); }
  Tensor any(int64_t dim, bool keepdim = false) const { return mote::any(self(), dim, keepdim); }
  Tensor all() const { return mote::all(self()); }
  Tensor all(int64_t dim, bool keepdim = false) const { return mote::all(self(), dim, keepdim); }
  Tensor count_nonzero() const { return mote::count_nonzero(self()); }
  Tensor cumsum(int64_t dim) const { return mote::cumsum(self(), dim); }
  Tensor logsumexp(const Dims& dims, bool keepdim = false) const { return mote::logsumexp(self(), dims, keepdim); }
  Tensor softmax(int64_t dim, std::optional<DType> dtype = std::nullopt) const {
    return mote::softmax(self(), dim, dtype);
  }
  Tensor log_softmax(int64_t dim, std::optional<DType> dtype = std::nullopt) const {
    return mote::log_softmax(self(), dim, dtype);
  }

  // --- matrix products ---
  Tensor matmul(const Tensor& other) const { return mote::matmul(self(), other); }
  Tensor mm(const Tensor& other) const { return mote::mm(self(), other); }
  Tensor bmm(const Tensor& other) const { return mote::bmm(self(), other); }
  Tensor mv(const Tensor& other) const { return mote::mv(self(), other); }
  Tensor dot(const Tensor& other) const { return mote::dot(self(), other); }
  Tensor outer(const Tensor& other) const { return mote::outer(self(), other); }
  Tensor addmm(const Tensor& a, const Tensor& b, const Scalar& beta = 1, const Scalar& alpha = 1) const {
    return mote::addmm(self(), a, b, beta, alpha);
  }

  // --- shape ---
  Tensor as_strided(const Shape& shape, const Shape& strides, std::optional<int64_t> offset = std::nullopt) const {
    return mote::as_strided(self(), shape, strides, offset);
  }
  Tensor reshape(const Shape& shape) const { return mote::reshape(self(), shape); }
  Tensor view(const Shape& shape) const { return mote::view(self(), shape); }
  Tensor reshape_as(const Tensor& other) const { return mote::reshape(self(), other.shape()); }
  Tensor view_as(const Tensor& other) const { return mote::view(self(), other.shape()); }
  Tensor flatten(int64_t start_dim = 0, int64_t end_dim = -1) const {
    return mote::flatten(self(), start_dim, end_dim);
  }
  Tensor unflatten(int64_t dim, const Shape& sizes) const { return mote::unflatten(self(), dim, sizes); }
  Tensor transpose(int64_t dim0, int64_t dim1) const { return mote::transpose(self(), dim0, dim1); }
  Tensor t() const { return mote::t(self()); }
  Tensor permute(const Shape& dims) const { return mote::permute(self(), dims); }
  Tensor movedim(int64_t source, int64_t destination) const { return mote::movedim(self(), source, destination); }
  Tensor unsqueeze(int64_t dim) const { return mote::unsqueeze(self(), dim); }
  Tensor squeeze() const { return mote::squeeze(self()); }
  Tensor squeeze(int64_t dim) const { return mote::squeeze(self(), dim); }
  Tensor expand(const Shape& shape) const { return mote::expand(self(), shape); }
  Tensor expand_as(const Tensor& other) const { return mote::expand(self(), other.shape()); }
  Tensor broadcast_to(const Shape& shape) const { return mote::broadcast_to(self(), shape); }
  Tensor select(int64_t dim, int64_t index) const { return mote::select(self(), dim, index); }
  Tensor slice(int64_t dim, std::optional<int64_t> start = std::nullopt, std::optional<int64_t> end = std::nullopt,
               int64_t step = 1) const {
    return mote::slice(self(), dim, start, end, step);
  }
  Tensor narrow(int64_t dim, int64_t start, int64_t length) const { return mote::narrow(self(), dim, start, length); }
  Tensor diagonal(int64_t offset = 0, int64_t dim1 = 0, int64_t dim2 = 1) const {
    return mote::diagonal(self(), offset, dim1, dim2);
  }
  Tensor detach() const { return mote::detach(self()); }
  Tensor clone() const { return mote::clone(self()); }
  Tensor contiguous() const { return mote::contiguous(self()); }
  Tensor repeat(const Shape& repeats) const { return mote::repeat(self(), repeats); }
  Tensor repeat_interleave(int64_t repeats, std::optional<int64_t> dim = std::nullopt) const {
    return mote::repeat_interleave(self(), repeats, dim);
  }
  Tensor flip(const Dims& dims) const { return mote::flip(self(), dims); }
  Tensor roll(int64_t shift, int64_t dim) const { return mote::roll(self(), shift, dim); }
  std::vector<Tensor> split(int64_t split_size, int64_t dim = 0) const { return mote::split(self(), split_size, dim); }
  std::vector<Tensor> split(const std::vector<int64_t>& split_sizes, int64_t dim = 0) const {
    return mote::split(self(), split_sizes, dim);
  }
  std::vector<Tensor> chunk(int64_t chunks, int64_t dim = 0) const { return mote::chunk(self(), chunks, dim); }
  std::vector<Tensor> unbind(int64_t dim = 0) const { return mote::unbind(self(), dim); }

  // --- indexing ---
  Tensor operator[](int64_t index) const { return mote::select(self(), 0, index); }
  Tensor index(const std::vector<TensorIndex>& indices) const { return mote::index(self(), indices); }
  Tensor index_put_(const std::vector<TensorIndex>& indices, const Tensor& value, bool accumulate = false) const {
    return mote::index_put_(self(), indices, value, accumulate);
  }
  Tensor index_put_(const std::vector<TensorIndex>& indices, const Scalar& value) const {
    return mote::index_put_(self(), indices, value);
  }
  Tensor gather(int64_t dim, const Tensor& index) const { return mote::gather(self(), dim, index); }
  Tensor scatter(int64_t dim, const Tensor& index, const Tensor& source) const {
    return mote::scatter(self(), dim, index, source);
  }
  Tensor scatter(int64_t dim, const Tensor& index, const Scalar& value) const {
    return mote::scatter(self(), dim, index, value);
  }
  Tensor scatter_(int64_t dim, const Tensor& index, const Tensor& source) const {
    return mote::scatter_(self(), dim, index, source);
  }
  Tensor scatter_(int64_t dim, const Tensor& index, const Scalar& value) const {
    return mote::scatter_(self(), dim, index, value);
  }
  Tensor scatter_add(int64_t dim, const Tensor& index, const Tensor& source) const {
    return mote::scatter_add(self(), dim, index, source);
  }
  Tensor scatter_add_(int64_t dim, const Tensor& index, const Tensor& source) const {
    return mote::scatter_add_(self(), dim, index, source);
  }
  Tensor index_select(int64_t dim, const Tensor& index) const { return mote::index_select(self(), dim, index); }
  Tensor index_add(int64_t dim, const Tensor& index, const Tensor& source) const {
    return mote::index_add(self(), dim, index, source);
  }
  Tensor index_add_(int64_t dim, const Tensor& index, const Tensor& source) const {
    return mote::index_add_(self(), dim, index, source);
  }
  Tensor take_along_dim(const Tensor& index, int64_t dim) const { return mote::take_along_dim(self(), index, dim); }
  Tensor masked_select(const Tensor& mask) const { return mote::masked_select(self(), mask); }
  Tensor nonzero() const { return mote::nonzero(self()); }

  // --- order ---
  ValuesAndIndices sort(int64_t dim = -1, bool descending = false) const { return mote::sort(self(), dim, descending); }
  Tensor argsort(int64_t dim = -1, bool descending = false) const { return mote::argsort(self(), dim, descending); }
  ValuesAndIndices topk(int64_t k, int64_t dim = -1, bool largest = true, bool sorted = true) const {
    return mote::topk(self(), k, dim, largest, sorted);
  }

 private:
  const Tensor& self() const { return static_cast<const Self*>(this)->tensor(); }
};

}  // namespace mote

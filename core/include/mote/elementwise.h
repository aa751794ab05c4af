// Element-wise operations. Operands broadcast against each other and are promoted to a common dtype as in PyTorch;
// a C++ number never widens a tensor of its own kind. A result is a new tensor; a trailing underscore changes `self`
// in place and returns it. Operands on different devices are a DeviceError, shapes that do not broadcast a ShapeError.
#pragma once

#include "mote/fwd.h"

namespace mote {

// --- arithmetic; each is differentiable in all its tensors -----------------------------------------------------------
Tensor add(const Tensor& a, const Tensor& b, const Scalar& alpha = 1);  // a + alpha * b
Tensor add(const Tensor& a, const Scalar& b);
Tensor sub(const Tensor& a, const Tensor& b, const Scalar& alpha = 1);  // a - alpha * b
Tensor sub(const Tensor& a, const Scalar& b);
Tensor sub(const Scalar& a, const Tensor& b);
Tensor mul(const Tensor& a, const Tensor& b);
Tensor mul(const Tensor& a, const Scalar& b);
Tensor div(const Tensor& a, const Tensor& b);  // true division: integers give float32
Tensor div(const Tensor& a, const Scalar& b);
Tensor div(const Scalar& a, const Tensor& b);
Tensor floor_divide(const Tensor& a, const Tensor& b);  // rounds toward -infinity; no gradient
Tensor floor_divide(const Tensor& a, const Scalar& b);
Tensor remainder(const Tensor& a, const Tensor& b);  // has the sign of b, as Python's %
Tensor remainder(const Tensor& a, const Scalar& b);
Tensor pow(const Tensor& base, const Tensor& exponent);
Tensor pow(const Tensor& base, const Scalar& exponent);
Tensor pow(const Scalar& base, const Tensor& exponent);
Tensor maximum(const Tensor& a, const Tensor& b);  // NaN wins; at a tie each side gets half of the gradient
Tensor maximum(const Tensor& a, const Scalar& b);
Tensor minimum(const Tensor& a, const Tensor& b);
Tensor minimum(const Tensor& a, const Scalar& b);
Tensor atan2(const Tensor& y, const Tensor& x);
Tensor lerp(const Tensor& start, const Tensor& end, const Scalar& weight);  // start + weight * (end - start)
Tensor addcmul(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value = 1);  // self + value * a * b
Tensor addcdiv(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value = 1);  // self + value * a / b

// --- unary; integers give float32, except for abs, neg, sign, square and the roundings ------------------------------
Tensor neg(const Tensor& x);
Tensor abs(const Tensor& x);
Tensor sign(const Tensor& x);
Tensor square(const Tensor& x);
Tensor reciprocal(const Tensor& x);
Tensor exp(const Tensor& x);
Tensor exp2(const Tensor& x);
Tensor expm1(const Tensor& x);
Tensor log(const Tensor& x);
Tensor log2(const Tensor& x);
Tensor log10(const Tensor& x);
Tensor log1p(const Tensor& x);
Tensor sqrt(const Tensor& x);
Tensor rsqrt(const Tensor& x);
Tensor sin(const Tensor& x);
Tensor cos(const Tensor& x);
Tensor tan(const Tensor& x);
Tensor tanh(const Tensor& x);
Tensor erf(const Tensor& x);
Tensor floor(const Tensor& x);
Tensor ceil(const Tensor& x);
Tensor round(const Tensor& x);  // half to even
Tensor trunc(const Tensor& x);
Tensor sigmoid(const Tensor& x);
Tensor relu(const Tensor& x);
Tensor leaky_relu(const Tensor& x, double negative_slope = 0.01);
Tensor elu(const Tensor& x, double alpha = 1.0);
Tensor silu(const Tensor& x);      // x * sigmoid(x)
Tensor softplus(const Tensor& x);  // log(1 + exp(x)); x itself above 20
enum class Gelu { None, Tanh };
// x * Phi(x) (Hendrycks and Gimpel 2016), Phi exact with erf, or by the tanh approximation of GPT-2.
Tensor gelu(const Tensor& x, Gelu approximate = Gelu::None);

// Limits to [min, max]; either bound may be left out. The gradient is 1 inside and on the bounds, 0 outside.
Tensor clamp(const Tensor& x, std::optional<Scalar> min = std::nullopt, std::optional<Scalar> max = std::nullopt);

// --- comparisons and logic give bool; no gradient -------------------------------------------------------------------
Tensor eq(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, const Scalar& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Scalar& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Scalar& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Scalar& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Scalar& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Scalar& b);
Tensor logical_and(const Tensor& a, const Tensor& b);
Tensor logical_or(const Tensor& a, const Tensor& b);
Tensor logical_xor(const Tensor& a, const Tensor& b);
Tensor logical_not(const Tensor& x);
Tensor bitwise_and(const Tensor& a, const Tensor& b);  // bool and integers only
Tensor bitwise_or(const Tensor& a, const Tensor& b);
Tensor bitwise_xor(const Tensor& a, const Tensor& b);
Tensor bitwise_not(const Tensor& x);
Tensor isnan(const Tensor& x);
Tensor isinf(const Tensor& x);
Tensor isfinite(const Tensor& x);

// |a - b| <= atol + rtol * |b| everywhere. Shapes must broadcast and dtypes must agree, as in torch.allclose.
bool allclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
Tensor isclose(const Tensor& a, const Tensor& b, double rtol = 1e-5, double atol = 1e-8, bool equal_nan = false);
// The same shape and the same values; NaN differs from itself.
bool equal(const Tensor& a, const Tensor& b);

// --- selection -------------------------------------------------------------------------------------------------------
// a where `condition` (bool) holds, b elsewhere. Differentiable in a and b.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
Tensor where(const Tensor& condition, const Tensor& a, const Scalar& b);
Tensor where(const Tensor& condition, const Scalar& a, const Tensor& b);
// `value` where `mask` (bool, broadcast to self) holds, self elsewhere. The gradient is zero where filled.
Tensor masked_fill(const Tensor& self, const Tensor& mask, const Scalar& value);
Tensor masked_fill(const Tensor& self, const Tensor& mask, const Tensor& value);  // value is 0-dimensional

// The upper or lower triangle of the last two dimensions, zero elsewhere; `diagonal` shifts the border to the right.
Tensor triu(const Tensor& x, int64_t diagonal = 0);
Tensor tril(const Tensor& x, int64_t diagonal = 0);

// --- conversions -----------------------------------------------------------------------------------------------------
struct ToOptions {
  bool non_blocking = false;
  bool copy = false;  // also where nothing changes
};

// To another dtype or device. Gives x itself where nothing changes, unless `copy`. Differentiable.
//
// With non_blocking, a copy between pinned memory of the CPU (see pin_memory) and another device does not wait: it is
// work on that device's stream, in order with the rest. The host must not write x, or read a result on the CPU, before
// it has waited for the device; kernels need not wait. A result on the CPU is pinned. Memory that is not pinned is
// copied as ever: x may be written at once.
Tensor to(const Tensor& x, const Device& device, DType dtype, const ToOptions& options);
Tensor to(const Tensor& x, const Device& device, const ToOptions& options);
Tensor to(const Tensor& x, DType dtype, const ToOptions& options);
Tensor to(const Tensor& x, DType dtype, bool copy = false);
Tensor to(const Tensor& x, const Device& device, bool copy = false);
Tensor to(const Tensor& x, const Device& device, DType dtype, bool copy = false);

// A row-major copy on the CPU in memory that the system cannot move (page-locked), which a CUDA device reads and writes
// by itself: see to() with non_blocking. It is a tensor of the CPU in every other way. x itself where that is so
// already. Pinned memory is dear to make and taken from everybody else: for what is copied again and again. It is kept
// when it is freed (cuda::empty_host_cache gives it back), and freeing it while a copy is under way is safe.
// Differentiable. Throws DeviceError for a tensor that is not on the CPU and without a CUDA device, and
// OutOfMemoryError.
Tensor pin_memory(const Tensor& x);
// Whether x lies in pinned memory of the CPU, also where somebody else pinned what from_blob was given.
bool is_pinned(const Tensor& x);

// --- in place --------------------------------------------------------------------------------------------------------
Tensor add_(const Tensor& self, const Tensor& other, const Scalar& alpha = 1);
Tensor add_(const Tensor& self, const Scalar& other);
Tensor sub_(const Tensor& self, const Tensor& other, const Scalar& alpha = 1);
Tensor sub_(const Tensor& self, const Scalar& other);
Tensor mul_(const Tensor& self, const Tensor& other);
Tensor mul_(const Tensor& self, const Scalar& other);
Tensor div_(const Tensor& self, const Tensor& other);
Tensor div_(const Tensor& self, const Scalar& other);
// As the functions without _; self keeps its dtype, to which the result must be castable.
Tensor floor_divide_(const Tensor& self, const Tensor& other);
Tensor floor_divide_(const Tensor& self, const Scalar& other);
Tensor remainder_(const Tensor& self, const Tensor& other);
Tensor remainder_(const Tensor& self, const Scalar& other);
Tensor pow_(const Tensor& self, const Tensor& exponent);
Tensor pow_(const Tensor& self, const Scalar& exponent);
Tensor lerp_(const Tensor& self, const Tensor& end, const Scalar& weight);
Tensor addcmul_(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value = 1);
Tensor addcdiv_(const Tensor& self, const Tensor& a, const Tensor& b, const Scalar& value = 1);
Tensor neg_(const Tensor& self);
Tensor abs_(const Tensor& self);
Tensor sign_(const Tensor& self);
Tensor square_(const Tensor& self);
Tensor reciprocal_(const Tensor& self);
Tensor exp_(const Tensor& self);
Tensor exp2_(const Tensor& self);
Tensor expm1_(const Tensor& self);
Tensor log_(const Tensor& self);
Tensor log2_(const Tensor& self);
Tensor log10_(const Tensor& self);
Tensor log1p_(const Tensor& self);
Tensor sqrt_(const Tensor& self);
Tensor rsqrt_(const Tensor& self);
Tensor sin_(const Tensor& self);
Tensor cos_(const Tensor& self);
Tensor tan_(const Tensor& self);
Tensor tanh_(const Tensor& self);
Tensor erf_(const Tensor& self);
Tensor floor_(const Tensor& self);
Tensor ceil_(const Tensor& self);
Tensor round_(const Tensor& self);
Tensor trunc_(const Tensor& self);
Tensor sigmoid_(const Tensor& self);
Tensor relu_(const Tensor& self);
Tensor silu_(const Tensor& self);
Tensor clamp_(const Tensor& self, std::optional<Scalar> min = std::nullopt, std::optional<Scalar> max = std::nullopt);
// Comparisons and logic in place keep the dtype of self, 1 where they hold and 0 elsewhere. The old value gets a
// gradient of zeros.
Tensor eq_(const Tensor& self, const Tensor& other);
Tensor eq_(const Tensor& self, const Scalar& other);
Tensor ne_(const Tensor& self, const Tensor& other);
Tensor ne_(const Tensor& self, const Scalar& other);
Tensor lt_(const Tensor& self, const Tensor& other);
Tensor lt_(const Tensor& self, const Scalar& other);
Tensor le_(const Tensor& self, const Tensor& other);
Tensor le_(const Tensor& self, const Scalar& other);
Tensor gt_(const Tensor& self, const Tensor& other);
Tensor gt_(const Tensor& self, const Scalar& other);
Tensor ge_(const Tensor& self, const Tensor& other);
Tensor ge_(const Tensor& self, const Scalar& other);
Tensor logical_and_(const Tensor& self, const Tensor& other);
Tensor logical_or_(const Tensor& self, const Tensor& other);
Tensor logical_xor_(const Tensor& self, const Tensor& other);
Tensor logical_not_(const Tensor& self);
Tensor bitwise_and_(const Tensor& self, const Tensor& other);
Tensor bitwise_or_(const Tensor& self, const Tensor& other);
Tensor bitwise_xor_(const Tensor& self, const Tensor& other);
Tensor bitwise_not_(const Tensor& self);
Tensor masked_fill_(const Tensor& self, const Tensor& mask, const Scalar& value);
Tensor masked_fill_(const Tensor& self, const Tensor& mask, const Tensor& value);
Tensor fill_(const Tensor& self, const Scalar& value);
Tensor zero_(const Tensor& self);
// Broadcasts, casts, and crosses devices. non_blocking: as in to().
Tensor copy_(const Tensor& self, const Tensor& source, bool non_blocking = false);
Tensor tril_(const Tensor& self, int64_t diagonal = 0);
Tensor triu_(const Tensor& self, int64_t diagonal = 0);

// --- operators: a + b and the like -----------------------------------------------------------------------------------
Tensor operator-(const Tensor& x);
Tensor operator~(const Tensor& x);  // bitwise_not; on bool the logical not
#define MOTE_BINARY_OPERATOR(symbol)                        \
  Tensor operator symbol(const Tensor& a, const Tensor& b); \
  Tensor operator symbol(const Tensor& a, const Scalar& b); \
  Tensor operator symbol(const Scalar& a, const Tensor& b);
MOTE_BINARY_OPERATOR(+)
MOTE_BINARY_OPERATOR(-)
MOTE_BINARY_OPERATOR(*)
MOTE_BINARY_OPERATOR(/)
MOTE_BINARY_OPERATOR(%)
MOTE_BINARY_OPERATOR(==)
MOTE_BINARY_OPERATOR(!=)
MOTE_BINARY_OPERATOR(<)
MOTE_BINARY_OPERATOR(<=)
MOTE_BINARY_OPERATOR(>)
MOTE_BINARY_OPERATOR(>=)
MOTE_BINARY_OPERATOR(&)
MOTE_BINARY_OPERATOR(|)
MOTE_BINARY_OPERATOR(^)
#undef MOTE_BINARY_OPERATOR
Tensor operator+=(const Tensor& self, const Tensor& other);
Tensor operator+=(const Tensor& self, const Scalar& other);
Tensor operator-=(const Tensor& self, const Tensor& other);
Tensor operator-=(const Tensor& self, const Scalar& other);
Tensor operator*=(const Tensor& self, const Tensor& other);
Tensor operator*=(const Tensor& self, const Scalar& other);
Tensor operator/=(const Tensor& self, const Tensor& other);
Tensor operator/=(const Tensor& self, const Scalar& other);

}  // namespace mote

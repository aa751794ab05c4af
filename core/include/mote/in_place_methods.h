// The element-wise methods that change a tensor in place and return it; a part of TensorMethods.
#pragma once

#include "mote/elementwise.h"
#include "mote/fwd.h"
#include "mote/reduce.h"

namespace mote {

class Generator;

namespace detail {
Tensor uniform_(const Tensor& self, double low, double high, Generator* generator);
Tensor normal_(const Tensor& self, double mean, double std, Generator* generator);
Tensor bernoulli_(const Tensor& self, double p, Generator* generator);
}  // namespace detail

template <class Self, class Tensor = mote::Tensor>
class InPlaceMethods {
 public:
  Tensor add_(const Tensor& other, const Scalar& alpha = 1) const { return mote::add_(self(), other, alpha); }
  Tensor add_(const Scalar& other) const { return mote::add_(self(), other); }
  Tensor sub_(const Tensor& other, const Scalar& alpha = 1) const { return mote::sub_(self(), other, alpha); }
  Tensor sub_(const Scalar& other) const { return mote::sub_(self(), other); }
  Tensor floor_divide_(const Tensor& other) const { return mote::floor_divide_(self(), other); }
  Tensor floor_divide_(const Scalar& other) const { return mote::floor_divide_(self(), other); }
  Tensor remainder_(const Tensor& other) const { return mote::remainder_(self(), other); }
  Tensor remainder_(const Scalar& other) const { return mote::remainder_(self(), other); }
  Tensor pow_(const Tensor& exponent) const { return mote::pow_(self(), exponent); }
  Tensor pow_(const Scalar& exponent) const { return mote::pow_(self(), exponent); }
  Tensor lerp_(const Tensor& end, const Scalar& weight) const { return mote::lerp_(self(), end, weight); }
  Tensor addcmul_(const Tensor& a, const Tensor& b, const Scalar& value = 1) const {
    return mote::addcmul_(self(), a, b, value);
  }
  Tensor addcdiv_(const Tensor& a, const Tensor& b, const Scalar& value = 1) const {
    return mote::addcdiv_(self(), a, b, value);
  }
  Tensor clamp_(std::optional<Scalar> min = std::nullopt, std::optional<Scalar> max = std::nullopt) const {
    return mote::clamp_(self(), min, max);
  }
  Tensor masked_fill_(const Tensor& mask, const Scalar& value) const { return mote::masked_fill_(self(), mask, value); }
  Tensor masked_fill_(const Tensor& mask, const Tensor& value) const { return mote::masked_fill_(self(), mask, value); }
  Tensor fill_(const Scalar& value) const { return mote::fill_(self(), value); }
  Tensor copy_(const Tensor& source, bool non_blocking = false) const {
    return mote::copy_(self(), source, non_blocking);
  }
  Tensor tril_(int64_t diagonal = 0) const { return mote::tril_(self(), diagonal); }
  Tensor triu_(int64_t diagonal = 0) const { return mote::triu_(self(), diagonal); }
  Tensor uniform_(double low = 0.0, double high = 1.0, Generator* generator = nullptr) const {
    return detail::uniform_(self(), low, high, generator);
  }
  Tensor normal_(double mean = 0.0, double std = 1.0, Generator* generator = nullptr) const {
    return detail::normal_(self(), mean, std, generator);
  }
  Tensor bernoulli_(double p = 0.5, Generator* generator = nullptr) const {
    return detail::bernoulli_(self(), p, generator);
  }
  Tensor neg_() const { return mote::neg_(self()); }
  Tensor abs_() const { return mote::abs_(self()); }
  Tensor sign_() const { return mote::sign_(self()); }
  Tensor square_() const { return mote::square_(self()); }
  Tensor reciprocal_() const { return mote::reciprocal_(self()); }
  Tensor exp_() const { return mote::exp_(self()); }
  Tensor exp2_() const { return mote::exp2_(self()); }
  Tensor expm1_() const { return mote::expm1_(self()); }
  Tensor log_() const { return mote::log_(self()); }
  Tensor log2_() const { return mote::log2_(self()); }
  Tensor log10_() const { return mote::log10_(self()); }
  Tensor log1p_() const { return mote::log1p_(self()); }
  Tensor sqrt_() const { return mote::sqrt_(self()); }
  Tensor rsqrt_() const { return mote::rsqrt_(self()); }
  Tensor sin_() const { return mote::sin_(self()); }
  Tensor cos_() const { return mote::cos_(self()); }
  Tensor tan_() const { return mote::tan_(self()); }
  Tensor tanh_() const { return mote::tanh_(self()); }
  Tensor erf_() const { return mote::erf_(self()); }
  Tensor floor_() const { return mote::floor_(self()); }
  Tensor ceil_() const { return mote::ceil_(self()); }
  Tensor round_() const { return mote::round_(self()); }
  Tensor trunc_() const { return mote::trunc_(self()); }
  Tensor sigmoid_() const { return mote::sigmoid_(self()); }
  Tensor relu_() const { return mote::relu_(self()); }
  Tensor silu_() const { return mote::silu_(self()); }
  Tensor zero_() const { return mote::zero_(self()); }
  Tensor mul_(const Tensor& other) const { return mote::mul_(self(), other); }
  Tensor mul_(const Scalar& other) const { return mote::mul_(self(), other); }
  Tensor div_(const Tensor& other) const { return mote::div_(self(), other); }
  Tensor div_(const Scalar& other) const { return mote::div_(self(), other); }
  Tensor eq_(const Tensor& other) const { return mote::eq_(self(), other); }
  Tensor eq_(const Scalar& other) const { return mote::eq_(self(), other); }
  Tensor ne_(const Tensor& other) const { return mote::ne_(self(), other); }
  Tensor ne_(const Scalar& other) const { return mote::ne_(self(), other); }
  Tensor lt_(const Tensor& other) const { return mote::lt_(self(), other); }
  Tensor lt_(const Scalar& other) const { return mote::lt_(self(), other); }
  Tensor le_(const Tensor& other) const { return mote::le_(self(), other); }
  Tensor le_(const Scalar& other) const { return mote::le_(self(), other); }
  Tensor gt_(const Tensor& other) const { return mote::gt_(self(), other); }
  Tensor gt_(const Scalar& other) const { return mote::gt_(self(), other); }
  Tensor ge_(const Tensor& other) const { return mote::ge_(self(), other); }
  Tensor ge_(const Scalar& other) const { return mote::ge_(self(), other); }
  Tensor logical_and_(const Tensor& other) const { return mote::logical_and_(self(), other); }
  Tensor logical_or_(const Tensor& other) const { return mote::logical_or_(self(), other); }
  Tensor logical_xor_(const Tensor& other) const { return mote::logical_xor_(self(), other); }
  Tensor logical_not_() const { return mote::logical_not_(self()); }
  Tensor bitwise_and_(const Tensor& other) const { return mote::bitwise_and_(self(), other); }
  Tensor bitwise_or_(const Tensor& other) const { return mote::bitwise_or_(self(), other); }
  Tensor bitwise_xor_(const Tensor& other) const { return mote::bitwise_xor_(self(), other); }
  Tensor bitwise_not_() const { return mote::bitwise_not_(self()); }
  Tensor cumsum_(int64_t dim) const { return mote::cumsum_(self(), dim); }

 private:
  const Tensor& self() const { return static_cast<const Self*>(this)->tensor(); }
};

}  // namespace mote

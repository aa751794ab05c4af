// Vector forms of the unary operations that networks spend their time in.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector_unary.cpp"
#include <hwy/foreach_target.h>  // compiles this file once for each instruction set
//
#include <hwy/highway.h>

#include "cpu/element_rows.h"
#include "cpu/vector_gelu-inl.h"
#include "cpu/vector_map-inl.h"
#include "cpu/vector_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace mote::cpu {
namespace HWY_NAMESPACE {

namespace vec {

// clang-format off
struct Neg { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Neg(x); } };
struct Abs { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Abs(x); } };
struct Square { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Mul(x, x); } };
struct Sqrt { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Sqrt(x); } };
struct Floor { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Floor(x); } };
struct Ceil { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Ceil(x); } };
struct Round { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Round(x); } };
struct Trunc { template <class D, class V> static HWY_INLINE V apply(D, V x) { return hn::Trunc(x); } };
struct Exp { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return vector_exp(d, x); } };
struct Log { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return vector_log(d, x); } };
struct Tanh { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return vector_tanh(d, x); } };
struct Sigmoid { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return vector_sigmoid(d, x); } };
struct Silu { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return vector_silu(d, x); } };
struct Erf { template <class D, class V> static HWY_INLINE V apply(D d, V x) { return vector_erf(d, x); } };
// clang-format on

template <class Form>
struct Gelu {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return vector_gelu<Form>(d, x);
  }
};

struct Relu {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x);
  }
};

struct Reciprocal {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return hn::Div(hn::Set(d, hn::TFromD<D>(1)), x);
  }
};

struct Rsqrt {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x) {
    return hn::Div(hn::Set(d, hn::TFromD<D>(1)), hn::Sqrt(x));
  }
};

}  // namespace vec

// What is a matter of few instructions, for float32 and float64.
template <class T>
UnaryRow find_arithmetic(UnaryOp op) {
  switch (op) {
    case UnaryOp::Neg:
      return map_row<vec::Neg, T>;
    case UnaryOp::Abs:
      return map_row<vec::Abs, T>;
    case UnaryOp::Square:
      return map_row<vec::Square, T>;
    case UnaryOp::Relu:
      return map_row<vec::Relu, T>;
    case UnaryOp::Floor:
      return map_row<vec::Floor, T>;
    case UnaryOp::Ceil:
      return map_row<vec::Ceil, T>;
    case UnaryOp::Round:
      return map_row<vec::Round, T>;
    case UnaryOp::Trunc:
      return map_row<vec::Trunc, T>;
    case UnaryOp::Reciprocal:
      return map_row<vec::Reciprocal, T>;
    case UnaryOp::Sqrt:
      return map_row<vec::Sqrt, T>;
    case UnaryOp::Rsqrt:
      return map_row<vec::Rsqrt, T>;
    default:
      return nullptr;
  }
}

UnaryRow find_unary(UnaryOp op, DType dtype) {
  if (dtype == DType::Float64) return find_arithmetic<double>(op);
  if (dtype != DType::Float32) return nullptr;
  switch (op) {
    case UnaryOp::Exp:
      return map_row<vec::Exp, float>;
    case UnaryOp::Log:
      return map_row<vec::Log, float>;
    case UnaryOp::Tanh:
      return map_row<vec::Tanh, float>;
    case UnaryOp::Sigmoid:
      return map_row<vec::Sigmoid, float>;
    case UnaryOp::Silu:
      return map_row<vec::Silu, float>;
    case UnaryOp::Erf:
      return map_row<vec::Erf, float>;
    case UnaryOp::GeluErf:
      return map_row<vec::Gelu<GeluErfForm>, float>;
    case UnaryOp::GeluTanh:
      return map_row<vec::Gelu<GeluTanhForm>, float>;
    default:
      return find_arithmetic<float>(op);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(find_unary);

UnaryRow find_vector_row(UnaryOp op, DType dtype) { return HWY_DYNAMIC_DISPATCH(find_unary)(op, dtype); }

}  // namespace mote::cpu
#endif

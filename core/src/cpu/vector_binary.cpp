// Vector forms of arithmetic, comparisons and the gradients of activations.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/vector_binary.cpp"
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
struct Add { template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Add(a, b); } };
struct Sub { template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Sub(a, b); } };
struct Mul { template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Mul(a, b); } };
struct Div { template <class D, class V> static HWY_INLINE V apply(D, V a, V b) { return hn::Div(a, b); } };
struct Eq { template <class D, class V> static HWY_INLINE auto apply(D, V a, V b) { return hn::Eq(a, b); } };
// hn::Ne is false for NaN on some instruction sets.
struct Ne { template <class D, class V> static HWY_INLINE auto apply(D, V a, V b) { return hn::Not(hn::Eq(a, b)); } };
struct Lt { template <class D, class V> static HWY_INLINE auto apply(D, V a, V b) { return hn::Lt(a, b); } };
struct Le { template <class D, class V> static HWY_INLINE auto apply(D, V a, V b) { return hn::Le(a, b); } };
struct Gt { template <class D, class V> static HWY_INLINE auto apply(D, V a, V b) { return hn::Gt(a, b); } };
struct Ge { template <class D, class V> static HWY_INLINE auto apply(D, V a, V b) { return hn::Ge(a, b); } };
// clang-format on

// NaN wins, whichever side it is on: a comparison with it is false.
struct Maximum {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Gt(a, b), hn::IsNaN(a)), a, b);
  }
};

struct Minimum {
  template <class D, class V>
  static HWY_INLINE V apply(D, V a, V b) {
    return hn::IfThenElse(hn::Or(hn::Lt(a, b), hn::IsNaN(a)), a, b);
  }
};

struct LeakyRelu {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V x, V slope) {
    return hn::IfThenElse(hn::Gt(x, hn::Zero(d)), x, hn::Mul(x, slope));
  }
};

struct TanhBackward {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V g, V y) {
    return hn::Mul(g, hn::NegMulAdd(y, y, hn::Set(d, 1.0f)));
  }
};

struct SigmoidBackward {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V g, V y) {
    return hn::Mul(g, hn::Mul(y, hn::Sub(hn::Set(d, 1.0f), y)));
  }
};

struct ReluBackward {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V g, V y) {
    return hn::IfThenElse(hn::Le(y, hn::Zero(d)), hn::Zero(d), g);
  }
};

// s (1 + x (1 - s))
struct SiluBackward {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V g, V x) {
    const V one = hn::Set(d, 1.0f), s = vector_sigmoid(d, x);
    return hn::Mul(g, hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one)));
  }
};

template <class Form>
struct GeluBackward {
  template <class D, class V>
  static HWY_INLINE V apply(D d, V g, V x) {
    return hn::Mul(g, vector_gelu_slope<Form>(d, x));
  }
};

}  // namespace vec

template <class T>
BinaryRow find_arithmetic(BinaryOp op) {
  switch (op) {
    case BinaryOp::Add:
      return map_rows<vec::Add, T>;
    case BinaryOp::Sub:
      return map_rows<vec::Sub, T>;
    case BinaryOp::Mul:
      return map_rows<vec::Mul, T>;
    case BinaryOp::Div:
      return map_rows<vec::Div, T>;
    case BinaryOp::Maximum:
      return map_rows<vec::Maximum, T>;
    case BinaryOp::Minimum:
      return map_rows<vec::Minimum, T>;
    default:
      return nullptr;
  }
}

BinaryRow find_comparison(BinaryOp op) {
  switch (op) {
    case BinaryOp::Eq:
      return compare_rows<vec::Eq>;
    case BinaryOp::Ne:
      return compare_rows<vec::Ne>;
    case BinaryOp::Lt:
      return compare_rows<vec::Lt>;
    case BinaryOp::Le:
      return compare_rows<vec::Le>;
    case BinaryOp::Gt:
      return compare_rows<vec::Gt>;
    case BinaryOp::Ge:
      return compare_rows<vec::Ge>;
    default:
      return nullptr;
  }
}

BinaryRow find_binary(BinaryOp op, DType dtype) {
  if (dtype == DType::Float64) return find_arithmetic<double>(op);
  if (dtype != DType::Float32) return nullptr;
  switch (op) {
    case BinaryOp::LeakyRelu:
      return map_rows<vec::LeakyRelu, float>;
    case BinaryOp::TanhBackward:
      return map_rows<vec::TanhBackward, float>;
    case BinaryOp::SigmoidBackward:
      return map_rows<vec::SigmoidBackward, float>;
    case BinaryOp::ReluBackward:
      return map_rows<vec::ReluBackward, float>;
    case BinaryOp::SiluBackward:
      return map_rows<vec::SiluBackward, float>;
    case BinaryOp::GeluErfBackward:
      return map_rows<vec::GeluBackward<GeluErfForm>, float>;
    case BinaryOp::GeluTanhBackward:
      return map_rows<vec::GeluBackward<GeluTanhForm>, float>;
    default:
      break;
  }
  const BinaryRow comparison = find_comparison(op);
  return comparison ? comparison : find_arithmetic<float>(op);
}

}  // namespace HWY_NAMESPACE
}  // namespace mote::cpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mote::cpu {

HWY_EXPORT(find_binary);

BinaryRow find_vector_row(BinaryOp op, DType dtype) { return HWY_DYNAMIC_DISPATCH(find_binary)(op, dtype); }

}  // namespace mote::cpu
#endif

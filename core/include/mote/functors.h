// The lists of element-wise operations, from which every backend instantiates its kernels. What an operation computes
// stands in unary_functors.h and binary_functors.h, under the same name.
#pragma once

#include <cstdint>

#include "mote/host_device.h"

namespace mote {

// Every list has rows X(Functor, enumerator, kind). The kind says what the operation accepts and gives:
//   Any    every dtype, gives the same            Float  floating-point, gives the same
//   Test   every dtype, gives bool                Bits   bool and integers, gives the same
#define MOTE_UNARY_OPS(X) \
  X(Neg, Any)             \
  X(Abs, Any)             \
  X(Sign, Any)            \
  X(Square, Any)          \
  X(Relu, Any)            \
  X(Floor, Any)           \
  X(Ceil, Any)            \
  X(Round, Any)           \
  X(Trunc, Any)           \
  X(Reciprocal, Float)    \
  X(Exp, Float)           \
  X(Exp2, Float)          \
  X(Expm1, Float)         \
  X(Log, Float)           \
  X(Log2, Float)          \
  X(Log10, Float)         \
  X(Log1p, Float)         \
  X(Sqrt, Float)          \
  X(Rsqrt, Float)         \
  X(Sin, Float)           \
  X(Cos, Float)           \
  X(Tan, Float)           \
  X(Tanh, Float)          \
  X(Erf, Float)           \
  X(Sigmoid, Float)       \
  X(Silu, Float)          \
  X(Softplus, Float)      \
  X(GeluErf, Float)       \
  X(GeluTanh, Float)      \
  X(IsNan, Test)          \
  X(IsInf, Test)          \
  X(IsFinite, Test)       \
  X(LogicalNot, Test)     \
  X(BitwiseNot, Bits)

#define MOTE_BINARY_OPS(X)  \
  X(Add, Any)               \
  X(Sub, Any)               \
  X(Mul, Any)               \
  X(Div, Float)             \
  X(FloorDivide, Any)       \
  X(Remainder, Any)         \
  X(Pow, Any)               \
  X(Maximum, Any)           \
  X(Minimum, Any)           \
  X(Atan2, Float)           \
  X(LeakyRelu, Float)       \
  X(Elu, Float)             \
  X(Eq, Test)               \
  X(Ne, Test)               \
  X(Lt, Test)               \
  X(Le, Test)               \
  X(Gt, Test)               \
  X(Ge, Test)               \
  X(LogicalAnd, Test)       \
  X(LogicalOr, Test)        \
  X(LogicalXor, Test)       \
  X(BitwiseAnd, Bits)       \
  X(BitwiseOr, Bits)        \
  X(BitwiseXor, Bits)       \
  X(TanhBackward, Float)    \
  X(SigmoidBackward, Float) \
  X(ReluBackward, Float)    \
  X(SiluBackward, Float)    \
  X(GeluErfBackward, Float) \
  X(GeluTanhBackward, Float)

#define MOTE_ENUMERATOR(name, kind) name,
enum class UnaryOp : uint8_t { MOTE_UNARY_OPS(MOTE_ENUMERATOR) };
enum class BinaryOp : uint8_t { MOTE_BINARY_OPS(MOTE_ENUMERATOR) };
#undef MOTE_ENUMERATOR

enum class OpKind : uint8_t { Any, Float, Test, Bits };

#define MOTE_KIND(name, kind) OpKind::kind,
constexpr OpKind kind_of(UnaryOp op) {
  constexpr OpKind kinds[] = {MOTE_UNARY_OPS(MOTE_KIND)};
  return kinds[static_cast<int>(op)];
}
constexpr OpKind kind_of(BinaryOp op) {
  constexpr OpKind kinds[] = {MOTE_BINARY_OPS(MOTE_KIND)};
  return kinds[static_cast<int>(op)];
}
#undef MOTE_KIND

#define MOTE_NAME(name, kind) #name,
constexpr const char* name_of(UnaryOp op) {
  constexpr const char* names[] = {MOTE_UNARY_OPS(MOTE_NAME)};
  return names[static_cast<int>(op)];
}
constexpr const char* name_of(BinaryOp op) {
  constexpr const char* names[] = {MOTE_BINARY_OPS(MOTE_NAME)};
  return names[static_cast<int>(op)];
}
#undef MOTE_NAME

}  // namespace mote

// Element-wise operations on the CPU: how operands of any strides and dtype reach the dense row functions.
#include <fmt/format.h>

#include "cpu/blocks.h"
#include "cpu/cpu_backend.h"
#include "cpu/streaming.h"
#include "cpu/strided_loop.h"
#include "mote/error.h"

namespace mote {

namespace {

using namespace cpu;

template <class Row>
Row require(Row row, const char* name, DType dtype) {
  if (!row) throw DTypeError(fmt::format("{} is not implemented for {} on cpu", name, name_of(dtype)));
  return row;
}

bool is_dense(const View& view) { return compute_dtype(view.dtype) == view.dtype && view.is_contiguous(); }

int64_t grain_of(UnaryOp op, DType dtype) {
  if (kind_of(op) != OpKind::Float) return kGrain;
  return find_vector_row(op, compute_dtype(dtype)) ? kFunctionGrain : kScalarGrain;
}

// Derivatives of activations, and what has no vector form, take longer than arithmetic in vectors.
int64_t grain_of(BinaryOp op, DType dtype) {
  if (!is_floating_point(dtype)) return kGrain;
  const bool is_arithmetic = kind_of(op) != OpKind::Float || op == BinaryOp::Div;
  return is_arithmetic && find_vector_row(op, compute_dtype(dtype)) ? kGrain : kFunctionGrain;
}

int64_t size_in_bytes(DType dtype) { return static_cast<int64_t>(size_of(dtype)); }

// Calls body(at + offset of i, count) for stretches that fit into a block.
template <size_t N, class Body>
void in_blocks(std::array<char*, N> at, const std::array<int64_t, N>& step, int64_t count, const Body& body) {
  for (int64_t i = 0; i < count; i += kBlock) {
    const int64_t n = std::min(kBlock, count - i);
    body(at, n);
    for (size_t k = 0; k < N; ++k) at[k] += step[k] * n;
  }
}

void run_unary(UnaryRow row, int64_t grain, const View& out, const View& in) {
  const StridedLoop<2> loop({&out, &in});
  const Writing writing(out, in);
  parallel_for(loop.numel, grain, [&](int64_t begin, int64_t end) {
    InputBlock input(in.dtype);
    OutputBlock output(out.dtype);
    loop.run(begin, end, [&](const auto& at, const auto& step, int64_t count) {
      if (output.is_direct(step[0]) && input.is_direct(step[1])) return row(at[1], at[0], count, writing.streamed());
      in_blocks(at, step, count, [&](const auto& here, int64_t n) {
        row(input.read(here[1], step[1], n), output.place(here[0], step[0]), n,
            writing.streamed() && output.is_direct(step[0]));
        output.write(here[0], step[0], n);
      });
    });
    writing.finish();
  });
}

void run_binary(BinaryRow row, int64_t grain, const View& out, const View& a, const View& b) {
  const StridedLoop<3> loop({&out, &a, &b});
  const Writing writing(out, a, b);
  parallel_for(loop.numel, grain, [&](int64_t begin, int64_t end) {
    InputBlock left(a.dtype), right(b.dtype);
    OutputBlock output(out.dtype);
    loop.run(begin, end, [&](const auto& at, const auto& step, int64_t count) {
      if (output.is_direct(step[0]) && left.is_direct(step[1]) && right.is_direct(step[2]))
        return row(at[1], at[2], at[0], count, writing.streamed());
      in_blocks(at, step, count, [&](const auto& here, int64_t n) {
        row(left.read(here[1], step[1], n), right.read(here[2], step[2], n), output.place(here[0], step[0]), n,
            writing.streamed() && output.is_direct(step[0]));
        output.write(here[0], step[0], n);
      });
    });
    writing.finish();
  });
}

// A large operand that lies across the result's rows (a transposed one) is cheaper to read after a copy in tiles.
class Aligned {
 public:
  Aligned(CpuBackend& backend, const View& out, const View& in) : backend_(backend), view_(in) {
    if (!lies_across(out, in)) return;
    bytes_ = static_cast<size_t>(in.numel()) * size_of(in.dtype);
    view_ = {backend_.allocate(bytes_, 0), in.dtype, in.shape, contiguous_strides(in.shape)};
    backend_.copy(view_, in);
  }
  ~Aligned() {
    if (bytes_ > 0) backend_.deallocate(view_.data, bytes_, 0);
  }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;

  const View& view() const { return view_; }

 private:
  static bool lies_across(const View& out, const View& in) {
    const int last = in.shape.rank() - 1;
    if (last < 1 || in.numel() < 4096 || !out.is_contiguous() || in.shape[last] < 8) return false;
    if (in.strides[last] == 0 || in.strides[last] == 1) return false;
    for (int d = 0; d < last; ++d)
      if (in.strides[d] == 1 && in.shape[d] >= 8) return true;
    return false;
  }

  CpuBackend& backend_;
  View view_;
  size_t bytes_ = 0;
};

// One operand is a number, the rest is dense: no strides to walk.
void run_with_number(BinaryRow row, int64_t grain, const View& out, const View& dense, const View& number,
                     bool number_first) {
  const int64_t to = size_in_bytes(out.dtype), from = size_in_bytes(dense.dtype);
  const Writing writing(out, dense);
  parallel_for(out.numel(), grain, [&](int64_t begin, int64_t end) {
    InputBlock repeated(number.dtype);
    for (int64_t i = begin; i < end; i += kBlock) {
      const int64_t n = std::min(kBlock, end - i);
      const void* numbers = repeated.read(number.as<char>(), 0, n);
      const void* elements = dense.as<char>() + i * from;
      row(number_first ? numbers : elements, number_first ? elements : numbers, out.as<char>() + i * to, n,
          writing.streamed());
    }
    writing.finish();
  });
}

// A number as an operand: a single element of the compute type, which is float32 for 16-bit types, so that it is not
// rounded to 16 bits first.
class ScalarOperand {
 public:
  ScalarOperand(const Scalar& value, DType dtype, const Shape& shape)
      : view_{element_, compute_dtype(dtype), shape, Shape::filled(shape.rank(), 0)} {
    dispatch(view_.dtype, [&](auto* tag) {
      using T = std::remove_pointer_t<decltype(tag)>;
      if constexpr (std::is_same_v<T, compute_t<T>>) *reinterpret_cast<T*>(element_) = value.to<T>();
    });
  }
  const View& view() const { return view_; }

 private:
  alignas(8) char element_[8] = {};
  View view_;
};

// Integer division by zero is an error, found before anything is written.
void check_divisor(BinaryOp op, const View& divisor) {
  if (op != BinaryOp::FloorDivide && op != BinaryOp::Remainder) return;
  if (is_floating_point(divisor.dtype) || divisor.numel() == 0) return;
  const StridedLoop<1> loop({&divisor});
  dispatch(divisor.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (std::is_integral_v<T>) {
      loop.run(0, loop.numel, [&](const auto& at, const auto& step, int64_t count) {
        const int64_t distinct = step[0] == 0 ? 1 : count;
        for (int64_t i = 0; i < distinct; ++i)
          if (*reinterpret_cast<const T*>(at[0] + i * step[0]) == T(0))
            throw ValueError(fmt::format("{}: division by zero in a tensor of dtype {}",
                                         op == BinaryOp::FloorDivide ? "floor_divide" : "remainder",
                                         name_of(divisor.dtype)));
      });
    }
  });
}

}  // namespace

void CpuBackend::unary(UnaryOp op, const View& out, const View& in) {
  const UnaryRow row = require(find_row(op, compute_dtype(in.dtype)), name_of(op), in.dtype);
  if (!is_dense(out) || !is_dense(in))
    return run_unary(row, grain_of(op, in.dtype), out, Aligned(*this, out, in).view());
  const int64_t to = size_in_bytes(out.dtype), from = size_in_bytes(in.dtype);
  const Writing writing(out, in);
  parallel_for(out.numel(), grain_of(op, in.dtype), [&](int64_t begin, int64_t end) {
    row(in.as<char>() + begin * from, out.as<char>() + begin * to, end - begin, writing.streamed());
    writing.finish();
  });
}

void CpuBackend::binary(BinaryOp op, const View& out, const View& a, const View& b) {
  const BinaryRow row = require(find_row(op, compute_dtype(a.dtype)), name_of(op), a.dtype);
  check_divisor(op, b);
  const int64_t grain = grain_of(op, a.dtype);
  if (!is_dense(out) || !is_dense(a) || !is_dense(b))
    return run_binary(row, grain, out, Aligned(*this, out, a).view(), Aligned(*this, out, b).view());
  const int64_t to = size_in_bytes(out.dtype), from = size_in_bytes(a.dtype);
  const Writing writing(out, a, b);
  parallel_for(out.numel(), grain, [&](int64_t begin, int64_t end) {
    row(a.as<char>() + begin * from, b.as<char>() + begin * from, out.as<char>() + begin * to, end - begin,
        writing.streamed());
    writing.finish();
  });
}

void CpuBackend::binary(BinaryOp op, const View& out, const View& a, const Scalar& b) {
  const ScalarOperand number(b, a.dtype, out.shape);
  if (!is_dense(out) || !is_dense(a)) return binary(op, out, a, number.view());
  const BinaryRow row = require(find_row(op, a.dtype), name_of(op), a.dtype);
  check_divisor(op, number.view());
  run_with_number(row, grain_of(op, out.dtype), out, a, number.view(), false);
}

void CpuBackend::binary(BinaryOp op, const View& out, const Scalar& a, const View& b) {
  const ScalarOperand number(a, b.dtype, out.shape);
  if (!is_dense(out) || !is_dense(b)) return binary(op, out, number.view(), b);
  const BinaryRow row = require(find_row(op, b.dtype), name_of(op), b.dtype);
  check_divisor(op, b);
  run_with_number(row, grain_of(op, out.dtype), out, b, number.view(), true);
}

}  // namespace mote

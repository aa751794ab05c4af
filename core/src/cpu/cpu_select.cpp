// Selection on the CPU: where, masked_fill and triangles. Elements are only moved, so one kernel serves every dtype of
// the same size.
#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"
#include "mote/element_bits.h"

namespace mote {

namespace {

using namespace cpu;

template <class T>
T read(const char* at) {
  return *reinterpret_cast<const T*>(at);
}

// a where the byte `chosen` is set, b elsewhere, without a branch: masks are often random.
template <class T>
T choose(char chosen, T a, T b) {
  const T all = static_cast<T>(-static_cast<T>(chosen != 0));
  return static_cast<T>((a & all) | (b & ~all));
}

template <class T>
void where_rows(const View& out, const View& condition, const View& a, const View& b) {
  constexpr auto kSize = static_cast<int64_t>(sizeof(T));
  const StridedLoop<4> loop({&out, &condition, &a, &b});
  loop.run_parallel(kGrain, [](const auto& at, const auto& step, int64_t count) {
    if (step == std::array<int64_t, 4>{kSize, 1, kSize, kSize}) {
      T* to = reinterpret_cast<T*>(at[0]);
      const char* chosen = at[1];
      const T *left = reinterpret_cast<const T*>(at[2]), *right = reinterpret_cast<const T*>(at[3]);
      for (int64_t i = 0; i < count; ++i) to[i] = choose(chosen[i], left[i], right[i]);
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      *reinterpret_cast<T*>(at[0] + i * step[0]) =
          choose(at[1][i * step[1]], read<T>(at[2] + i * step[2]), read<T>(at[3] + i * step[3]));
  });
}

template <class T>
void masked_fill_rows(const View& out, const View& in, const View& mask, T value) {
  constexpr auto kSize = static_cast<int64_t>(sizeof(T));
  const StridedLoop<3> loop({&out, &in, &mask});
  loop.run_parallel(kGrain, [value](const auto& at, const auto& step, int64_t count) {
    if (step == std::array<int64_t, 3>{kSize, kSize, 1}) {
      T* to = reinterpret_cast<T*>(at[0]);
      const T* from = reinterpret_cast<const T*>(at[1]);
      const char* filled = at[2];
      for (int64_t i = 0; i < count; ++i) to[i] = choose(filled[i], value, from[i]);
      return;
    }
    for (int64_t i = 0; i < count; ++i)
      *reinterpret_cast<T*>(at[0] + i * step[0]) = choose(at[2][i * step[2]], value, read<T>(at[1] + i * step[1]));
  });
}

// One row: columns [keep_begin, keep_end) are kept.
template <class T>
void triangle_row(T* out, int64_t out_step, const T* in, int64_t in_step, int64_t columns, int64_t keep_begin,
                  int64_t keep_end) {
  for (int64_t j = 0; j < keep_begin; ++j) out[j * out_step] = T(0);
  if (out != in || out_step != in_step)
    for (int64_t j = keep_begin; j < keep_end; ++j) out[j * out_step] = in[j * in_step];
  for (int64_t j = keep_end; j < columns; ++j) out[j * out_step] = T(0);
}

// The offset of row `row` (over all but the last dimension).
int64_t row_offset(const View& view, int64_t row) {
  int64_t offset = 0;
  for (int d = view.shape.rank() - 2; d >= 0; --d) {
    offset += row % view.shape[d] * view.strides[d];
    row /= view.shape[d];
  }
  return offset;
}

template <class T>
void triangle_rows(const View& out, const View& in, int64_t diagonal, bool upper) {
  const int rank = out.shape.rank();
  const int64_t columns = out.shape[rank - 1], rows = out.shape[rank - 2];
  if (out.numel() == 0) return;
  parallel_for(out.numel() / columns, std::max<int64_t>(1, kGrain / columns), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t border = row % rows + diagonal;  // the column where the diagonal meets this row
      const int64_t keep_begin = upper ? std::clamp<int64_t>(border, 0, columns) : 0;
      const int64_t keep_end = upper ? columns : std::clamp<int64_t>(border + 1, 0, columns);
      triangle_row(out.as<T>() + row_offset(out, row), out.strides[rank - 1], in.as<const T>() + row_offset(in, row),
                   in.strides[rank - 1], columns, keep_begin, keep_end);
    }
  });
}

}  // namespace

void CpuBackend::where(const View& out, const View& condition, const View& a, const View& b) {
  dispatch_size(out.dtype, [&](auto* tag) { where_rows<std::remove_pointer_t<decltype(tag)>>(out, condition, a, b); });
}

void CpuBackend::masked_fill(const View& out, const View& in, const View& mask, const Scalar& value) {
  dispatch_size(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    masked_fill_rows<T>(out, in, mask, bits_of<T>(value, out.dtype));
  });
}

void CpuBackend::triangle(const View& out, const View& in, int64_t diagonal, bool upper) {
  dispatch_size(out.dtype,
                [&](auto* tag) { triangle_rows<std::remove_pointer_t<decltype(tag)>>(out, in, diagonal, upper); });
}

}  // namespace mote

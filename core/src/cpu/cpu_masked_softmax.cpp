// Masked fill, scale and softmax over the last dimension, row by row; the mask is read by its strides.
#include <algorithm>

#include "cpu/cpu_backend.h"
#include "cpu/row_buffers.h"
#include "cpu/softmax_kernels.h"
#include "cpu/streaming.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

int64_t last_stride(const View& view) { return view.strides[view.strides.rank() - 1]; }

int64_t grain_of(int64_t width) { return std::max<int64_t>(1, cpu::kFunctionGrain / width); }

template <class C>
void forward(const View& out, const View& in, const View& mask, C scale) {
  const int64_t width = out.shape.back();
  const View starts[] = {cpu::starts_of_rows(out), cpu::starts_of_rows(in), cpu::starts_of_rows(mask)};
  const cpu::StridedLoop<3> loop({&starts[0], &starts[1], &starts[2]});
  const auto kernel = cpu::softmax_kernels<C>().masked_softmax;
  const cpu::Writing writing(out, in);
  cpu::parallel_for(loop.numel, grain_of(width), [&](int64_t begin, int64_t end) {
    const cpu::InputRow<C> x(in.dtype, last_stride(in), width);
    const cpu::OutputRow<C> y(out.dtype, last_stride(out), width);
    const cpu::InputRow<uint8_t> filled(DType::UInt8, last_stride(mask), width);  // a bool is a byte of 0 or 1
    const bool apart = y.is_direct() && cpu::works_apart(writing, y.bytes());
    const cpu::Scratch<C> work(apart ? width : 0);
    loop.run(begin, end, [&](const auto& at, const auto& strides, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        char* const to = at[0] + i * strides[0];
        C* const row = y.place(to);
        kernel(x.read(at[1] + i * strides[1]), filled.read(at[2] + i * strides[2]), scale, apart ? work.get() : row,
               row, width);
        y.write(to);
      }
    });
    writing.finish();
  });
}

template <class C>
void backward(const View& grad_in, const View& grad_out, const View& out, C scale) {
  const int64_t width = out.shape.back();
  const View starts[] = {cpu::starts_of_rows(grad_in), cpu::starts_of_rows(grad_out), cpu::starts_of_rows(out)};
  const cpu::StridedLoop<3> loop({&starts[0], &starts[1], &starts[2]});
  const auto kernel = cpu::softmax_kernels<C>().softmax_backward;
  const cpu::Writing writing(grad_in, grad_out, out);
  cpu::parallel_for(loop.numel, grain_of(width), [&](int64_t begin, int64_t end) {
    const cpu::InputRow<C> g(grad_out.dtype, last_stride(grad_out), width), y(out.dtype, last_stride(out), width);
    const cpu::OutputRow<C> result(grad_in.dtype, last_stride(grad_in), width);
    const bool streamed = result.streamed_by(writing);
    loop.run(begin, end, [&](const auto& at, const auto& strides, int64_t count) {
      for (int64_t i = 0; i < count; ++i) {
        char* const to = at[0] + i * strides[0];
        kernel(g.read(at[1] + i * strides[1]), y.read(at[2] + i * strides[2]), scale, result.place(to), width,
               streamed);
        result.write(to);
      }
    });
    writing.finish();
  });
}

}  // namespace

void CpuBackend::masked_softmax(const View& out, const View& in, const View& mask, double scale) {
  if (out.numel() == 0) return;
  if (out.dtype == DType::Float64)
    forward<double>(out, in, mask, scale);
  else
    forward<float>(out, in, mask, static_cast<float>(scale));
}

void CpuBackend::masked_softmax_backward(const View& grad_in, const View& grad_out, const View& out, double scale) {
  if (out.numel() == 0) return;
  if (out.dtype == DType::Float64)
    backward<double>(grad_in, grad_out, out, scale);
  else
    backward<float>(grad_in, grad_out, out, static_cast<float>(scale));
}

}  // namespace mote

// Layer normalisation and root mean square normalisation row by row; the second has no mean and no bias. The gradients
// of weight and bias are sums over all rows: rows are cut into blocks by their number alone, each block has its own
// sums, and these are added in order, so that threads change no bit.
#include "cpu/layer_norm_kernels.h"

#include <algorithm>

#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"
#include "cpu/row_buffers.h"
#include "cpu/streaming.h"

namespace mote {

namespace {

using cpu::element;
using cpu::InputRow;
using cpu::OutputRow;
using cpu::Scratch;

constexpr int64_t kMaxBlocks = 64;  // sums of weight and bias that are kept apart

// weight and bias, dense for the whole call.
template <class C>
struct Factors {
  explicit Factors(const LayerNormArgs& args) : weight_row(input_of(args.weight)), bias_row(input_of(args.bias)) {
    if (args.weight) weight = weight_row.read(args.weight->data);
    if (args.bias) bias = bias_row.read(args.bias->data);
  }

  InputRow<C> weight_row, bias_row;
  const C* weight = nullptr;
  const C* bias = nullptr;

 private:
  static InputRow<C> input_of(const std::optional<View>& factor) {
    return factor ? InputRow<C>(factor->dtype, factor->strides[0], factor->shape[0]) : InputRow<C>(dtype_of<C>, 1, 0);
  }
};

int64_t grain_of(int64_t width) { return std::max<int64_t>(1, cpu::kFunctionGrain / std::max<int64_t>(width, 1)); }

template <class C>
void forward(const View& out, const View* mean, const View& rstd, const LayerNormArgs& args) {
  const int64_t width = args.x.shape[1];
  const Factors<C> factors(args);
  const auto kernel = cpu::layer_norm_kernels<C>(mean != nullptr).forward;
  const cpu::Writing writing(out, args.x);
  cpu::parallel_for(args.x.shape[0], grain_of(width), [&](int64_t begin, int64_t end) {
    const InputRow<C> x(args.x.dtype, args.x.strides[1], width);
    const OutputRow<C> y(out.dtype, out.strides[1], width);
    const bool streamed = y.streamed_by(writing);
    for (int64_t r = begin; r < end; ++r) {
      void* const at = cpu::row_of(out, r);
      kernel({x.read(cpu::row_of(args.x, r)), factors.weight, factors.bias, width}, args.eps, y.place(at), streamed,
             mean ? &element<C>(*mean, r) : nullptr, &element<C>(rstd, r));
      y.write(at);
    }
    writing.finish();
  });
}

struct Targets {
  std::optional<View> x, weight, bias;
};

// Rows [begin, end): writes their grad_x and adds to the two sums, where those are wanted.
template <class C>
void backward_rows(const Targets& targets, const cpu::Writing& writing, const View& grad_out, const View* mean,
                   const View& rstd, const LayerNormArgs& args, const C* weight, int64_t begin, int64_t end,
                   C* sum_weight, C* sum_bias) {
  const int64_t width = args.x.shape[1];
  const InputRow<C> x(args.x.dtype, args.x.strides[1], width), g(grad_out.dtype, grad_out.strides[1], width);
  const OutputRow<C> dx(args.x.dtype, targets.x ? targets.x->strides[1] : 1, targets.x ? width : 0);
  const bool streamed = dx.streamed_by(writing);
  const auto kernel = cpu::layer_norm_kernels<C>(mean != nullptr).backward;
  for (int64_t r = begin; r < end; ++r) {
    void* const at = targets.x ? cpu::row_of(*targets.x, r) : nullptr;
    kernel({x.read(cpu::row_of(args.x, r)), weight, nullptr, width}, g.read(cpu::row_of(grad_out, r)),
           mean ? element<C>(*mean, r) : C(0), element<C>(rstd, r),
           {at ? dx.place(at) : nullptr, streamed, sum_weight, sum_bias});
    if (at) dx.write(at);
  }
}

// The sums of all blocks, [blocks][2][width], in order, into the gradient of weight (which = 0) or bias.
template <class C>
void add_blocks(const View& target, const C* sums, int64_t blocks, int64_t which) {
  const int64_t width = target.shape[0];
  Scratch<C> total(width);
  std::fill_n(total.get(), width, C(0));
  for (int64_t b = 0; b < blocks; ++b)
    for (int64_t i = 0; i < width; ++i) total[i] += sums[(2 * b + which) * width + i];
  const OutputRow<C> row(target.dtype, target.strides[0], width);
  std::copy_n(total.get(), width, row.place(target.data));
  row.write(target.data);
}

template <class C>
void backward(const Targets& targets, const View& grad_out, const View* mean, const View& rstd,
              const LayerNormArgs& args) {
  const int64_t rows = args.x.shape[0], width = args.x.shape[1];
  const Factors<C> factors(args);
  const int64_t block = std::max<int64_t>((rows + kMaxBlocks - 1) / kMaxBlocks, 8), blocks = (rows + block - 1) / block;
  const bool sums = targets.weight || targets.bias;
  const Scratch<C> partial(sums ? blocks * 2 * width : 0);
  const cpu::Writing writing = targets.x ? cpu::Writing(*targets.x, grad_out, args.x) : cpu::Writing();
  cpu::parallel_for(blocks, std::max<int64_t>(1, grain_of(width) / block), [&](int64_t begin, int64_t end) {
    for (int64_t b = begin; b < end; ++b) {
      C* const weight = targets.weight ? partial.get() + 2 * b * width : nullptr;
      C* const bias = targets.bias ? partial.get() + (2 * b + 1) * width : nullptr;
      if (weight) std::fill_n(weight, width, C(0));
      if (bias) std::fill_n(bias, width, C(0));
      backward_rows<C>(targets, writing, grad_out, mean, rstd, args, factors.weight, b * block,
                       std::min(rows, (b + 1) * block), weight, bias);
    }
    writing.finish();
  });
  if (targets.weight) add_blocks<C>(*targets.weight, partial.get(), blocks, 0);
  if (targets.bias) add_blocks<C>(*targets.bias, partial.get(), blocks, 1);
}

void run_forward(const View& out, const View* mean, const View& rstd, const LayerNormArgs& args) {
  if (args.x.shape[1] == 0) return;
  if (out.dtype == DType::Float64)
    forward<double>(out, mean, rstd, args);
  else
    forward<float>(out, mean, rstd, args);
}

void run_backward(const Targets& targets, const View& grad_out, const View* mean, const View& rstd,
                  const LayerNormArgs& args) {
  if (args.x.shape[1] == 0) return;
  if (grad_out.dtype == DType::Float64)
    backward<double>(targets, grad_out, mean, rstd, args);
  else
    backward<float>(targets, grad_out, mean, rstd, args);
}

}  // namespace

void CpuBackend::layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args) {
  run_forward(out, &mean, rstd, args);
}

void CpuBackend::layer_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight,
                                     std::optional<View> grad_bias, const View& grad_out, const View& mean,
                                     const View& rstd, const LayerNormArgs& args) {
  run_backward({grad_x, grad_weight, grad_bias}, grad_out, &mean, rstd, args);
}

void CpuBackend::rms_norm(const View& out, const View& rstd, const LayerNormArgs& args) {
  run_forward(out, nullptr, rstd, args);
}

void CpuBackend::rms_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight, const View& grad_out,
                                   const View& rstd, const LayerNormArgs& args) {
  run_backward({grad_x, grad_weight, std::nullopt}, grad_out, nullptr, rstd, args);
}

}  // namespace mote

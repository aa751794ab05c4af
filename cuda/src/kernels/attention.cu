// scaled_dot_product_attention: the choice of a rung of the ladder, and delta, which every backward rung needs.
//   delta = sum(dO * out) along a row: one warp a row; bytes moved: dO and out once
#include <algorithm>

#include "cuda_backend.h"
#include "kernels/attention_call.h"
#include "kernels/attention_operands.h"
#include "kernels/launch.h"
#include "mote/cuda.h"

namespace mote {

namespace cuda {

namespace {

constexpr int kDeltaThreads = 256;
constexpr int64_t kTensorCoreColumns = 8;  // of 16 bits: what a copy of 16 bytes moves

template <class S>
__global__ void delta_kernel(Heads<const S> grad_out, Heads<const S> out, AttentionSizes sizes, int64_t rows,
                             compute_t<S>* delta) {
  using T = compute_t<S>;
  const int lane = threadIdx.x % 32;
  const int64_t step = int64_t{gridDim.x} * (blockDim.x / 32);
  for (int64_t row = int64_t{blockIdx.x} * (blockDim.x / 32) + threadIdx.x / 32; row < rows; row += step) {
    const int64_t number = row / sizes.queries, query = row % sizes.queries;
    const Matrix<const S> g = grad_out.of(number / sizes.heads, number % sizes.heads);
    const Matrix<const S> o = out.of(number / sizes.heads, number % sizes.heads);
    T sum = 0;
    for (int c = lane; c < sizes.width; c += 32) sum += cast_to<T>(g.at(query, c)) * cast_to<T>(o.at(query, c));
#pragma unroll
    for (int distance = 16; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    if (lane == 0) delta[row] = sum;
  }
}

DeviceBuffer make_delta(const View& grad_out, const View& out, const AttentionArgs& args) {
  const AttentionSizes sizes(args);
  const int64_t rows = sizes.all_heads() * sizes.queries;
  DeviceBuffer delta;
  if (rows == 0) return delta;
  dispatch(out.dtype, [&](auto* tag) {
    using S = std::remove_pointer_t<decltype(tag)>;
    using T = compute_t<S>;
    if constexpr (is_floating_point(dtype_of<S>)) {
      delta = DeviceBuffer(static_cast<size_t>(rows) * sizeof(T), out.device);
      launch(kAttentionBackward, strided_launch(rows * 32, kDeltaThreads, out.device), out.device, delta_kernel<S>,
             Heads<const S>(grad_out), Heads<const S>(out), sizes, rows, delta.as<T>());
    }
  });
  return delta;
}

// Whether a rung with tiles may take the call.
bool takes_tiles(const AttentionArgs& args) {
  return head_size_of(args) <= kMaxHeadSize && attention_kernel() != AttentionKernel::Naive;
}

// The type that the tiled kernel computes in.
DType tiled_type(DType dtype) { return dtype == DType::Float64 ? dtype : DType::Float32; }

AttentionArgs with_operands(const AttentionArgs& args, AttentionOperands& operands) {
  AttentionArgs result = args;
  result.q = operands.read(args.q);
  result.k = operands.read(args.k);
  result.v = operands.read(args.v);
  return result;
}

bool takes_tensor_cores(DType dtype) {
  const AttentionKernel kernel = attention_kernel();
  return is_reduced_floating_point(dtype) &&
         (kernel == AttentionKernel::Automatic || kernel == AttentionKernel::TensorCore);
}

void run_tensor_core(Backend& backend, const AttentionForward& call) {
  AttentionOperands operands(backend, call.out.dtype, kTensorCoreColumns);
  const View out = operands.write(call.out);
  tensor_core_attention({out, call.log_sum_exp, with_operands(call.args, operands)});
  operands.finish();
}

void run_tensor_core(Backend& backend, const AttentionBackward& call) {
  AttentionOperands operands(backend, call.grad_q.dtype, kTensorCoreColumns);
  const View grad_q = operands.write(call.grad_q), grad_k = operands.write(call.grad_k);
  const View grad_v = operands.write(call.grad_v), grad_out = operands.read(call.grad_out);
  const AttentionArgs args = with_operands(call.args, operands);
  tensor_core_attention_backward({grad_q, grad_k, grad_v, grad_out, call.log_sum_exp, call.delta, args});
  operands.finish();
}

void run_tiled(Backend& backend, const AttentionForward& call) {
  AttentionOperands operands(backend, tiled_type(call.out.dtype), 1);
  const View out = operands.write(call.out);
  tiled_attention({out, call.log_sum_exp, with_operands(call.args, operands)});
  operands.finish();
}

void run_tiled(Backend& backend, const AttentionBackward& call) {
  AttentionOperands operands(backend, tiled_type(call.grad_q.dtype), 1);
  const View grad_q = operands.write(call.grad_q), grad_k = operands.write(call.grad_k);
  const View grad_v = operands.write(call.grad_v), grad_out = operands.read(call.grad_out);
  const AttentionArgs args = with_operands(call.args, operands);
  tiled_attention_backward({grad_q, grad_k, grad_v, grad_out, call.log_sum_exp, call.delta, args});
  operands.finish();
}

}  // namespace

size_t max_shared_bytes(int device) {
  int bytes = 0;
  check(cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "cuda device");
  return static_cast<size_t>(bytes);
}

}  // namespace cuda

void CudaBackend::attention(const View& out, const View& log_sum_exp, const AttentionArgs& args) {
  if (log_sum_exp.numel() == 0) return;
  const cuda::AttentionForward call{out, log_sum_exp, args};
  const bool tiles = cuda::takes_tiles(args);
  if (tiles && cuda::takes_tensor_cores(out.dtype)) return cuda::run_tensor_core(*this, call);
  if (tiles && cuda::tiled_attention_fits(cuda::tiled_type(out.dtype), cuda::head_size_of(args), out.device))
    return cuda::run_tiled(*this, call);
  cuda::naive_attention(call);
}

void CudaBackend::attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                     const View& out, const View& log_sum_exp, const AttentionArgs& args) {
  if (args.q.shape[0] * args.q.shape[1] == 0) return;
  const cuda::DeviceBuffer delta = cuda::make_delta(grad_out, out, args);
  const cuda::AttentionBackward call{grad_q, grad_k, grad_v, grad_out, log_sum_exp, delta.data(), args};
  const bool tiles = cuda::takes_tiles(args);
  if (tiles && cuda::takes_tensor_cores(grad_q.dtype)) return cuda::run_tensor_core(*this, call);
  const DType type = cuda::tiled_type(grad_q.dtype);
  if (tiles && cuda::tiled_attention_backward_fits(type, cuda::head_size_of(args), grad_q.device))
    return cuda::run_tiled(*this, call);
  cuda::naive_attention_backward(call);
}

}  // namespace mote

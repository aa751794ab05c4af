// gather and index_select: out[i] = in at the position that index gives along one dimension. An index tensor is seen in
// the shape of out, with step 0 where it does not vary, so that one kernel serves both. Elements are only moved, so the
// kernel knows only their size; where one position stands for a dense row (an embedding), 16 bytes are moved at a time.
// Bytes: out once, as much of in, and the positions.
#include "cuda_backend.h"
#include "kernels/pointwise.cuh"
#include "kernels/positions.h"
#include "mote/element_bits.h"

namespace mote {

namespace cuda {

template <class Word>
__global__ void gather_kernel(StridedIndex<3> index, uint32_t count, int64_t size, int64_t stride, Refusal refusal,
                              char* out, const char* in, const char* positions) {
  if (refusal.holds()) return;
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const auto [at] = index.offsets(i);
    const int64_t position = wrapped(*reinterpret_cast<const int64_t*>(positions + at[2]), size);
    *reinterpret_cast<Word*>(out + at[0]) = *reinterpret_cast<const Word*>(in + at[1] + position * stride);
  }
}

// `stride` leads from one position of `in` to the next, in bytes; in itself has the shape of out, and step 0 there.
template <class Word>
void gather_words(const char* op, const View& out, const View& in, const View& index, int64_t size, int64_t stride,
                  Refusal refusal) {
  StridedParts<3>({out, in, index}).for_each([&](const auto& views, const auto& offsets, uint32_t count, int64_t) {
    launch(op, strided_launch(count, kPointwiseThreads, out.device), out.device, gather_kernel<Word>, offsets, count,
           size, stride, refusal, views[0].template as<char>(), views[1].template as<const char>(),
           views[2].template as<const char>());
  });
}

// The positions of `index`, of the shape of out, are right or refused.
static void gather_checked(const char* op, const View& out, const View& in, int64_t dim, const View& index,
                           Refusal refusal) {
  if (out.numel() == 0) return;
  const auto element = static_cast<int64_t>(size_of(out.dtype));
  const int64_t size = in.shape[dim], stride = in.strides[dim] * element, pack = 16 / element;
  const int packed = stride % 16 == 0 ? packed_dimension(out, in, index, dim, pack) : -1;
  View source = in;
  source.shape = out.shape;
  source.strides[dim] = 0;
  if (packed >= 0)
    return gather_words<Pack<uint64_t, 2>>(op, packed_view(out, packed, pack), packed_view(source, packed, pack),
                                           packed_view(index, packed, pack), size, stride, refusal);
  dispatch_size(out.dtype, [&](auto* tag) {
    gather_words<std::remove_pointer_t<decltype(tag)>>(op, out, source, index, size, stride, refusal);
  });
}

}  // namespace cuda

void CudaBackend::gather(const View& out, const View& in, int64_t dim, const View& index) {
  const cuda::PositionCheck check("gather", {index, dim, in.shape[dim], false});
  cuda::gather_checked("gather", out, in, dim, index, check.refusal());
}

void CudaBackend::index_select(const View& out, const View& in, int64_t dim, const View& index) {
  const cuda::PositionCheck check("index_select", {index, dim, in.shape[dim], true});
  cuda::gather_checked("index_select", out, in, dim, cuda::broadcast_list(index, out, dim), check.refusal());
}

}  // namespace mote

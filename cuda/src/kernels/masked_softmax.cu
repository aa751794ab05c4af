// Scale, masked fill and softmax over the last dimension in one kernel; its gradient is in softmax.cu.
#include "cuda_backend.h"
#include "kernels/softmax.cuh"

namespace mote {

void CudaBackend::masked_softmax(const View& out, const View& in, const View& mask, double scale) {
  cuda::dispatch_floating("masked_softmax", out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    cuda::run_softmax<T, true>("masked_softmax", out, in, &mask, scale, false);
  });
}

}  // namespace mote

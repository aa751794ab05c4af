// rms_norm and its gradients. The kernels are those of layer_norm.cuh, not centred.
#include "kernels/layer_norm.cuh"

namespace mote {

void CudaBackend::rms_norm(const View& out, const View& rstd, const LayerNormArgs& args) {
  cuda::dispatch_floating("rms_norm", out.dtype, [&](auto* tag) {
    cuda::run_layer_norm<std::remove_pointer_t<decltype(tag)>, false>("rms_norm", out, nullptr, rstd, args);
  });
}

void CudaBackend::rms_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight, const View& grad_out,
                                    const View& rstd, const LayerNormArgs& args) {
  cuda::layer_norm_gradients<false>("rms_norm", grad_x, grad_weight, {}, grad_out, nullptr, rstd, args);
}

}  // namespace mote

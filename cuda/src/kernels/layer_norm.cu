// layer_norm and its gradients. The kernels are those of layer_norm.cuh, centred.
#include "kernels/layer_norm.cuh"

namespace mote {

void CudaBackend::layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args) {
  cuda::dispatch_floating("layer_norm", out.dtype, [&](auto* tag) {
    cuda::run_layer_norm<std::remove_pointer_t<decltype(tag)>, true>("layer_norm", out, &mean, rstd, args);
  });
}

void CudaBackend::layer_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight,
                                      std::optional<View> grad_bias, const View& grad_out, const View& mean,
                                      const View& rstd, const LayerNormArgs& args) {
  cuda::layer_norm_gradients<true>("layer_norm", grad_x, grad_weight, grad_bias, grad_out, &mean, rstd, args);
}

}  // namespace mote

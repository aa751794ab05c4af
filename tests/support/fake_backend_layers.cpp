// FakeBackend's fused layers and optimizers: methods whose views come in structs and lists.
#include "support/fake_backend.h"

namespace mote::testing {

LayerNormArgs FakeBackend::host_args(const LayerNormArgs& args) const {
  return {host_view(args.x), host_view(args.weight), host_view(args.bias), args.eps};
}

void FakeBackend::layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args) {
  counted("layer_norm").layer_norm(host_view(out), host_view(mean), host_view(rstd), host_args(args));
}

void FakeBackend::layer_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight,
                                      std::optional<View> grad_bias, const View& grad_out, const View& mean,
                                      const View& rstd, const LayerNormArgs& args) {
  counted("layer_norm_backward")
      .layer_norm_backward(host_view(grad_x), host_view(grad_weight), host_view(grad_bias), host_view(grad_out),
                           host_view(mean), host_view(rstd), host_args(args));
}

void FakeBackend::rms_norm(const View& out, const View& rstd, const LayerNormArgs& args) {
  counted("rms_norm").rms_norm(host_view(out), host_view(rstd), host_args(args));
}

void FakeBackend::rms_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight, const View& grad_out,
                                    const View& rstd, const LayerNormArgs& args) {
  counted("rms_norm_backward")
      .rms_norm_backward(host_view(grad_x), host_view(grad_weight), host_view(grad_out), host_view(rstd),
                         host_args(args));
}

void FakeBackend::cross_entropy(const View& loss, const View& log_sum_exp, const View& logits, const View& target,
                                int64_t ignore_index, double label_smoothing) {
  counted("cross_entropy")
      .cross_entropy(host_view(loss), host_view(log_sum_exp), host_view(logits), host_view(target), ignore_index,
                     label_smoothing);
}

void FakeBackend::cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp,
                                         const View& logits, const View& target, int64_t ignore_index,
                                         double label_smoothing) {
  counted("cross_entropy_backward")
      .cross_entropy_backward(host_view(grad_logits), host_view(grad_loss), host_view(log_sum_exp), host_view(logits),
                              host_view(target), ignore_index, label_smoothing);
}

void FakeBackend::attention(const View& out, const View& log_sum_exp, const AttentionArgs& args) {
  AttentionArgs host = args;
  host.q = host_view(args.q);
  host.k = host_view(args.k);
  host.v = host_view(args.v);
  host.mask = host_view(args.mask);
  counted("attention").attention(host_view(out), host_view(log_sum_exp), host);
}

void FakeBackend::attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                     const View& out, const View& log_sum_exp, const AttentionArgs& args) {
  AttentionArgs host = args;
  host.q = host_view(args.q);
  host.k = host_view(args.k);
  host.v = host_view(args.v);
  host.mask = host_view(args.mask);
  counted("attention_backward")
      .attention_backward(host_view(grad_q), host_view(grad_k), host_view(grad_v), host_view(grad_out), host_view(out),
                          host_view(log_sum_exp), host);
}

void FakeBackend::adamw(std::span<const View> parameters, std::span<const View> gradients,
                        std::span<const View> exp_avg, std::span<const View> exp_avg_sq, std::span<const View> masters,
                        const AdamWArgs& args) {
  const std::vector<View> p = host_views(parameters), g = host_views(gradients), m = host_views(exp_avg),
                          v = host_views(exp_avg_sq), w = host_views(masters);
  const std::vector<View> steps = host_views(args.steps);
  AdamWArgs host = args;
  host.steps = steps;
  const std::optional<View> lr = host_view(args.device_lr ? std::optional(*args.device_lr) : std::nullopt);
  if (lr) host.device_lr = &*lr;
  counted("adamw").adamw(p, g, m, v, w, host);
}

}  // namespace mote::testing

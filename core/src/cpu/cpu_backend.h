// The CPU backend: declarations here, each family in the file of its name (cpu_elementwise.cpp, cpu_reduce.cpp, …).
#pragma once

#include "mote/backend.h"

namespace mote {

class CpuBackend final : public Backend {
 public:
  DeviceType type() const override { return DeviceType::CPU; }

  void* allocate(size_t bytes, int device) override;
  void deallocate(void* data, size_t bytes, int device) noexcept override;
  void copy_from_host(void* device_data, const void* host, size_t bytes, int device) override;
  void copy_to_host(void* host, const void* device_data, size_t bytes, int device) override;
  void fill(const View& out, const Scalar& value) override;
  void copy(const View& out, const View& in) override;
  void arange(const View& out, const Scalar& start, const Scalar& step) override;
  void linspace(const View& out, double start, double end) override;
  void unary(UnaryOp op, const View& out, const View& in) override;
  void binary(BinaryOp op, const View& out, const View& a, const View& b) override;
  void binary(BinaryOp op, const View& out, const View& a, const Scalar& b) override;
  void binary(BinaryOp op, const View& out, const Scalar& a, const View& b) override;
  void where(const View& out, const View& condition, const View& a, const View& b) override;
  void masked_fill(const View& out, const View& in, const View& mask, const Scalar& value) override;
  void triangle(const View& out, const View& in, int64_t diagonal, bool upper) override;
  void reduce(ReduceOp op, const View& out, const View& in) override;
  void variance(const View& out, const View& in, double correction) override;
  void arg_reduce(bool largest, const View& out, const View& in, int64_t dim) override;
  void cumsum(const View& out, const View& in, int64_t dim) override;
  void softmax(const View& out, const View& in, bool log) override;
  void softmax_backward(const View& grad_in, const View& grad_out, const View& out, bool log) override;
  void masked_softmax(const View& out, const View& in, const View& mask, double scale) override;
  void masked_softmax_backward(const View& grad_in, const View& grad_out, const View& out, double scale) override;
  void matmul(const View& out, const View& a, const View& b, bool accumulate) override;
  void matmul_bias(const View& out, const View& a, const View& b, const View& bias) override;
  void layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args) override;
  void layer_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight, std::optional<View> grad_bias,
                           const View& grad_out, const View& mean, const View& rstd,
                           const LayerNormArgs& args) override;
  void rms_norm(const View& out, const View& rstd, const LayerNormArgs& args) override;
  void rms_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight, const View& grad_out,
                         const View& rstd, const LayerNormArgs& args) override;
  void cross_entropy(const View& loss, const View& log_sum_exp, const View& logits, const View& target,
                     int64_t ignore_index, double label_smoothing) override;
  void cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp,
                              const View& logits, const View& target, int64_t ignore_index,
                              double label_smoothing) override;
  void attention(const View& out, const View& log_sum_exp, const AttentionArgs& args) override;
  void attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                          const View& out, const View& log_sum_exp, const AttentionArgs& args) override;
  void gather(const View& out, const View& in, int64_t dim, const View& index) override;
  void scatter(const View& out, int64_t dim, const View& index, const View& source, bool add) override;
  void index_select(const View& out, const View& in, int64_t dim, const View& index) override;
  void index_add(const View& out, int64_t dim, const View& index, const View& source, bool add) override;
  void index_positions(const View& out, std::span<const View> indices, const Shape& dims, const Shape& sizes,
                       const Shape& strides) override;
  int64_t count_nonzero(const View& in) override;
  void nonzero(const View& out, const View& in) override;
  void sort(const View& values, const View& indices, const View& in, bool descending) override;
  void topk(const View& values, const View& indices, const View& in, int64_t k, bool largest) override;
  void random(RandomOp op, const View& out, const Scalar& a, const Scalar& b, Generator& generator) override;
  void dropout_mask(const View& out, double p, Generator& generator) override;
  void adamw(std::span<const View> parameters, std::span<const View> gradients, std::span<const View> exp_avg,
             std::span<const View> exp_avg_sq, std::span<const View> masters, const AdamWArgs& args) override;
};

}  // namespace mote

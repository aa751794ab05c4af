// The "meta" device: shapes and dtypes without data. Operations check and infer as anywhere; computing does nothing.
#include "backends.h"
#include "mote/error.h"

namespace mote {

namespace {

class MetaBackend final : public Backend {
 public:
  DeviceType type() const override { return DeviceType::Meta; }
  void* allocate(size_t, int) override { return nullptr; }
  void deallocate(void*, size_t, int) noexcept override {}
  void copy_to_host(void*, const void*, size_t, int) override { no_data("a copy to another device"); }
  void copy_from_host(void*, const void*, size_t, int) override {}
  int64_t count_nonzero(const View&) override { no_data("nonzero"); }
  void nonzero(const View&, const View&) override { no_data("nonzero"); }

  void fill(const View&, const Scalar&) override {}
  void copy(const View&, const View&) override {}
  void arange(const View&, const Scalar&, const Scalar&) override {}
  void linspace(const View&, double, double) override {}
  void unary(UnaryOp, const View&, const View&) override {}
  void binary(BinaryOp, const View&, const View&, const View&) override {}
  void binary(BinaryOp, const View&, const View&, const Scalar&) override {}
  void binary(BinaryOp, const View&, const Scalar&, const View&) override {}
  void where(const View&, const View&, const View&, const View&) override {}
  void masked_fill(const View&, const View&, const View&, const Scalar&) override {}
  void triangle(const View&, const View&, int64_t, bool) override {}
  void reduce(ReduceOp, const View&, const View&) override {}
  void variance(const View&, const View&, double) override {}
  void arg_reduce(bool, const View&, const View&, int64_t) override {}
  void cumsum(const View&, const View&, int64_t) override {}
  void softmax(const View&, const View&, bool) override {}
  void softmax_backward(const View&, const View&, const View&, bool) override {}
  void masked_softmax(const View&, const View&, const View&, double) override {}
  void masked_softmax_backward(const View&, const View&, const View&, double) override {}
  void matmul(const View&, const View&, const View&, bool) override {}
  void matmul_bias(const View&, const View&, const View&, const View&) override {}
  void layer_norm(const View&, const View&, const View&, const LayerNormArgs&) override {}
  void layer_norm_backward(std::optional<View>, std::optional<View>, std::optional<View>, const View&, const View&,
                           const View&, const LayerNormArgs&) override {}
  void rms_norm(const View&, const View&, const LayerNormArgs&) override {}
  void rms_norm_backward(std::optional<View>, std::optional<View>, const View&, const View&,
                         const LayerNormArgs&) override {}
  void cross_entropy(const View&, const View&, const View&, const View&, int64_t, double) override {}
  void cross_entropy_backward(const View&, const View&, const View&, const View&, const View&, int64_t,
                              double) override {}
  void attention(const View&, const View&, const AttentionArgs&) override {}
  void attention_backward(const View&, const View&, const View&, const View&, const View&, const View&,
                          const AttentionArgs&) override {}
  void gather(const View&, const View&, int64_t, const View&) override {}
  void scatter(const View&, int64_t, const View&, const View&, bool) override {}
  void index_select(const View&, const View&, int64_t, const View&) override {}
  void index_add(const View&, int64_t, const View&, const View&, bool) override {}
  void index_positions(const View&, std::span<const View>, const Shape&, const Shape&, const Shape&) override {}
  void sort(const View&, const View&, const View&, bool) override {}
  void topk(const View&, const View&, const View&, int64_t, bool) override {}
  void random(RandomOp, const View&, const Scalar&, const Scalar&, Generator&) override {}
  void dropout_mask(const View&, double, Generator&) override {}
  void dropout_seed(const View&, Generator&) override {}
  void adamw(std::span<const View>, std::span<const View>, std::span<const View>, std::span<const View>,
             std::span<const View>, const AdamWArgs&) override {}

 private:
  [[noreturn]] static void no_data(const char* what) {
    throw DeviceError(std::string(what) + ": a tensor on meta has a shape and a dtype, but no data");
  }
};

}  // namespace

Backend* meta_backend() {
  static MetaBackend backend;
  return &backend;
}

}  // namespace mote

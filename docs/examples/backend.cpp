// The page on backends: a device in fifty lines. It stands in for "cuda", keeps its arrays in host memory, and can add
// and multiply by scalars and nothing else.
#include <mote/backend.h>
#include <mote/core.h>

#include <cstdlib>
#include <cstring>
#include <iostream>

class SmallBackend final : public mote::Backend {
 public:
  mote::DeviceType type() const override { return mote::DeviceType::CUDA; }

  void* allocate(size_t bytes, int) override { return std::malloc(bytes); }
  void deallocate(void* data, size_t, int) noexcept override { std::free(data); }
  void copy_from_host(void* data, const void* host, size_t bytes, int) override { std::memcpy(data, host, bytes); }
  void copy_to_host(void* host, const void* data, size_t bytes, int) override { std::memcpy(host, data, bytes); }

  void binary(mote::BinaryOp op, const mote::View& out, const mote::View& a, const mote::Scalar& b) override {
    if (op != mote::BinaryOp::Add && op != mote::BinaryOp::Mul) not_implemented(mote::name_of(op));
    if (out.dtype != mote::float32) not_implemented(mote::name_of(out.dtype));
    const float number = b.to<float>();
    for (int64_t i = 0; i < out.numel(); ++i) {
      const float x = a.as<float>()[offset(a, i)];
      out.as<float>()[offset(out, i)] = op == mote::BinaryOp::Add ? x + number : x * number;
    }
  }

 private:
  // Where the i-th element, in row-major order, lies. Strides may be in any order, and 0 where broadcast.
  static int64_t offset(const mote::View& view, int64_t i) {
    int64_t at = 0;
    for (int d = view.shape.rank() - 1; d >= 0; --d) {
      at += i % view.shape[d] * view.strides[d];
      i /= view.shape[d];
    }
    return at;
  }
};

int main() {
  SmallBackend backend;
  const mote::BackendOverride in_place_of_cuda(mote::DeviceType::CUDA, backend);
  const mote::Tensor x = mote::arange(6, {.dtype = mote::float32}).reshape({2, 3}).to("cuda");
  const mote::Tensor y = x.transpose(0, 1) * 10.0 + 1.0;
  std::cout << y.device().str() << " " << y.shape().str() << "\n" << y.to("cpu") << "\n";
  try {
    mote::softmax(y, -1);
  } catch (const mote::NotImplementedError& error) {
    std::cout << error.what() << "\n";
  }
}

// Conversion between dtypes and devices, and copies of any strides.
#include <cmath>
#include <cstring>
#include <limits>

#include "mote/core.h"
#include "mote/storage.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::testing {

TEST_CASE("to gives the tensor itself where nothing changes") {
  const Tensor x = ones({2});
  CHECK(is_same(x.to(float32), x));
  CHECK(is_same(x.to("cpu"), x));
  CHECK(is_same(x.cpu(), x));
  const Tensor copy = x.to(float32, true);
  CHECK_FALSE(is_same(copy, x));
  copy.zero_();
  CHECK(equal(x, ones({2})));
}

TEST_CASE("casts between all dtypes") {
  const Tensor x = tensor({0.0, 1.0, 2.75, 100.5});
  CHECK(equal(x.to(int64), tensor({0, 1, 2, 100})));
  CHECK(equal(x.to(bool_), tensor({false, true, true, true})));
  CHECK(equal(tensor({-1.5, 300.0}).to(int32), tensor({-1, 300}).to(int32)));
  CHECK(equal(tensor({-1, 300}).to(uint8), tensor({255, 44}).to(uint8)));
  for (DType from : {bool_, uint8, int32, int64, float16, bfloat16, float32, float64})
    for (DType into : {bool_, uint8, int32, int64, float16, bfloat16, float32, float64}) {
      CAPTURE(name_of(from), name_of(into));
      const Tensor source = (arange(35) % 2).to(from).reshape({5, 7});
      const Tensor cast = source.t().to(into);
      CHECK(cast.dtype() == into);
      CHECK((cast.is_contiguous() || from == into));
      CHECK(equal(cast, (arange(35) % 2).reshape({5, 7}).t().to(into)));
      CHECK(equal(cast.to(int64), source.t().to(int64)));
    }
}

TEST_CASE("16-bit floating point rounds to nearest even") {
  const Tensor x = tensor({1.0 + 1.0 / 2048, 1.0 + 3.0 / 2048, 65519.0, 65520.0, 1e-8, -0.0});
  const Tensor half = x.to(float16).to(float32);
  CHECK(half[0].item<double>() == 1.0);
  CHECK(half[1].item<double>() == 1.0 + 4.0 / 2048);
  CHECK(half[2].item<double>() == 65504.0);
  CHECK(std::isinf(half[3].item<double>()));
  CHECK(half[4].item<double>() == 0.0);
  CHECK(std::signbit(half[5].item<double>()));
  CHECK(tensor({1.0 + 1.0 / 256}).to(bfloat16).item<double>() == 1.0);
  CHECK(std::isnan(tensor({std::nan("")}).to(bfloat16).item<double>()));
}

TEST_CASE("copies of transposed and strided tensors, large enough for tiles") {
  for (DType dtype : {uint8, float16, float32, float64}) {
    const Tensor x = (arange(2 * 67 * 131) % 251).reshape({2, 67, 131}).to(dtype);
    for (const Tensor& view : {x.transpose(1, 2), x.permute({2, 1, 0}), x.permute({1, 2, 0}), x.slice(2, 3, 130, 2),
                               x.transpose(1, 2).slice(1, 5, 50), x.expand({2, 67, 131}).transpose(0, 2)}) {
      const Tensor dense = view.contiguous();
      REQUIRE(dense.is_contiguous());
      bool same = true;
      const Shape s = view.shape();
      const size_t size = view.element_size();
      for (int64_t i = 0; i < s[0]; ++i)
        for (int64_t j = 0; j < s[1]; ++j)
          for (int64_t k = 0; k < s[2]; ++k) {
            const int64_t at = i * view.stride(0) + j * view.stride(1) + k * view.stride(2);
            same &= std::memcmp(
                        static_cast<char*>(view.data_ptr()) + at * static_cast<int64_t>(size),
                        static_cast<char*>(dense.data_ptr()) + ((i * s[1] + j) * s[2] + k) * static_cast<int64_t>(size),
                        size) == 0;
          }
      CAPTURE(name_of(dtype), s.str(), view.strides().str());
      CHECK(same);
    }
  }
}

TEST_CASE("copy_ broadcasts and casts") {
  const Tensor x = zeros({2, 3});
  x.copy_(tensor({1, 2, 3}));
  CHECK(equal(x, tensor({{1., 2., 3.}, {1., 2., 3.}})));
  x.t().copy_(tensor({true, false}));
  CHECK(equal(x, tensor({{1., 1., 1.}, {0., 0., 0.}})));
  CHECK_THAT(message_of<ShapeError>([&] { x[0].copy_(x); }),
             contains("copy_: source of shape [2, 3] does not broadcast to self of shape [3]"));
  CHECK_THROWS_AS(x.copy_(ones({4})), ShapeError);
}

TEST_CASE("to crosses devices with values, origin and gradient") {
  FakeBackend fake;
  const BackendOverride second(DeviceType::CUDA, fake);
  const Tensor x = arange(6, {.dtype = float32}).reshape({2, 3}).requires_grad_();
  const Tensor there = x.t().to("cuda");
  CHECK(there.device() == Device("cuda:0"));
  CHECK(there.is_contiguous());
  CHECK(equal(there.cpu(), x.t().detach()));
  CHECK(std::string(x.to("cuda").get().origin.op) == "arange");
  CHECK(equal(x.to("cuda", float64).to("cpu", int64), arange(6).reshape({2, 3})));
  CHECK(equal(x.to("cuda").t().to("cuda:1").cpu(), x.t().detach()));
  (there * there).sum().backward();
  CHECK(equal(x.grad(), x.detach() * 2.0));
  CHECK(x.grad().device() == Device("cpu"));
}

TEST_CASE("copy_ crosses devices") {
  FakeBackend fake;
  const BackendOverride second(DeviceType::CUDA, fake);
  const Tensor there = zeros({2, 3}, {.device = Device("cuda")});
  there.copy_(tensor({1, 2, 3}));
  CHECK(equal(there.cpu(), tensor({{1., 2., 3.}, {1., 2., 3.}})));
  there.t().copy_(arange(6).reshape({3, 2}));
  CHECK(equal(there.cpu(), tensor({{0., 2., 4.}, {1., 3., 5.}})));
  const Tensor here = zeros({3, 2}, {.dtype = int64});
  here.copy_(there.t());
  CHECK(equal(here, arange(6).reshape({3, 2})));
  const Tensor x = ones({3}, {.requires_grad = true});
  there.copy_(x * 2.0);
  there.sum().backward();
  CHECK(equal(x.grad(), full({3}, 4.0)));
}

TEST_CASE("without a device that pins memory, pinning is an error, and non_blocking waits") {
  FakeBackend fake;
  const BackendOverride second(DeviceType::CUDA, fake);
  const Tensor x = arange(6, {.dtype = float32}).reshape({2, 3});
  CHECK_FALSE(x.is_pinned());
  const std::string reason =
      ": pinned memory needs a CUDA device, and there is none: this build of mote has no CUDA backend, or the machine "
      "has no such device; ask cuda::is_available() first";
  CHECK(message_of<DeviceError>([&] { x.pin_memory(); }) == "pin_memory" + reason);
  CHECK(message_of<DeviceError>([&] { zeros({2}, {.pinned_memory = true}); }) == "zeros" + reason);
  const Tensor there = x.to("cuda", {.non_blocking = true});
  x.mul_(2.0);
  CHECK(equal(there.to("cpu", {.non_blocking = true}) * 2.0, x));
  CHECK_FALSE(there.to("cpu", {.non_blocking = true}).is_pinned());
  CHECK(equal(x.cuda(0, true).cpu(), x));
  x.copy_(there, true);
  CHECK(equal(x, there.cpu()));
}

TEST_CASE("no operation mixes devices, numbers aside") {
  FakeBackend fake;
  const BackendOverride second(DeviceType::CUDA, fake);
  const Tensor here = ones({3}), there = ones({3}, {.device = Device("cuda")});
  const Tensor mask = ones({3}, {.dtype = bool_});
  CHECK_THAT(message_of<DeviceError>([&] { there.masked_fill_(mask, 0); }),
             contains("masked_fill_: expected self and mask to be on the same device, but got mask on cpu and self on "
                      "cuda:0"));
  // Devices come first, before dtype and shape.
  CHECK_THROWS_AS(there.masked_fill_(ones({7}), 0), DeviceError);
  CHECK_THROWS_AS(there.add_(ones({7}, {.dtype = float64}), 2), DeviceError);
  CHECK_THAT(message_of<DeviceError>([&] { here + there; }), contains("add: expected self and other"));
  CHECK_THROWS_AS(here * tensor(2.0).to("cuda"), DeviceError);
  CHECK_THROWS_AS(where(mask, there, there), DeviceError);
  CHECK_THROWS_AS(equal(here, there), DeviceError);
  CHECK_THROWS_AS(addcmul(there, there, here), DeviceError);
  CHECK_THROWS_AS(there.masked_fill(mask.to("cuda"), tensor(1.0)), DeviceError);
  CHECK(equal((there * 2 + 1).cpu(), full({3}, 3.0)));
  CHECK(equal(where(there > 0, there, 5.0).cpu(), ones({3})));
}

TEST_CASE("meta tensors carry shapes and dtypes through operations") {
  const Tensor a = empty({3, 1}, {.device = Device("meta")}),
               b = empty({4}, {.dtype = int64, .device = Device("meta")});
  const Tensor y = exp(a * b).masked_fill(a > 0.0, 1.0);
  CHECK(y.shape() == Shape({3, 4}));
  CHECK(y.dtype() == float32);
  CHECK(y.device().is_meta());
  CHECK(ones({2}).to("meta").device().is_meta());
  CHECK_THROWS_AS(a.cpu(), DeviceError);
  CHECK_THROWS_AS(a + ones({1}), DeviceError);
}

}  // namespace mote::testing

// The seam: a backend that mote does not know takes the place of "cuda", and the whole library runs on it.
#include "support/fake_backend.h"

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

TEST_CASE("without a backend the device says what to do") {
  if (has_backend(DeviceType::CUDA)) return;
  CHECK_THAT(message_of<DeviceError>([] { zeros({2}, {.device = "cuda"}); }), contains("MOTE_CUDA"));
}

TEST_CASE("tensors live on the replaced device, and operations run there") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  {
    const Tensor x = tensor({1.0, 2.0, 3.0}).to("cuda");
    CHECK(x.device() == Device("cuda:0"));
    const Tensor y = exp(x + x);
    CHECK(fake.calls("binary") == 1);
    CHECK(fake.calls("unary") == 1);
    CHECK(allclose(y.to("cpu"), exp(tensor({2.0, 4.0, 6.0}))));
    CHECK(fake.live_allocations() > 0);
  }
  CHECK(fake.live_allocations() == 0);
}

TEST_CASE("gradients stay on the device") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = tensor({1.0, 2.0}).to("cuda").requires_grad_();
  (x * x).sum().backward();
  CHECK(x.grad().device() == Device("cuda:0"));
  CHECK(equal(x.grad().to("cpu"), tensor({2.0, 4.0})));
}

TEST_CASE("the backend refuses memory that is not its own") {
  FakeBackend fake;
  float host[2] = {1, 2};
  const View outside{host, DType::Float32, {2}, {1}};
  CHECK_THROWS_WITH(fake.fill(outside, 0), contains("did not allocate"));
  void* data = fake.allocate(8, 0);
  CHECK_NOTHROW(fake.fill({data, DType::Float32, {2}, {1}}, 0));
  CHECK_THROWS_WITH(fake.fill({data, DType::Float32, {3}, {1}}, 0), contains("beyond its allocation"));
  fake.deallocate(data, 8, 0);
}

}  // namespace mote::testing

// Tensors as text: the golden file holds what PyTorch prints (tests/data/generate.py).
#include <sstream>

#include "mote/core.h"
#include "mote/fmt.h"
#include "support/catch.h"
#include "support/data.h"
#include "support/fake_backend.h"

namespace mote::testing {

TEST_CASE("printing agrees with PyTorch, character for character") {
  const SafetensorsFile golden = load_safetensors_file(data_path("print.safetensors"));
  CHECK(golden.tensors.size() > 300);
  for (const auto& [name, x] : golden.tensors) {
    INFO("tensor " << name << " of shape " << x.shape().str());
    CHECK(x.str() == golden.metadata.at(name));
  }
}

TEST_CASE("printing follows strides") {
  const Tensor x = arange(6).reshape({2, 3});
  CHECK(x.t().str() == "tensor([[0, 3],\n        [1, 4],\n        [2, 5]])");
  CHECK(x.slice(1, 0, 3, 2).str() == "tensor([[0, 2],\n        [3, 5]])");
  CHECK(tensor(1.0).expand({2, 2}).str() == "tensor([[1., 1.],\n        [1., 1.]])");
}

TEST_CASE("what autograd knows of a tensor is printed behind it") {
  const Tensor x = tensor({1.0, 2.0}).requires_grad_();
  CHECK(x.str() == "tensor([1., 2.], requires_grad=True)");
  CHECK(mote::exp(x * 0.0).str() == "tensor([1., 1.], grad_fn=<exp>)");
  CHECK(x.detach().str() == "tensor([1., 2.])");
  CHECK(zeros({0, 3}, {.dtype = int64, .requires_grad = false}).str() == "tensor([], size=(0, 3), dtype=int64)");
  CHECK(zeros({2}, {.dtype = float64, .requires_grad = true}).str() ==
        "tensor([0., 0.], dtype=float64, requires_grad=True)");
  const NoGradGuard no_grad;
  CHECK(x.str() == "tensor([1., 2.], requires_grad=True)");
}

TEST_CASE("a suffix that does not fit goes to a line of its own") {
  const Tensor x = full({8}, 0.5).requires_grad_();
  CHECK_THAT(x.str(), contains("0.5000],\n       requires_grad=True)"));
}

TEST_CASE("tensors without values say so") {
  CHECK(Tensor().str() == "tensor(undefined)");
  CHECK(zeros({2, 3}, {.device = "meta"}).str() == "tensor(..., device='meta', size=(2, 3))");
  CHECK(zeros({3}, {.dtype = int64, .device = "meta"}).str() == "tensor(..., device='meta', size=(3,), dtype=int64)");
  CHECK(zeros({}, {.device = "meta"}).str() == "tensor(..., device='meta', size=())");
}

TEST_CASE("a tensor on another device is printed and stays there") {
  FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  const Tensor x = tensor({1, 2, 3}).to("cuda");
  const uint32_t version = x.version();
  CHECK(x.str() == "tensor([1, 2, 3], device='cuda:0')");
  CHECK(x.device() == Device("cuda:0"));
  CHECK(x.version() == version);
  const Tensor big = arange(100000).to("cuda");
  CHECK(big.str() == "tensor([    0,     1,     2,  ..., 99997, 99998, 99999], device='cuda:0')");
}

TEST_CASE("streams and fmt print the same text") {
  const Tensor x = tensor({{1, 2}, {3, 4}});
  std::ostringstream stream;
  stream << x;
  CHECK(stream.str() == x.str());
  CHECK(fmt::format("{}", x) == x.str());
  CHECK(fmt::format("{} {:>8} {} {}", x.shape(), x.dtype(), x.device(), Device("cuda:1")) ==
        "[2, 2]    int64 cpu cuda:1");
}

}  // namespace mote::testing

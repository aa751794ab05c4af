// Lines 4 and 5 of the module contract: what to(device), to(dtype) and to_empty move, keep and rebuild. A second device
// stands in for "cuda".
#include <mote/mote.h>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace nn = mote::nn;
using mote::Device, mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

struct SecondDevice {
  mote::testing::FakeBackend backend;
  mote::BackendOverride guard{mote::DeviceType::CUDA, backend};
};

class Net : public nn::Module {
 public:
  Net()
      : first(register_module("first", nn::Linear(3, 3, {.bias = false}))),
        second(register_module("second", nn::Linear(3, 3, {.bias = false}))),
        table(register_buffer("table", mote::rand({2, 3}))),
        scratch(register_buffer("scratch", mote::rand({2}), {.persistent = false})),
        count(register_buffer("count", mote::full({}, 5))) {
    second.weight = first.weight;
  }
  Tensor forward(const Tensor& x) const { return second(first(x)) + table.select(0, 0); }
  nn::Linear first, second;
  nn::Buffer table, scratch, count;
};

Tensor host(const Tensor& x) { return x.to("cpu"); }

}  // namespace

TEST_CASE("to(device) moves parameters, their gradients and all buffers, persistent or not") {
  SecondDevice second;
  Net net;
  net.forward(mote::ones({1, 3})).sum().backward();
  const Tensor weight = net.first.weight.clone(), gradient = net.first.weight.grad().clone();
  const Tensor table = net.table.clone(), scratch = net.scratch.clone();
  net.to("cuda");
  const Device cuda("cuda:0");
  CHECK(net.first.weight.device() == cuda);
  CHECK(net.first.weight.grad().device() == cuda);
  CHECK(net.table.device() == cuda);
  CHECK(net.scratch.device() == cuda);
  CHECK(net.count.device() == cuda);
  CHECK(mote::equal(host(net.first.weight), weight));
  CHECK(mote::equal(host(net.first.weight.grad()), gradient));
  CHECK(mote::equal(host(net.table), table));
  CHECK(mote::equal(host(net.scratch), scratch));
  CHECK(net.count.item<int64_t>() == 5);
  net.cpu();
  CHECK(net.first.weight.device() == Device("cpu"));
  CHECK(mote::equal(net.first.weight, weight));
}

TEST_CASE("a moved module trains as before") {
  SecondDevice second;
  mote::manual_seed(3);
  Net net;
  const Tensor x = mote::rand({2, 3}), y = net.forward(x);
  net.cuda();
  const Tensor moved = net.forward(x.to("cuda"));
  CHECK(mote::allclose(host(moved), y));
  moved.sum().backward();
  CHECK(net.first.weight.grad().device() == Device("cuda:0"));
}

TEST_CASE("identity, ties, requires_grad, hooks and handles outlive a move") {
  SecondDevice second;
  Net net;
  net.first.weight.requires_grad_(false);
  net.to("cuda");
  CHECK_FALSE(net.second.weight.requires_grad());
  net.to("cpu");
  net.requires_grad_();
  int calls = 0;
  net.first.weight.register_hook([&](const Tensor&) {
    ++calls;
    return Tensor();
  });
  const Tensor handle = net.first.weight;
  net.to("cuda").to(mote::float64);
  CHECK(mote::is_same(handle, net.first.weight));
  CHECK(mote::is_same(net.first.weight, net.second.weight));
  CHECK(mote::is_same(net.parameters()[0], net.first.weight));
  CHECK(handle.dtype() == mote::float64);
  CHECK(handle.is_leaf());
  CHECK(handle.requires_grad());
  net.forward(mote::ones({1, 3}, {.dtype = mote::float64, .device = "cuda"})).sum().backward();
  CHECK(calls == 1);
  CHECK(handle.grad().dtype() == mote::float64);
}

TEST_CASE("an optimizer made before a move steps the moved parameters") {
  SecondDevice second;
  nn::Linear layer(2, 2);
  mote::optim::AdamW optimizer(layer.parameters(), {.lr = 0.5});
  layer(mote::ones({1, 2})).sum().backward();
  optimizer.step();  // its states are on the CPU now
  layer.to("cuda");
  const Tensor before = host(layer.weight).clone();
  optimizer.step();
  CHECK_FALSE(mote::allclose(host(layer.weight), before));
  for (const auto& [name, tensor] : optimizer.state_dict())
    if (name.find("exp_avg") != std::string::npos) CHECK(tensor.device() == Device("cuda:0"));
}

TEST_CASE("slots that view one storage still share it after a move, whatever their strides") {
  SecondDevice second;
  class Views : public nn::Module {
   public:
    explicit Views(const Tensor& all)
        : whole(register_buffer("whole", all)),
          column(register_buffer("column", all.select(1, 1))),
          turned(register_buffer("turned", all.t())) {}
    nn::Buffer whole, column, turned;
  };
  const Tensor all = mote::arange(6).to(mote::float32).reshape({3, 2});
  Views views(all);
  views.to("cuda");
  CHECK(all.device() == Device("cpu"));  // the tensor that was registered stays where it was
  CHECK(views.column.strides() == mote::Shape({2}));
  views.whole.mul_(10.0);
  CHECK(mote::equal(host(views.column), mote::tensor({10.0, 30.0, 50.0})));
  CHECK(mote::equal(host(views.turned), host(views.whole).t()));
  views.to("cpu", mote::float64);
  views.column.fill_(7.0);
  CHECK(mote::equal(views.turned.select(0, 1), mote::full({3}, 7.0, {.dtype = mote::float64})));
}

TEST_CASE("to(dtype) casts floating-point slots only") {
  Net net;
  net.forward(mote::ones({1, 3})).sum().backward();
  net.to(mote::bfloat16);
  CHECK(net.first.weight.dtype() == mote::bfloat16);
  CHECK(net.first.weight.grad().dtype() == mote::bfloat16);
  CHECK(net.table.dtype() == mote::bfloat16);
  CHECK(net.count.dtype() == mote::int64);
  CHECK_THAT(message_of<mote::DTypeError>([&] { net.to(mote::int64); }), contains("int64"));
}

TEST_CASE("a move that changes nothing keeps every tensor") {
  Net net;
  const Tensor table = net.table;
  net.to("cpu").to(mote::float32);
  CHECK(mote::is_same(net.table, table));
}

TEST_CASE("a move is all or nothing") {
  class Refusing : public nn::Module {
   public:
    Refusing()
        : a(register_parameter("a", mote::ones({2}))),
          b(register_buffer("b", [] { return mote::ones({2}); })),
          c(register_buffer("c", mote::ones({2}, {.device = "meta"}))) {}
    nn::Parameter a;
    nn::Buffer b, c;
  };
  SecondDevice second;
  Refusing module;
  const Tensor a = module.a, b = module.b;
  CHECK_THAT(message_of<mote::StateError>([&] { module.to("cuda"); }),
             contains("'c'") && contains("meta") && contains("to_empty"));
  CHECK(module.a.device() == Device("cpu"));
  CHECK(module.b.device() == Device("cpu"));
  CHECK(mote::is_same(module.a, a));
  CHECK(mote::is_same(module.b, b));
}

TEST_CASE("a device that runs out of memory half-way leaves the module where it was") {
  class Small final : public mote::testing::FakeBackend {
   public:
    void* allocate(size_t bytes, int device) override {
      if (left-- == 0) throw mote::OutOfMemoryError("allocate: no memory is left on cuda:0");
      return FakeBackend::allocate(bytes, device);
    }
    int left = 2;
  } backend;
  const mote::BackendOverride guard(mote::DeviceType::CUDA, backend);
  Net net;
  net.forward(mote::ones({1, 3})).sum().backward();
  const auto before = net.state_dict();
  CHECK_THROWS_AS(net.to("cuda"), mote::OutOfMemoryError);
  CHECK(backend.left < 0);
  for (const nn::Parameter& parameter : net.parameters()) {
    CHECK(parameter.device() == Device("cpu"));
    CHECK(parameter.grad().device() == Device("cpu"));
  }
  for (const nn::Buffer& buffer : net.buffers()) CHECK(buffer.device() == Device("cpu"));
  for (const auto& [name, value] : net.state_dict()) CHECK(mote::equal(value, before.at(name)));
  CHECK(backend.live_allocations() == 0);
}

TEST_CASE("a module can be built on meta, given memory and loaded") {
  nn::Linear source(4, 2), target(4, 2, {.device = "meta"});
  CHECK(target.weight.device().is_meta());
  CHECK(target.num_parameters() == 10);
  CHECK_THAT(message_of<mote::StateError>([&] { target.to("cpu"); }),
             contains("'weight'") && contains("to_empty(\"cpu\")"));
  CHECK_THAT(message_of<mote::StateError>([&] { target.load_state_dict(source.state_dict()); }),
             contains("weight") && contains("to_empty") && contains(".assign"));
  mote::optim::SGD optimizer(target.parameters(), {.lr = 1.0});
  target.to_empty("cpu");
  target.load_state_dict(source.state_dict());
  CHECK(mote::equal(target.weight, source.weight));
  target(mote::ones({1, 4})).sum().backward();
  optimizer.step();
  CHECK(mote::allclose(target.bias, source.bias - 1.0));
}

TEST_CASE("to_empty keeps ties, dtypes and what requires grad") {
  Net net;
  net.to(mote::float64).to("meta").to_empty("cpu");
  CHECK(mote::is_same(net.first.weight, net.second.weight));
  CHECK(net.first.weight.dtype() == mote::float64);
  CHECK(net.first.weight.requires_grad());
  CHECK(net.count.dtype() == mote::int64);
  CHECK(net.count.device() == Device("cpu"));
}

TEST_CASE("a buffer with a recipe is made again after meta and to_empty") {
  SecondDevice second;
  class Rebuilt : public nn::Module {
   public:
    explicit Rebuilt(int* runs)
        : weight(register_parameter("weight", mote::ones({2}))),
          table(register_buffer("table",
                                [runs] {
                                  ++*runs;
                                  return mote::arange(3).to(mote::float32) + 1.0;
                                },
                                {.persistent = false})) {}
    nn::Parameter weight;
    nn::Buffer table;
  };
  int runs = 0;
  Rebuilt module(&runs);
  CHECK(runs == 1);
  module.to("cuda");
  CHECK(runs == 1);  // a copy is enough
  module.to("meta");
  CHECK(module.table.device().is_meta());
  CHECK(runs == 1);
  module.to_empty("cuda");
  CHECK(runs == 2);
  CHECK(module.table.device() == Device("cuda:0"));
  CHECK(mote::equal(host(module.table), mote::tensor({1.0, 2.0, 3.0})));
  module.to("cpu", mote::float64).to("meta").to_empty("cpu");
  CHECK(module.table.dtype() == mote::float64);
  CHECK(mote::equal(module.table, mote::tensor({1.0, 2.0, 3.0}, {.dtype = mote::float64})));
  CHECK(module.state_dict().size() == 1);
  Rebuilt moved = std::move(module);  // a recipe captures by value and survives the move
  moved.to("meta").to_empty("cpu");
  CHECK(moved.table.sum().item<double>() == 6.0);
}

TEST_CASE("a recipe alone is enough to leave meta") {
  nn::PositionalEncoding encoding(4, 8);
  const Tensor table = encoding.pe.clone();
  encoding.to("meta").to("cpu");
  CHECK(mote::equal(encoding.pe, table));
}

// 16-bit parameters with float32 master copies in the optimizer: the same numbers as float32 training up to rounding,
// changes too small for 16 bits, exact continuation, and what happens when somebody else writes the parameter.
#include <mote/mote.h>

#include <filesystem>
#include <limits>
#include <string>

#include "support/catch.h"
#include "support/fake_backend.h"

namespace nn = mote::nn;
namespace optim = mote::optim;
using mote::DType, mote::StateDict, mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

// One parameter, as every case below wants it.
class One : public nn::Module {
 public:
  explicit One(const Tensor& start) : w(register_parameter("w", start)) {}
  nn::Parameter w;
};

void set_gradient(One& model, const Tensor& gradient) { model.w.set_grad(gradient.to(model.w.dtype())); }

// Gradients that both dtypes hold exactly.
Tensor gradient_of_step(int64_t n, int step, DType dtype) {
  mote::manual_seed(100 + step);
  return mote::randn({n}).to(dtype).to(mote::float32);
}

// The master of a 16-bit parameter takes the steps that a float32 parameter takes, bit for bit; and the parameter is
// the master, rounded.
template <class Make>
void check_follows_float32(DType dtype, int64_t n, Make make) {
  mote::manual_seed(3);
  const Tensor start = mote::randn({n}).to(dtype).to(mote::float32);
  One wide(start.clone()), narrow(start.to(dtype));
  auto wide_optimizer = make(wide);
  auto narrow_optimizer = make(narrow);
  for (int step = 0; step < 5; ++step) {
    const Tensor gradient = gradient_of_step(n, step, dtype);
    set_gradient(wide, gradient);
    set_gradient(narrow, gradient);
    wide_optimizer.step();
    narrow_optimizer.step();
    const StateDict state = narrow_optimizer.state_dict();
    const Tensor& master = state.at("state.0.master_param");
    CHECK(master.dtype() == mote::float32);
    CHECK(mote::equal(master, wide.w));
    CHECK(narrow.w.dtype() == dtype);
    CHECK(mote::equal(narrow.w, master.to(dtype)));
  }
  for (const auto& [name, value] : wide_optimizer.state_dict()) {
    INFO(name);
    CHECK(mote::equal(value, narrow_optimizer.state_dict().at(name)));
    CHECK(value.dtype() == narrow_optimizer.state_dict().at(name).dtype());
  }
}

template <class Check>
void for_each_optimizer(Check check) {
  check([](One& m) { return optim::AdamW(m.parameters(), {.lr = 1e-2, .weight_decay = 0.1}); });
  check([](One& m) { return optim::Adam(m.parameters(), {.lr = 1e-2, .weight_decay = 0.1, .maximize = true}); });
  check([](One& m) { return optim::AdamW(m.parameters(), {.lr = 1e-2, .amsgrad = true}); });
  check([](One& m) { return optim::SGD(m.parameters(), {.lr = 1e-2}); });
  check([](One& m) {
    return optim::SGD(m.parameters(), {.lr = 1e-2, .momentum = 0.9, .weight_decay = 0.1, .nesterov = true});
  });
}

}  // namespace

TEST_CASE("the master copy of a 16-bit parameter takes the steps of a float32 parameter") {
  for (const DType dtype : {mote::bfloat16, mote::float16})
    for (const int64_t n : {1, 7, 64, 100, 40000})
      for_each_optimizer([&](auto make) { check_follows_float32(dtype, n, make); });
}

TEST_CASE("a master is kept for a parameter of any strides") {
  for (const DType dtype : {mote::bfloat16, mote::float16}) {
    mote::manual_seed(4);
    const Tensor start = mote::randn({3, 70}).to(dtype);
    One dense(start.clone()), strided(start.t().contiguous().t());
    REQUIRE_FALSE(strided.w.is_contiguous());
    optim::AdamW a(dense.parameters()), b(strided.parameters());
    for (int step = 0; step < 3; ++step) {
      const Tensor gradient = gradient_of_step(210, step, dtype).to(dtype);
      dense.w.set_grad(gradient.reshape({3, 70}));
      strided.w.set_grad(gradient.reshape({3, 70}).t().contiguous().t());
      a.step();
      b.step();
    }
    CHECK(mote::equal(dense.w, strided.w));
  }
}

TEST_CASE("changes too small for bfloat16 add up in the master") {
  One model(mote::ones({4}, {.dtype = mote::bfloat16}));
  optim::SGD optimizer(model.parameters(), {.lr = 1e-3});
  for (int step = 0; step < 100; ++step) {
    set_gradient(model, mote::ones({4}));
    optimizer.step();
  }
  CHECK(mote::allclose(model.w.to(mote::float32), mote::full({4}, 0.9), 4e-3, 0.0));
}

TEST_CASE("a float32 or float64 parameter has no master") {
  for (const DType dtype : {mote::float32, mote::float64}) {
    One model(mote::ones({4}, {.dtype = dtype}));
    optim::AdamW optimizer(model.parameters());
    set_gradient(model, mote::ones({4}));
    optimizer.step();
    CHECK_FALSE(optimizer.state_dict().contains("state.0.master_param"));
    CHECK(optimizer.state_dict().at("state.0.exp_avg").dtype() == dtype);
  }
}

TEST_CASE("a parameter that was written starts a new master, element by element") {
  for (const DType dtype : {mote::bfloat16, mote::float16})
    for_each_optimizer([&](auto make) {
      One model(mote::linspace(-2.0, 2.0, 101).to(dtype));
      auto optimizer = make(model);
      set_gradient(model, mote::linspace(1.0, 3.0, 101));
      optimizer.step();
      const Tensor kept = optimizer.state_dict().at("state.0.master_param").clone();
      {
        const mote::NoGradGuard no_grad;
        model.w.slice(0, 0, 50).fill_(3.0);
        model.w.slice(0, 50, 51).fill_(std::numeric_limits<double>::quiet_NaN());
      }
      for (auto& group : optimizer.param_groups()) group.lr = 0.0;
      optimizer.step();
      const Tensor master = optimizer.state_dict().at("state.0.master_param");
      CHECK(mote::equal(master.slice(0, 0, 50), mote::full({50}, 3.0)));
      CHECK(mote::isnan(master.slice(0, 50, 51)).all().template item<bool>());
      CHECK(mote::equal(master.slice(0, 51), kept.slice(0, 51)));
    });
}

TEST_CASE("16-bit training continues to the same bits from files") {
  const std::string path = (std::filesystem::temp_directory_path() / "mote-master-weights.safetensors").string();
  for (const DType dtype : {mote::bfloat16, mote::float16})
    for_each_optimizer([&](auto make) {
      mote::manual_seed(8);
      One model(mote::randn({33}).to(dtype)), resumed(mote::zeros({33}, {.dtype = dtype}));
      auto optimizer = make(model);
      const auto train = [&](One& one, auto& its_optimizer, int from, int to) {
        for (int step = from; step < to; ++step) {
          set_gradient(one, gradient_of_step(33, step, dtype));
          its_optimizer.step();
        }
      };
      train(model, optimizer, 0, 3);
      mote::save_safetensors(path, optimizer.state_dict());
      auto again = make(resumed);
      again.load_state_dict(mote::load_safetensors(path));  // before the weights: the order does not matter
      resumed.load_state_dict(model.state_dict());
      train(model, optimizer, 3, 6);
      train(resumed, again, 3, 6);
      CHECK(mote::equal(model.w, resumed.w));
      for (const auto& [name, value] : optimizer.state_dict()) CHECK(mote::equal(value, again.state_dict().at(name)));
    });
  std::filesystem::remove(path);
}

TEST_CASE("a state dict of float32 training loads into 16-bit training, and the other way round") {
  One wide(mote::ones({5})), narrow(mote::ones({5}, {.dtype = mote::bfloat16}));
  optim::AdamW wide_optimizer(wide.parameters()), narrow_optimizer(narrow.parameters());
  set_gradient(wide, mote::ones({5}));
  wide_optimizer.step();
  narrow_optimizer.load_state_dict(wide_optimizer.state_dict());
  set_gradient(narrow, mote::ones({5}));
  narrow_optimizer.step();
  const StateDict state = narrow_optimizer.state_dict();
  CHECK(state.at("state.0.step").item<double>() == 2.0);
  CHECK(mote::allclose(state.at("state.0.master_param"), mote::full({5}, 0.99899), 1e-6));
  wide_optimizer.load_state_dict(state);
  CHECK_FALSE(wide_optimizer.state_dict().contains("state.0.master_param"));
  set_gradient(wide, mote::ones({5}));
  wide_optimizer.step();
  CHECK(wide_optimizer.state_dict().at("state.0.step").item<double>() == 3.0);

  StateDict wrong = state;
  wrong.at("state.0.master_param") = mote::ones({6});
  CHECK_THAT(message_of<mote::StateError>([&] { narrow_optimizer.load_state_dict(wrong); }),
             contains("'state.0.master_param' has shape [6]"));
}

TEST_CASE("masters follow their parameters to another device and another dtype") {
  mote::testing::FakeBackend backend;
  const mote::BackendOverride guard(mote::DeviceType::CUDA, backend);
  One model(mote::linspace(-1.0, 1.0, 9).to(mote::bfloat16)), stays(mote::linspace(-1.0, 1.0, 9).to(mote::bfloat16));
  optim::AdamW optimizer(model.parameters()), other(stays.parameters());
  for (int step = 0; step < 4; ++step) {
    if (step == 2) model.to("cuda");
    const Tensor gradient = gradient_of_step(9, step, mote::bfloat16).to(mote::bfloat16);
    model.w.set_grad(gradient.to(model.w.device()));
    stays.w.set_grad(gradient);
    optimizer.step();
    other.step();
  }
  const Tensor master = optimizer.state_dict().at("state.0.master_param");
  CHECK(master.device() == mote::Device("cuda"));
  CHECK(mote::equal(master.to("cpu"), other.state_dict().at("state.0.master_param")));

  stays.to(mote::float32);
  stays.w.set_grad(mote::ones({9}));
  other.step();
  CHECK_FALSE(other.state_dict().contains("state.0.master_param"));
}

TEST_CASE("a model trained in bfloat16 reaches the loss of float32 within 1 %") {
  const auto final_loss = [](DType dtype) {
    mote::manual_seed(21);
    nn::Linear first(8, 32), second(32, 1);
    const Tensor x = mote::randn({256, 8});
    const Tensor y = mote::tanh(x.select(1, 0) * x.select(1, 1) + x.select(1, 2)) + mote::randn({256}) * 0.3;
    first.to(dtype);
    second.to(dtype);
    std::vector<nn::Parameter> parameters = first.parameters();
    for (const nn::Parameter& parameter : second.parameters()) parameters.push_back(parameter);
    optim::AdamW optimizer(parameters, {.lr = 3e-3});
    const auto loss_of = [&](DType compute) {
      const Tensor hidden = mote::gelu(first(x.to(compute)));
      return mote::mse_loss(second(hidden).squeeze(1).to(mote::float32), y);
    };
    for (int step = 0; step < 200; ++step) {
      optimizer.zero_grad();
      loss_of(dtype).backward();
      optimizer.step();
    }
    return loss_of(dtype).item<double>();
  };
  const double wide = final_loss(mote::float32);
  INFO("float32 " << wide << ", bfloat16 " << final_loss(mote::bfloat16));
  CHECK(final_loss(mote::bfloat16) == mote::testing::Approx(wide).epsilon(0.01));
}

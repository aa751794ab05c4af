// Sequential and ModuleList.
#include <mote/mote.h>

#include "support/catch.h"

namespace nn = mote::nn;
using mote::Tensor;
using mote::testing::contains;
using mote::testing::message_of;

namespace {

// A user's module whose forward is not const.
class Doubler : public nn::Module {
 public:
  Tensor forward(const Tensor& x) {
    ++calls;
    return x * 2.0;
  }
  int calls = 0;
};

}  // namespace

TEST_CASE("Sequential runs modules of different classes in turn") {
  nn::Sequential net(nn::Linear(3, 4), nn::ReLU(), Doubler());
  const Tensor x = mote::ones({2, 3});
  const nn::Linear& linear = net.get<nn::Linear>(0);
  CHECK(mote::equal(net(x), mote::relu(linear(x)) * 2.0));
  CHECK(net.get<Doubler>(2).calls == 1);
  CHECK(net.size() == 3);
  CHECK(net[1].class_name() == "ReLU");
  net.push_back(nn::Linear(4, 1));
  CHECK(net(x).shape() == mote::Shape({2, 1}));
  CHECK(net.named_parameters().back().first == "3.bias");
}

TEST_CASE("an empty Sequential gives its input") {
  const nn::Sequential empty;
  const Tensor x = mote::ones({2});
  CHECK(mote::is_same(empty(x), x));
  CHECK(empty.empty());
}

TEST_CASE("Sequential names a wrong index and a wrong class") {
  nn::Sequential net(nn::Linear(3, 4), nn::ReLU());
  CHECK_THAT(message_of<mote::IndexError>([&] { net[2]; }), contains("index 2") && contains("2 modules"));
  CHECK_THAT(message_of<mote::StateError>([&] { net.get<nn::Linear>(1); }), contains("is a ReLU, not a Linear"));
}

TEST_CASE("a Sequential inside a Sequential is moved in as one module") {
  nn::Sequential inner(nn::Linear(2, 2), nn::Tanh());
  nn::Sequential outer(std::move(inner), nn::Linear(2, 1));
  CHECK(outer.size() == 2);
  CHECK(outer.named_parameters()[0].first == "0.0.weight");
  nn::Sequential moved(std::move(outer));
  CHECK(moved.size() == 2);
  CHECK(moved(mote::ones({1, 2})).shape() == mote::Shape({1, 1}));
}

TEST_CASE("ModuleList holds modules of one class and grows") {
  nn::ModuleList<nn::Linear> layers;
  for (int i = 0; i < 10; ++i) layers.emplace_back(2, 2);
  layers.push_back(nn::Linear(2, 3));
  CHECK(layers.size() == 11);
  CHECK(layers.parameters().size() == 22);
  CHECK(layers.named_parameters().back().first == "10.bias");
  Tensor x = mote::ones({1, 2});
  for (const nn::Linear& layer : layers) x = layer(x);
  CHECK(x.shape() == mote::Shape({1, 3}));
  for (size_t i = 0; i < layers.size(); ++i) CHECK(layers.children()[i] == &layers[i]);
  std::vector<nn::Linear> plain;
  plain.push_back(nn::Linear(1, 1));
  CHECK(nn::ModuleList<nn::Linear>(std::move(plain)).size() == 1);
}

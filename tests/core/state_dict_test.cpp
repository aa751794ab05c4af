#include "mote/state_dict.h"

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

std::vector<std::string> names_of(const StateDict& dict) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : dict) names.push_back(name);
  return names;
}

using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("a state dict keeps the order in which names came") {
  StateDict dict{{"z", tensor(1)}, {"a", tensor(2)}};
  dict.insert("m", tensor(3));
  dict["b"] = tensor(4);
  CHECK(names_of(dict) == Names{"z", "a", "m", "b"});
  dict.insert("a", tensor(5));
  CHECK(names_of(dict) == Names{"z", "a", "m", "b"});
  CHECK(dict.at("a").item<int>() == 5);
  CHECK(dict.size() == 4);
}

TEST_CASE("a state dict finds, replaces and erases by name") {
  StateDict dict{{"a", tensor(1)}, {"b", tensor(2)}, {"c", tensor(3)}};
  CHECK(dict.contains("b"));
  CHECK_FALSE(dict.contains("d"));
  CHECK(dict.find("d") == nullptr);
  CHECK(dict.find("c")->item<int>() == 3);
  CHECK(dict.erase("a"));
  CHECK_FALSE(dict.erase("a"));
  CHECK(names_of(dict) == Names{"b", "c"});
  CHECK(dict.at("b").item<int>() == 2);
  CHECK(dict.at("c").item<int>() == 3);
  dict.at("c") = tensor(7);
  CHECK(dict.at("c").item<int>() == 7);
  CHECK_FALSE(dict["new"].defined());
  for (auto& [name, value] : dict) value = tensor(0);
  CHECK(dict.at("b").item<int>() == 0);
}

TEST_CASE("copies of a state dict share tensors but not entries") {
  StateDict dict{{"a", tensor(1)}};
  StateDict copy = dict;
  copy["b"] = tensor(2);
  CHECK(dict.size() == 1);
  CHECK(is_same(dict.at("a"), copy.at("a")));
  StateDict moved = std::move(copy);
  CHECK(moved.at("b").item<int>() == 2);
  moved = dict;
  CHECK(names_of(moved) == Names{"a"});
  CHECK(StateDict{{"a", tensor(1)}, {"a", tensor(2)}}.at("a").item<int>() == 2);
}

TEST_CASE("a missing name is an error that knows the closest names") {
  StateDict dict;
  for (const char* name : {"layers.0.weight", "layers.0.bias", "layers.1.weight", "head.weight"})
    dict.insert(name, tensor(0));
  const auto message = [&](const char* name) { return message_of<IndexError>([&] { dict.at(name); }); };
  CHECK(message("layers.0.wieght") ==
        "StateDict: there is no tensor named 'layers.0.wieght' among the 4 in it; the closest are 'layers.0.weight', "
        "'layers.1.weight', 'layers.0.bias'");
  CHECK_THAT(message("model.head.weight"), contains("the closest are 'head.weight'"));
  CHECK_THAT(message("bias"), contains("'layers.0.bias'"));
  CHECK_THAT(message("q"), contains("the first is 'layers.0.weight'"));
  CHECK_THAT(message_of<IndexError>([] { StateDict().at("x"); }), contains("it is empty"));
}

}  // namespace mote::testing

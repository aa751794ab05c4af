// LibTorch as a peer of mote_bench, for the rows of small operations, where Python would be most of the time. Speaks
// the protocol that stands at the head of torch_peer.py; rows are known by their names.
#include <torch/torch.h>
#include <torch/version.h>

#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using nlohmann::json;
using torch::Tensor;
using Loop = std::function<void(int64_t repetitions)>;

struct Row {
  Loop loop;
  std::vector<Tensor> results;  // for the checksum; empty where mote sends none
};

// The optimizer must not remove what nobody reads.
template <class T>
void keep(const T& value) {
  asm volatile("" : : "r,m"(value) : "memory");
}

template <class Body>
Loop repeated(Body body) {
  return [body](int64_t repetitions) {
    for (int64_t i = 0; i < repetitions; ++i) keep(body());
  };
}

template <class Body>
Loop without_grad(Body body) {
  return [body](int64_t repetitions) {
    const torch::NoGradGuard no_grad;
    for (int64_t i = 0; i < repetitions; ++i) keep(body());
  };
}

Row empty() {
  return {without_grad([] { return torch::empty({4}); }), {}};
}

Row allocation_hit() {
  return {without_grad([] { return torch::empty({1 << 20}); }), {}};
}

Row add() {
  const Tensor x = torch::randn({4}), y = torch::randn({4});
  return {without_grad([=] { return x + y; }), {x + y}};
}

Row add_recorded() {
  const Tensor x = torch::randn({4}).requires_grad_(), y = torch::randn({4});
  return {repeated([=] { return x + y; }), {x + y}};
}

Row module_call() {
  const auto linear = torch::nn::Linear(4, 4).ptr();
  const Tensor x = torch::randn({1, 4});
  return {without_grad([=] { return linear->forward(x); }), {linear->forward(x)}};
}

Row add_chain() {
  const Tensor x = torch::randn({4}).requires_grad_(), y = torch::randn({4}), direction = torch::ones({4});
  const auto body = [=] {
    Tensor z = x;
    for (int i = 0; i < 100; ++i) z = z + y;
    z.backward(direction);
    return z;
  };
  const Tensor result = body();
  return {repeated(body), {result, x.grad().clone()}};
}

// As bench/harness/checksum.cpp, for small tensors.
std::vector<double> checksum(const std::vector<Tensor>& results) {
  std::vector<double> sums;
  for (const Tensor& result : results) {
    const Tensor sample = result.detach().reshape(-1).to(torch::kDouble);
    const Tensor weights = (torch::arange(sample.numel()).remainder(7) + 1).to(torch::kDouble);
    sums.push_back((sample * weights).sum().item<double>());
    sums.push_back((sample.abs() * weights).sum().item<double>());
  }
  return sums;
}

class Peer {
 public:
  json answer(const json& request) {
    const auto ask = request.at("ask").get<std::string>();
    if (ask == "hello") return hello(request);
    if (ask == "prepare") return prepare(request);
    if (ask == "time") return time(request);
    if (ask == "release") {
      rows_.clear();
      return json::object();
    }
    throw std::invalid_argument("cannot " + ask);
  }

 private:
  static json hello(const json& request) {
    torch::set_num_threads(request.at("threads").get<int>());
    if (request.at("device") != "cpu") throw std::invalid_argument("on the CPU only");
    return {{"name", "LibTorch"}, {"version", TORCH_VERSION}, {"build", torch::get_parallel_info()}};
  }

  json prepare(const json& request) {
    static const std::map<std::string, Row (*)()> known = {{"empty", empty},
                                                           {"allocation_hit", allocation_hit},
                                                           {"add", add},
                                                           {"add_recorded", add_recorded},
                                                           {"module_call", module_call},
                                                           {"add_chain", add_chain}};
    const auto name = request.at("name").get<std::string>();
    const auto found = known.find(name);
    if (found == known.end()) throw std::invalid_argument("there is no row named " + name);
    torch::manual_seed(request.at("seed").get<uint64_t>());
    rows_.push_back(found->second());
    return {{"row", rows_.size() - 1}, {"checksum", checksum(rows_.back().results)}};
  }

  json time(const json& request) {
    const Loop& loop = rows_.at(request.at("row").get<size_t>()).loop;
    const auto repetitions = request.at("repetitions").get<int64_t>();
    if (const auto warm_up = request.at("warm_up").get<int64_t>(); warm_up > 0) loop(warm_up);
    if (!request.at("cold").get<bool>()) return {{"seconds", seconds(loop, repetitions)}};
    if (!flushed_.defined()) flushed_ = torch::zeros({request.at("flush_bytes").get<int64_t>()}, torch::kByte);
    double total = 0;
    for (int64_t i = 0; i < repetitions; ++i) {
      flushed_.add_(1);
      total += seconds(loop, 1);
    }
    return {{"seconds", total}};
  }

  static double seconds(const Loop& loop, int64_t repetitions) {
    const auto start = std::chrono::steady_clock::now();
    loop(repetitions);
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }

  std::vector<Row> rows_;
  Tensor flushed_;
};

}  // namespace

int main() {
  Peer peer;
  for (std::string line; std::getline(std::cin, line);) {
    json answer;
    try {
      answer = peer.answer(json::parse(line));
    } catch (const std::exception& error) {
      const std::string what = error.what();
      answer = {{"error", what.substr(0, what.find('\n'))}};
    }
    std::cout << answer.dump() << std::endl;
  }
}

#include "roofline.h"

#include <fmt/format.h>

#include <algorithm>

#include "copies.h"
#include "products.h"

namespace bench {

namespace {

constexpr int kTries = 8;

}  // namespace

double Roofline::seconds(const Costs& costs) const {
  return std::max(costs.bytes / bytes_per_second, costs.flops / flops_per_second);
}

Probes::Probes(const mote::Device& device, bool smoke) : device_(device) {
  const mote::NoGradGuard no_grad;
  try_copies(smoke);
  try_products(smoke);
  roofline_ = {copy_.rate, copy_.name, product_.rate, product_.name};
}

std::vector<std::unique_ptr<Contender>> Probes::contenders() const {
  std::vector<std::unique_ptr<Contender>> both;
  for (const Probe* probe : {&copy_, &product_})
    both.push_back(std::make_unique<LocalContender>(probe->name, probe->loop, device_));
  return both;
}

Roofline Probes::of(double copy_seconds, double product_seconds) const {
  return {copy_.amount / copy_seconds, copy_.name, product_.amount / product_seconds, product_.name};
}

void Probes::consider(Probe probe, Probe& best) const {
  LocalContender contender("", probe.loop, device_);
  double least = contender.seconds(1, 1, false);
  for (int i = 1; i < kTries; ++i) least = std::min(least, contender.seconds(1, 0, false));
  probe.rate = probe.amount / least;
  if (probe.rate > best.rate) best = std::move(probe);
}

void Probes::try_copies(bool smoke) {
  const auto bytes = static_cast<int64_t>(smoke ? size_t{1} << 20 : std::max(size_t{128} << 20, 4 * flush_bytes()));
  const Tensor from = mote::ones({bytes / 4}, {.device = device_}), to = mote::empty({bytes / 4}, {.device = device_});
  const auto amount = 2.0 * static_cast<double>(bytes);
  const auto times = [](int64_t repetitions, const auto& body) {
    for (int64_t i = 0; i < repetitions; ++i) body();
  };
  const auto by_mote = [=](int64_t n) { times(n, [&] { to.copy_(from); }); };
  consider({.loop = by_mote, .amount = amount, .name = "copy_"}, copy_);
  if (!device_.is_cpu()) return;
  for (const Copy& copy : copies()) {
    const auto by_hand = [=, run = copy.run](int64_t n) {
      times(n, [&] { run(from.data_ptr(), to.data_ptr(), static_cast<size_t>(bytes)); });
    };
    consider({.loop = by_hand, .amount = amount, .name = copy.name}, copy_);
  }
}

void Probes::try_products(bool smoke) {
  const std::vector<int64_t> sizes = smoke ? std::vector<int64_t>{256} : std::vector<int64_t>{1024, 2048};
  for (const int64_t n : sizes) {
    const Product product{.n = n, .m = n, .k = n};
    const Tensor a = mote::rand({n, n}).to(device_), b = mote::rand({n, n}).to(device_);
    const auto by_mote = [=](int64_t repetitions) {
      for (int64_t i = 0; i < repetitions; ++i) mote::matmul(a, b);
    };
    consider({.loop = by_mote, .amount = product.flops(), .name = fmt::format("matmul {}", n)}, product_);
    if (!device_.is_cpu()) continue;
    for (const Library& library : libraries_for(product, [&] { return std::pair(a, b); })) {
      Tensor result;
      consider(
          {.loop = library.prepare(result), .amount = product.flops(), .name = fmt::format("{} {}", library.name, n)},
          product_);
    }
  }
}

}  // namespace bench

#include "roofline.h"

#include <fmt/format.h>

#include <algorithm>

#include "contender.h"
#include "copies.h"
#include "products.h"

namespace bench {

namespace {

constexpr int kTries = 8;

// Bytes or operations per second at the best of some tries.
double best_rate(const Loop& loop, const mote::Device& device, double amount) {
  LocalContender contender("", loop, device);
  double best = contender.seconds(1, 1, false);
  for (int i = 1; i < kTries; ++i) best = std::min(best, contender.seconds(1, 0, false));
  return amount / best;
}

void keep_best(double rate, const std::string& name, double& best, std::string& best_name) {
  if (rate <= best) return;
  best = rate;
  best_name = name;
}

void measure_copies(const mote::Device& device, bool smoke, Roofline& roofline) {
  const auto bytes = static_cast<int64_t>(smoke ? size_t{1} << 20 : std::max(size_t{128} << 20, 4 * flush_bytes()));
  const Tensor from = mote::ones({bytes / 4}, {.device = device}), to = mote::empty({bytes / 4}, {.device = device});
  const auto measure = [&](const char* name, const Loop& loop) {
    keep_best(best_rate(loop, device, 2.0 * static_cast<double>(bytes)), name, roofline.bytes_per_second,
              roofline.copy);
  };
  measure("copy_", [&](int64_t) { to.copy_(from); });
  if (!device.is_cpu()) return;
  for (const Copy& copy : copies())
    measure(copy.name, [&](int64_t) { copy.run(from.data_ptr(), to.data_ptr(), static_cast<size_t>(bytes)); });
}

void measure_products(const mote::Device& device, bool smoke, Roofline& roofline) {
  const std::vector<int64_t> sizes = smoke ? std::vector<int64_t>{256} : std::vector<int64_t>{1024, 2048};
  for (const int64_t n : sizes) {
    const Product product{.n = n, .m = n, .k = n};
    const Tensor a = mote::rand({n, n}).to(device), b = mote::rand({n, n}).to(device);
    const auto measure = [&](const std::string& name, const Loop& loop) {
      keep_best(best_rate(loop, device, product.flops()), fmt::format("{} {}", name, n), roofline.flops_per_second,
                roofline.product);
    };
    measure("matmul", [&](int64_t) { mote::matmul(a, b); });
    if (!device.is_cpu()) continue;
    for (const Library& library : libraries_for(product, [&] { return std::pair(a, b); })) {
      Tensor result;
      measure(library.name, library.prepare(result));
    }
  }
}

}  // namespace

double Roofline::seconds(const Costs& costs) const {
  return std::max(costs.bytes / bytes_per_second, costs.flops / flops_per_second);
}

Roofline measure_roofline(const mote::Device& device, bool smoke) {
  const mote::NoGradGuard no_grad;
  Roofline roofline;
  measure_copies(device, smoke, roofline);
  measure_products(device, smoke, roofline);
  return roofline;
}

}  // namespace bench

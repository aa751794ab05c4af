// The vector functions of the CPU: accuracy over a sweep of float32 arguments, special values, and tails.
#include <bit>
#include <cmath>
#include <limits>
#include <vector>

#include "mote/core.h"
#include "support/catch.h"
#include "support/vector_accuracy.h"

namespace mote::testing {

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

// Every 997th bit pattern, and the neighbourhood of what is special.
std::vector<float> sweep() {
  std::vector<float> values = {0.0f,  -0.0f, kInf,      -kInf,     kNan,    1.0f,
                               -1.0f, 0.5f,  88.72283f, 88.72284f, -103.9f, -104.1f};
  for (float centre : {0.625f, 1.0f, 0.70710678f, 1.41421356f, 20.0f, 87.3365f, 1e-38f, 1.17549435e-38f, 3.92f})
    for (float x = centre, y = centre; x < centre * 1.00001f; x = std::nextafter(x, kInf), y = std::nextafter(y, 0.0f))
      values.insert(values.end(), {x, -x, y, -y});
  for (uint64_t bits = 0; bits <= 0xffffffffu; bits += 997)
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(bits)));
  return values;
}

}  // namespace

TEST_CASE("vector functions keep their stated accuracy over all magnitudes") {
  const std::vector<float> values = sweep();
  const Tensor x = from_blob(const_cast<float*>(values.data()), {static_cast<int64_t>(values.size())});
  for (const VectorFunction& f : kVectorFunctions) {
    const Tensor y = f.tested(x).contiguous();
    Accuracy accuracy;
    for (size_t i = 0; i < values.size(); ++i) accuracy.see(f, values[i], y.data_ptr<float>()[i]);
    CAPTURE(f.name, accuracy.ulp.error, accuracy.ulp.at, accuracy.tail.error, accuracy.tail.at);
    CHECK(accuracy.within_bounds_of(f));
  }
}

TEST_CASE("errors beyond the stated bounds are seen") {
  const VectorFunction f{"twice", nullptr, [](double x) { return 2 * x; }, 1.0, -1.0, 1e-5};
  const auto seen = [&](float x, float got) {
    Accuracy accuracy;
    accuracy.see(f, x, got);
    return accuracy;
  };
  CHECK(seen(0.5f, 1.0f).within_bounds_of(f));
  CHECK(seen(0.5f, 1.0f + 0x1p-23f).ulp.error == 1.0);
  CHECK(seen(0.5f, 1.0f + 0x1p-22f).ulp.error == 2.0);
  CHECK_FALSE(seen(0.5f, 1.0f + 0x1p-22f).within_bounds_of(f));
  CHECK(seen(-2.0f, -4.00002f).within_bounds_of(f));
  CHECK(seen(-2.0f, -4.0002f).tail.error == Approx(5e-5).epsilon(0.01));
  CHECK_FALSE(seen(-2.0f, -4.0002f).within_bounds_of(f));
  CHECK(seen(3e38f, kInf).within_bounds_of(f));
  CHECK(seen(3e38f, std::numeric_limits<float>::max()).within_bounds_of(f));
  for (float wrong : {-kInf, kNan, 1.0f}) CHECK_FALSE(seen(3e38f, wrong).within_bounds_of(f));
  CHECK_FALSE(seen(kInf, std::numeric_limits<float>::max()).within_bounds_of(f));
  CHECK_FALSE(seen(kNan, 0.0f).within_bounds_of(f));
  CHECK(seen(kNan, kNan).within_bounds_of(f));
}

TEST_CASE("special values come out as the scalar functions give them") {
  const Tensor x = tensor({0.0, -0.0, static_cast<double>(kInf), -static_cast<double>(kInf), std::nan(""), -1.0});
  const std::vector<float> log_values = {-kInf, -kInf, kInf, kNan, kNan, kNan};
  const std::vector<float> exp_values = {1, 1, kInf, 0, kNan, std::exp(-1.0f)};
  const std::vector<float> tanh_values = {0, -0.0f, 1, -1, kNan, std::tanh(-1.0f)};
  const Tensor log_y = log(x), exp_y = exp(x), tanh_y = tanh(x);
  for (int64_t i = 0; i < 6; ++i) {
    const auto same = [&](const Tensor& y, float want) {
      const float got = y[i].item<float>();
      if (std::isnan(want)) return std::isnan(got);
      return got == Approx(want) && std::signbit(got) == std::signbit(want);
    };
    CAPTURE(i);
    CHECK(same(log_y, log_values[static_cast<size_t>(i)]));
    CHECK(same(exp_y, exp_values[static_cast<size_t>(i)]));
    CHECK(same(tanh_y, tanh_values[static_cast<size_t>(i)]));
  }
}

TEST_CASE("rows of every length and alignment give the same values and touch nothing else") {
  constexpr int64_t kRoom = 80;
  std::vector<float> memory(kRoom), other(kRoom);
  for (int64_t i = 0; i < kRoom; ++i) {
    memory[static_cast<size_t>(i)] = 0.37f * static_cast<float>(i - 40);
    other[static_cast<size_t>(i)] = static_cast<float>(i % 7) - 3.0f;
  }
  const std::vector<float> before = memory;
  for (int64_t offset : {0, 1, 3})
    for (int64_t n = 0; n <= 67; ++n) {
      const Tensor a = from_blob(memory.data() + offset, {n}), b = from_blob(other.data() + offset, {n});
      const Tensor y = tanh(a), sum = a + b;
      const Tensor less = a < b;
      bool good = true;
      for (int64_t i = 0; i < n; ++i) {
        const float left = a.data_ptr<float>()[i], right = b.data_ptr<float>()[i];
        good &= std::fabs(y.data_ptr<float>()[i] - std::tanh(left)) < 1e-6f;
        good &= sum.data_ptr<float>()[i] == left + right;
        good &= less.data_ptr<bool>()[i] == (left < right);
      }
      a.exp_();
      for (int64_t i = 0; i < kRoom; ++i) {
        const bool inside = i >= offset && i < offset + n;
        const float old = before[static_cast<size_t>(i)], now = memory[static_cast<size_t>(i)];
        good &= inside ? std::fabs(now - std::exp(old)) <= 1e-6f * std::exp(old) : now == old;
      }
      CAPTURE(offset, n);
      CHECK(good);
      memory = before;
    }
}

}  // namespace mote::testing

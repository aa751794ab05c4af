// GELU of float32 and its derivative: the edges of the pieces they are computed by, and vectors that only partly lie on
// them.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "mote/core.h"
#include "support/catch.h"
#include "support/vector_accuracy.h"

namespace mote::testing {

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

Tensor of(const std::vector<float>& values) {
  return from_blob(const_cast<float*>(values.data()), {static_cast<int64_t>(values.size())}).clone();
}

Tensor value(const Tensor& x) { return gelu(x); }

Tensor slope(const Tensor& x) {
  const Tensor leaf = x.detach().requires_grad_();
  return grad({gelu(leaf)}, {leaf}, {.grad_outputs = {ones_like(leaf)}})[0];
}

double exact_slope(double x) {
  return 0.5 * std::erfc(-x * 0.70710678118654752440) + x * 0.39894228040143267794 * std::exp(-0.5 * x * x);
}

bool same_bits(const Tensor& a, const Tensor& b) {
  if (a.numel() != b.numel()) return false;
  const auto bytes = static_cast<size_t>(a.numel()) * sizeof(float);
  return bytes == 0 || std::memcmp(a.data_ptr<float>(), b.data_ptr<float>(), bytes) == 0;
}

// A few hundred floats on either side of every eighth up to 16, in both signs.
std::vector<float> edges() {
  std::vector<float> values;
  for (int i = 0; i <= 128; ++i) {
    float low = static_cast<float>(i) / 8, high = low;
    for (int step = 0; step < 200; ++step) {
      values.insert(values.end(), {low, high, -low, -high});
      low = std::nextafter(low, -kInf);
      high = std::nextafter(high, kInf);
    }
  }
  return values;
}

}  // namespace

TEST_CASE("gelu and its derivative have no seams") {
  const std::vector<float> values = edges();
  const Tensor x = of(values), y = value(x), derivative = slope(x);
  const auto* const gelu_function =
      std::find_if(std::begin(kVectorFunctions), std::end(kVectorFunctions),
                   [](const VectorFunction& f) { return std::strcmp(f.name, "gelu") == 0; });
  REQUIRE(gelu_function != std::end(kVectorFunctions));
  Accuracy accuracy;
  WorstError off, tail;
  for (size_t i = 0; i < values.size(); ++i) {
    accuracy.see(*gelu_function, values[i], y.data_ptr<float>()[i]);
    const double want = exact_slope(values[i]), error = difference(want, derivative.data_ptr<float>()[i]);
    off.see(error, values[i]);
    if (values[i] < -2.0f && error > 64 * spacing(0)) tail.see(error / std::fabs(want), values[i]);
  }
  CAPTURE(accuracy.ulp.error, accuracy.ulp.at, accuracy.tail.error, accuracy.tail.at);
  CHECK(accuracy.within_bounds_of(*gelu_function));
  CAPTURE(off.error, off.at, tail.error, tail.at);
  CHECK(off.error <= 3e-7);
  CHECK(tail.error <= 1e-5);
}

TEST_CASE("gelu of an element and its derivative do not depend on the elements beside it") {
  const std::vector<float> outside = {-7.9f, -20.0f, -200.0f, -kInf, kInf, kNan, 9.0f, 1e30f, -7.8125f, 7.8125f};
  for (const auto function : {value, slope}) {
    std::vector<float> values;
    for (int i = 0; i < 37; ++i) values.push_back(0.41f * static_cast<float>(i - 18));
    const Tensor usual = function(of(values)).clone();
    for (size_t place = 0; place < values.size(); ++place)
      for (const float other : outside) {
        std::vector<float> mixed = values;
        mixed[place] = other;
        const Tensor got = function(of(mixed));
        const auto at = static_cast<int64_t>(place);
        CAPTURE(place, other);
        CHECK(same_bits(got.slice(0, 0, at), usual.slice(0, 0, at)));
        CHECK(same_bits(got.slice(0, at + 1, 37), usual.slice(0, at + 1, 37)));
        CHECK(same_bits(got.slice(0, at, at + 1), function(of({other}))));
      }
  }
}

TEST_CASE("rows of gelu of every length give the same elements") {
  std::vector<float> values;
  for (int i = 0; i < 70; ++i) values.push_back(0.33f * static_cast<float>(i - 35));
  const Tensor x = of(values);
  for (const auto function : {value, slope}) {
    const Tensor whole = function(x);
    for (int64_t begin : {0, 1, 7, 16})
      for (int64_t end = begin; end <= 70; ++end) {
        CAPTURE(begin, end);
        CHECK(same_bits(function(x.slice(0, begin, end)), whole.slice(0, begin, end)));
      }
  }
}

TEST_CASE("gelu and its derivative of zeros, infinities and NaN are those of float64") {
  const Tensor x = of({0.0f, -0.0f, kInf, -kInf, kNan, 1e-40f, -1e-40f, 3e38f, -3e38f, 20.0f, -20.0f});
  for (const auto function : {value, slope}) {
    const Tensor got = function(x), want = function(x.to(float64)).to(float32);
    for (int64_t i = 0; i < x.numel(); ++i) {
      const float a = got.data_ptr<float>()[i], b = want.data_ptr<float>()[i];
      CAPTURE(x.data_ptr<float>()[i], a, b);
      if (std::isnan(b)) {
        CHECK(std::isnan(a));
        continue;
      }
      CHECK(a == Approx(b));
      // A derivative too small for float32 is a zero of either sign.
      if (function == value || b != 0.0f) CHECK(std::signbit(a) == std::signbit(b));
    }
  }
}

}  // namespace mote::testing

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

template <Gelu approximate>
Tensor value(const Tensor& x) {
  return gelu(x, approximate);
}

template <Gelu approximate>
Tensor slope(const Tensor& x) {
  const Tensor leaf = x.detach().requires_grad_();
  return grad({gelu(leaf, approximate)}, {leaf}, {.grad_outputs = {ones_like(leaf)}})[0];
}

double exact_slope(double x) {
  return 0.5 * std::erfc(-x * 0.70710678118654752440) + x * 0.39894228040143267794 * std::exp(-0.5 * x * x);
}

double exact_tanh_slope(double x) {
  const double linear = 1.59576912160573071176, cubic = linear * 0.044715;
  const double s = exact_sigmoid(x * (linear + cubic * x * x));
  return s * (1.0 + x * (1.0 - s) * (linear + 3.0 * cubic * x * x));
}

// An error relative to a result: more by `per_power` for each power of e that the result is below e^-powers.
struct Bounds {
  double error, powers, per_power;
};

struct Form {
  const char* name;  // of kVectorFunctions
  Tensor (*value)(const Tensor&);
  Tensor (*slope)(const Tensor&);
  double (*exact_slope)(double);
  Bounds by_pieces, by_exponential;
};

const Form kForms[] = {
    {"gelu", value<Gelu::None>, slope<Gelu::None>, exact_slope, {3e-7, 13, 1e-7}, {1.4e-6, 0, 6e-8}},
    {"gelu_tanh", value<Gelu::Tanh>, slope<Gelu::Tanh>, exact_tanh_slope, {3e-7, 13, 4.5e-7}, {2e-6, 0, 2e-7}},
};

Tensor (*const kFunctions[])(const Tensor&) = {kForms[0].value, kForms[0].slope, kForms[1].value, kForms[1].slope};

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

const VectorFunction& vector_function(const char* name) {
  const auto* const found = std::find_if(std::begin(kVectorFunctions), std::end(kVectorFunctions),
                                         [name](const VectorFunction& f) { return std::strcmp(f.name, name) == 0; });
  REQUIRE(found != std::end(kVectorFunctions));
  return *found;
}

// The greatest error by what it may be.
struct WorstByBounds {
  Bounds bounds;
  WorstError worst;

  // `share` is the result, or what it is x times of.
  void see(double want, float got, double size, double share, float x) {
    const double off = difference(want, got);
    if (off <= 256 * spacing(0)) return;
    const double powers = std::max(-std::log(share) - bounds.powers, 0.0);
    worst.see(off / size / (bounds.error + bounds.per_power * powers), x);
  }
};

}  // namespace

TEST_CASE("gelu and its derivative have no seams") {
  const std::vector<float> values = edges();
  const Tensor x = of(values);
  const bool pieces = std::strcmp(cpu_capability(), "avx512") == 0;
  for (const Form& form : kForms) {
    const VectorFunction& function = vector_function(form.name);
    const Tensor y = form.value(x), derivative = form.slope(x);
    const Bounds bounds = pieces ? form.by_pieces : form.by_exponential;
    Accuracy accuracy;
    WorstByBounds value{bounds, {}}, slope{bounds, {}};
    for (size_t i = 0; i < values.size(); ++i) {
      const float at = values[i], got = y.data_ptr<float>()[i];
      accuracy.see(function, at, got);
      const double want = function.exact(at), want_slope = form.exact_slope(at);
      value.see(want, got, std::fabs(want), std::fabs(want / at), at);
      const double size = std::max(std::fabs(want_slope), at < -2.0f ? 0.0 : 0.1);  // it has a zero near -0.75
      slope.see(want_slope, derivative.data_ptr<float>()[i], size, size, at);
    }
    CAPTURE(form.name, accuracy.ulp.error, accuracy.ulp.at, accuracy.tail.error, accuracy.tail.at);
    CHECK(accuracy.within_bounds_of(function));
    CAPTURE(value.worst.error, value.worst.at, slope.worst.error, slope.worst.at);
    CHECK(value.worst.error <= 1.0);
    CHECK(slope.worst.error <= 1.0);
  }
}

TEST_CASE("gelu of an element and its derivative do not depend on the elements beside it") {
  const std::vector<float> outside = {-7.9f, -20.0f, -200.0f, -kInf, kInf, kNan, 9.0f, 1e30f, -7.8125f, 7.8125f};
  for (const auto function : kFunctions) {
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
  for (const auto function : kFunctions) {
    const Tensor whole = function(x);
    for (int64_t begin : {0, 1, 7, 16})
      for (int64_t end = begin; end <= 70; ++end) {
        CAPTURE(begin, end);
        CHECK(same_bits(function(x.slice(0, begin, end)), whole.slice(0, begin, end)));
      }
  }
}

TEST_CASE("gelu and its derivative of zeros, infinities and NaN are those of float64") {
  const std::vector<float> few = {0.0f, -0.0f, kInf, -kInf, kNan, 1e-40f, -1e-40f, 1e12f, -1e12f, 20.0f, -20.0f};
  std::vector<float> all = few;
  all.insert(all.end(), {3e38f, -3e38f});
  for (const auto function : kFunctions) {
    const bool is_value = function == value<Gelu::None> || function == value<Gelu::Tanh>;
    const Tensor x = of(function == slope<Gelu::Tanh> ? few : all);  // NaN where the cube of x is infinite
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
      if (is_value || b != 0.0f) CHECK(std::signbit(a) == std::signbit(b));
    }
  }
}

}  // namespace mote::testing

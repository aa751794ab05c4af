// Values, shapes and errors of the element-wise operations.
#include <cmath>
#include <limits>

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

const double kInf = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

// Equal, with NaN equal to NaN and 0 different from -0.
bool identical(const Tensor& a, const Tensor& b) {
  if (a.shape() != b.shape() || a.dtype() != b.dtype()) return false;
  const Tensor same = (a == b) | (ne(a, a) & ne(b, b));
  if (!all(same).item<bool>()) return false;
  return !a.is_floating_point() || equal(1.0 / a == -kInf, 1.0 / b == -kInf);
}

struct Unary {
  const char* name;
  Tensor (*tested)(const Tensor&);
  double (*exact)(double);
  double low, high;
};

const Unary kUnary[] = {
    {"neg", neg, [](double x) { return -x; }, -5, 5},
    {"abs", mote::abs, [](double x) { return std::fabs(x); }, -5, 5},
    {"sign", sign, [](double x) { return x > 0   ? 1.0
                                         : x < 0 ? -1.0
                                                 : 0.0; }, -2, 2},
    {"square", square, [](double x) { return x * x; }, -5, 5},
    {"reciprocal", reciprocal, [](double x) { return 1 / x; }, 0.1, 5},
    {"exp", mote::exp, [](double x) { return std::exp(x); }, -5, 5},
    {"exp2", mote::exp2, [](double x) { return std::exp2(x); }, -5, 5},
    {"expm1", mote::expm1, [](double x) { return std::expm1(x); }, -1, 1},
    {"log", mote::log, [](double x) { return std::log(x); }, 0.1, 9},
    {"log2", mote::log2, [](double x) { return std::log2(x); }, 0.1, 9},
    {"log10", mote::log10, [](double x) { return std::log10(x); }, 0.1, 9},
    {"log1p", mote::log1p, [](double x) { return std::log1p(x); }, -0.5, 9},
    {"sqrt", mote::sqrt, [](double x) { return std::sqrt(x); }, 0, 9},
    {"rsqrt", rsqrt, [](double x) { return 1 / std::sqrt(x); }, 0.1, 9},
    {"sin", mote::sin, [](double x) { return std::sin(x); }, -9, 9},
    {"cos", mote::cos, [](double x) { return std::cos(x); }, -9, 9},
    {"tan", mote::tan, [](double x) { return std::tan(x); }, -1, 1},
    {"tanh", mote::tanh, [](double x) { return std::tanh(x); }, -4, 4},
    {"erf", mote::erf, [](double x) { return std::erf(x); }, -4, 4},
    {"floor", mote::floor, [](double x) { return std::floor(x); }, -5, 5},
    {"ceil", mote::ceil, [](double x) { return std::ceil(x); }, -5, 5},
    {"round", mote::round, [](double x) { return std::nearbyint(x); }, -5, 5},
    {"trunc", mote::trunc, [](double x) { return std::trunc(x); }, -5, 5},
    {"sigmoid", sigmoid, [](double x) { return 1 / (1 + std::exp(-x)); }, -8, 8},
    {"relu", relu, [](double x) { return x > 0 ? x : 0; }, -5, 5},
    {"silu", silu, [](double x) { return x / (1 + std::exp(-x)); }, -8, 8},
    {"softplus", softplus, [](double x) { return x > 20 ? x : std::log1p(std::exp(x)); }, -30, 30},
    {"leaky_relu", [](const Tensor& x) { return leaky_relu(x, 0.1); }, [](double x) { return x > 0 ? x : 0.1 * x; }, -5,
     5},
    {"elu", [](const Tensor& x) { return elu(x, 0.5); }, [](double x) { return x > 0 ? x : 0.5 * std::expm1(x); }, -5,
     5},
    {"gelu", [](const Tensor& x) { return gelu(x); }, [](double x) { return 0.5 * x * std::erfc(-x / std::sqrt(2.0)); },
     -5, 5},
    {"gelu tanh", [](const Tensor& x) { return gelu(x, Gelu::Tanh); },
     [](double x) { return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x))); }, -5, 5},
};

// Whether got[i] is f(x[i], y[i]), rounded to got's dtype.
bool agrees(const Tensor& got, const Tensor& x, const Tensor& y, double (*f)(double, double)) {
  const Tensor flat_x = x.flatten(), flat_y = y.flatten(), flat = got.flatten();
  for (int64_t i = 0; i < x.numel(); ++i) {
    const double exact = f(flat_x[i].item<double>(), flat_y[i].item<double>());
    if (flat[i].item<double>() != full({}, exact, {.dtype = float64}).to(got.dtype()).item<double>()) return false;
  }
  return true;
}

double tolerance_of(DType dtype) {
  return dtype == float64 ? 1e-12 : dtype == float32 ? 2e-6 : dtype == float16 ? 2e-3 : 1.6e-2;
}

}  // namespace

TEST_CASE("unary operations agree with the scalar functions, for any strides and floating-point dtype") {
  for (const Unary& op : kUnary)
    for (DType dtype : {float32, float64, float16, bfloat16}) {
      const Tensor dense = linspace(op.low, op.high, 11 * 13 * 3).reshape({11, 13, 3}).to(dtype);
      const Tensor layouts[] = {
          dense,          dense.permute({2, 0, 1}), dense.slice(1, 1, 12, 3), dense.slice(0, 2, 3).expand({7, 13, 3}),
          dense[4][5][1], dense.slice(0, 0, 0)};
      for (const Tensor& x : layouts) {
        CAPTURE(op.name, name_of(dtype), x.shape().str());
        const Tensor y = op.tested(x);
        REQUIRE(y.shape() == x.shape());
        REQUIRE(y.dtype() == dtype);
        CHECK(y.is_contiguous());
        const Tensor input = x.to(float64).contiguous(), output = y.to(float64).contiguous();
        double worst = 0;
        for (int64_t i = 0; i < input.numel(); ++i) {
          const double want = op.exact(input.data_ptr<double>()[i]);
          worst = std::max(worst, std::fabs(output.data_ptr<double>()[i] - want) / std::max(1.0, std::fabs(want)));
        }
        CHECK(worst <= tolerance_of(dtype));
      }
    }
}

TEST_CASE("NaN and infinities pass as IEEE 754 and PyTorch have it") {
  for (DType dtype : {float32, float64, bfloat16}) {
    const auto make = [&](std::initializer_list<double> values) {
      return from_blob(const_cast<double*>(values.begin()), {static_cast<int64_t>(values.size())}, {.dtype = float64})
          .to(dtype, true);
    };
    const Tensor x = make({kNan, -0.0, -kInf, 2.5, kInf});
    CHECK(identical(relu(x), make({kNan, -0.0, 0, 2.5, kInf})));
    CHECK(identical(sign(x), make({0, 0, -1, 1, 1})));
    CHECK(identical(neg(x), make({kNan, 0, kInf, -2.5, -kInf})));
    CHECK(identical(mote::round(x), make({kNan, -0.0, -kInf, 2, kInf})));
    CHECK(identical(clamp(x, -1.0, 1.0), make({kNan, -0.0, -1, 1, 1})));
    CHECK(equal(x != x, tensor({true, false, false, false, false})));
    CHECK(identical(maximum(x, make({1, kNan, 1, 1, 1})), make({kNan, kNan, 1, 2.5, kInf})));
    CHECK(identical(minimum(make({1, kNan, 1, 1, 1}), x), make({kNan, kNan, -kInf, 1, 1})));
    CHECK(equal(isnan(x), tensor({true, false, false, false, false})));
    CHECK(equal(isinf(x), tensor({false, false, true, false, true})));
    CHECK(equal(isfinite(x), tensor({false, true, false, true, false})));
    CHECK(equal(x == x, tensor({false, true, true, true, true})));
  }
}

TEST_CASE("binary operations broadcast and take any strides") {
  const Tensor a = linspace(-3, 4, 60).reshape({5, 4, 3}), b = linspace(0.5, 2.5, 12).reshape({4, 3});
  const std::pair<Tensor, Tensor> pairs[] = {
      {a, a.flip(0)},
      {a, b},
      {b, a},
      {a, b.select(0, 2)},
      {a.slice(2, 0, 1), b},
      {a.transpose(0, 1), b.unsqueeze(1)},
      {a.permute({2, 1, 0}), linspace(1, 2, 5)},
      {a.slice(0, 0, 5, 2), b[1][1]},
      {a.slice(0, 0, 0), b},
  };
  for (DType dtype : {float32, float64, int32, uint8, float16})
    for (const auto& [p, q] : pairs) {
      const Tensor left = p.to(dtype), right = q.to(dtype);
      const Shape shape = (left + right).shape();
      // The same with dense operands of the full shape, element by element.
      const Tensor x = left.expand(shape).contiguous(), y = right.expand(shape).contiguous();
      CAPTURE(name_of(dtype), p.shape().str(), q.shape().str());
      CHECK(agrees(left * right, x, y, [](double l, double r) { return l * r; }));
      CHECK(agrees(left < right, x, y, [](double l, double r) { return l < r ? 1.0 : 0.0; }));
      CHECK(agrees(maximum(left, right), x, y, [](double l, double r) { return std::max(l, r); }));
      CHECK(equal(left - right, x - y));
      CHECK(equal(left == right, x == y));
      CHECK(equal(sub(left, right, 2), left - right * 2));
    }
}

TEST_CASE("large operands of every layout give what small pieces of them give") {
  const Tensor a = (arange(300 * 700, {.dtype = float32}) % 97.0).reshape({300, 700});
  const Tensor b = (arange(300 * 700, {.dtype = float32}) % 31.0 + 1.0).reshape({700, 300});
  const Tensor row = b.flatten().slice(0, 0, 700), column = row.slice(0, 0, 300).unsqueeze(1);
  for (const Tensor& other : {b.t(), row, column, a}) {
    const Tensor whole = a / other + other * a, wide = other.expand({300, 700});
    for (int64_t i : {0, 1, 150, 299})
      CHECK(identical(whole[i], a[i].contiguous() / wide[i].contiguous() + wide[i].contiguous() * a[i].contiguous()));
  }
  CHECK(equal(exp(b.t()), exp(b.t().contiguous())));
  CHECK(equal(a.to(bfloat16) * 2.0, (a * 2.0).to(bfloat16)));
}

TEST_CASE("floor_divide and remainder follow Python") {
  const Tensor a = tensor({7, -7, 7, -7, 0, 1}), b = tensor({2, 2, -2, -2, 1, 3});
  CHECK(equal(floor_divide(a, b), tensor({3, -4, -4, 3, 0, 0})));
  CHECK(equal(a % b, tensor({1, 1, -1, -1, 0, 1})));
  const Tensor x = a.to(float32), y = b.to(float32);
  CHECK(equal(floor_divide(x, y), tensor({3., -4., -4., 3., 0., 0.})));
  CHECK(equal(x % y, tensor({1., 1., -1., -1., 0., 1.})));
  CHECK(equal(a % -4, tensor({-1, -3, -1, -3, 0, -3})));
  CHECK(floor_divide(tensor(1.0), tensor(0.0)).item<double>() == kInf);
  CHECK(std::isnan((tensor(1.0) % tensor(0.0)).item<double>()));
  CHECK(floor_divide(tensor(1.0), tensor(0.1)).item<double>() == 9.0);
  CHECK((tensor(5.0) % tensor(kInf)).item<double>() == 5.0);
  const Tensor lowest = tensor({std::numeric_limits<int64_t>::min()});
  CHECK(equal(floor_divide(lowest, -1), lowest));
  CHECK((lowest % -1).item<int64_t>() == 0);
}

TEST_CASE("integer division by zero is an error that leaves nothing behind") {
  const Tensor a = tensor({1, 2}), zeros_in = tensor({1, 0});
  CHECK_THAT(message_of<ValueError>([&] { floor_divide(a, zeros_in); }),
             contains("floor_divide: division by zero in a tensor of dtype int64"));
  CHECK_THROWS_AS(a % zeros_in, ValueError);
  CHECK_THROWS_AS(a % 0, ValueError);
  CHECK_THROWS_AS(7 % zeros_in, ValueError);
  CHECK(equal(a / zeros_in, tensor({1.0, kInf})));
  CHECK(floor_divide(a.slice(0, 0, 0), zeros_in.slice(0, 0, 0)).numel() == 0);
}

TEST_CASE("pow") {
  const Tensor x = tensor({0.0, 0.5, 2.0, 3.0});
  CHECK(allclose(pow(x, 2), x * x));
  CHECK(allclose(pow(x, 0.5), sqrt(x)));
  CHECK(allclose(pow(x, -1), 1 / x));
  CHECK(allclose(pow(x, -0.5), 1 / sqrt(x)));
  CHECK(allclose(pow(x, 3), x * x * x));
  CHECK(equal(pow(x, 0), ones({4})));
  CHECK(allclose(pow(2, x), exp2(x)));
  CHECK(equal(pow(tensor({3, -2, 0}), 3), tensor({27, -8, 0})));
  CHECK(equal(pow(tensor({1, -1, 2, -1}), tensor({-1, -3, -2, -2})), tensor({1, -1, 0, 1})));
  CHECK(equal(pow(tensor({2, 3}), 2.0), tensor({4.0, 9.0})));
  CHECK(equal(pow(tensor({true, false}), 2), tensor({1, 0})));
  CHECK_THAT(message_of<ValueError>([] {
               pow(tensor({1, 2}), -1);
             }),
             contains("pow: expected an exponent of at least 0"));
}

TEST_CASE("integers wrap around") {
  const Tensor u = tensor({3, 200}).to(uint8);
  CHECK(equal(u + u, tensor({6, 144}).to(uint8)));
  CHECK(equal(u * u, tensor({9, 64}).to(uint8)));
  CHECK(equal(-u, tensor({253, 56}).to(uint8)));
  CHECK(equal(~u, tensor({252, 55}).to(uint8)));
  const Tensor big = tensor({std::numeric_limits<int64_t>::max()});
  CHECK((big + 1).item<int64_t>() == std::numeric_limits<int64_t>::min());
  CHECK(abs(big + 1).item<int64_t>() == std::numeric_limits<int64_t>::min());
}

TEST_CASE("alpha scales the second operand") {
  const Tensor a = tensor({1, 2}), b = tensor({10, 20});
  CHECK(equal(add(a, b, 3), tensor({31, 62})));
  CHECK(equal(sub(a, b, 2), tensor({-19, -38})));
  CHECK(equal(add(a.to(float32), b, 0.5), tensor({6.0, 12.0})));
  CHECK_THAT(message_of<DTypeError>([&] { add(a, b, 1.5); }), contains("add: expected alpha to be an integer"));
  const Tensor mask = tensor({true, false});
  CHECK(equal(add(mask, mask, 2), mask));
}

TEST_CASE("a comparison rounds its number to a 16-bit tensor's type") {
  for (DType dtype : {float16, bfloat16}) {
    const Tensor x = tensor({0.1, 0.2}).to(dtype);
    CHECK(equal(x == 0.1, tensor({true, false})));
    CHECK(equal(x < 0.2, tensor({true, false})));
    CHECK(equal(0.2 <= x, tensor({false, true})));
  }
}

TEST_CASE("comparisons and logic") {
  const Tensor a = tensor({1, 2, 3}), b = tensor({3, 2, 1});
  CHECK(equal(a < b, tensor({true, false, false})));
  CHECK(equal(a <= b, tensor({true, true, false})));
  CHECK(equal(a > b, tensor({false, false, true})));
  CHECK(equal(a >= b, tensor({false, true, true})));
  CHECK(equal(a == b, tensor({false, true, false})));
  CHECK(equal(a != b, tensor({true, false, true})));
  CHECK(equal(2 < a, tensor({false, false, true})));
  CHECK(equal(a >= 1.5, tensor({false, true, true})));
  CHECK(equal(2 != a, tensor({true, false, true})));
  const Tensor x = tensor({0.0, 1.5, 0.0}), y = tensor({0, 0, 2});
  CHECK(equal(logical_and(x, y), tensor({false, false, false})));
  CHECK(equal(logical_or(x, y), tensor({false, true, true})));
  CHECK(equal(logical_xor(x, x), tensor({false, false, false})));
  CHECK(equal(logical_not(x), tensor({true, false, true})));
  CHECK(equal((a & 1) | 4, tensor({5, 4, 5})));
  CHECK(equal(3 ^ a, tensor({2, 1, 0})));
  CHECK(equal(~(a == 2), tensor({true, false, true})));
}

TEST_CASE("where, masked_fill and clamp") {
  const Tensor x = tensor({{1., 2., 3.}, {4., 5., 6.}}), mask = tensor({true, false, true});
  CHECK(equal(where(mask, x, 0), tensor({{1., 0., 3.}, {4., 0., 6.}})));
  CHECK(equal(where(mask, -1, x), tensor({{-1., 2., -1.}, {-1., 5., -1.}})));
  CHECK(equal(where(mask.unsqueeze(1), tensor({1, 2}), tensor(9)), tensor({{1, 2}, {9, 9}, {1, 2}})));
  CHECK(equal(x.masked_fill(mask, -kInf), tensor({{-kInf, 2., -kInf}, {-kInf, 5., -kInf}})));
  CHECK(equal(x.t().masked_fill(mask.unsqueeze(1), 0), tensor({{0., 0.}, {2., 5.}, {0., 0.}})));
  CHECK(equal(zeros({3}).masked_fill(ones({2, 3}, {.dtype = bool_}), 2), full({2, 3}, 2.0)));
  CHECK(equal(tensor({0, 0}).masked_fill(tensor({true, false}), 1.7), tensor({1, 0})));
  CHECK(equal(x.masked_fill(mask, tensor(7)), tensor({{7., 2., 7.}, {7., 5., 7.}})));
  CHECK_THAT(message_of<DTypeError>([&] {
               x.masked_fill(tensor({1, 0, 1}), 0);
             }),
             contains("masked_fill: expected mask to be bool, but got int64"));
  CHECK_THROWS_AS(where(tensor({1, 0, 1}), x, x), DTypeError);
  CHECK_THROWS_AS(x.masked_fill(mask, tensor({1.0})), ShapeError);
  CHECK_THROWS_AS(zeros({3}).masked_fill_(ones({2, 3}, {.dtype = bool_}), 2), ShapeError);
  CHECK(equal(clamp(x, 2, 5), tensor({{2., 2., 3.}, {4., 5., 5.}})));
  CHECK(equal(clamp(x, 3, 2), full({2, 3}, 2.0)));
  CHECK(equal(clamp(x, std::nullopt, 2), tensor({{1., 2., 2.}, {2., 2., 2.}})));
  CHECK(equal(clamp(tensor({3, -2}), 0.5), tensor({3.0, 0.5})));
  CHECK_THROWS_AS(clamp(x), ValueError);
}

TEST_CASE("triangles") {
  const Tensor x = (arange(1, 13) % 100).reshape({3, 4});
  CHECK(equal(tril(x), tensor({{1, 0, 0, 0}, {5, 6, 0, 0}, {9, 10, 11, 0}})));
  CHECK(equal(triu(x, 1), tensor({{0, 2, 3, 4}, {0, 0, 7, 8}, {0, 0, 0, 12}})));
  CHECK(equal(triu(x, -1), tensor({{1, 2, 3, 4}, {5, 6, 7, 8}, {0, 10, 11, 12}})));
  for (int64_t diagonal : {-9, -2, 0, 1, 9}) CHECK(equal(tril(x, diagonal) + triu(x, diagonal + 1), x));
  CHECK(equal(triu(x, std::numeric_limits<int64_t>::max()), zeros_like(x)));
  CHECK(equal(tril(x.t().expand({2, 4, 3}).transpose(1, 2))[1], tril(x)));
  CHECK(equal(triu(ones({2, 2}, {.dtype = bool_}), 1), tensor({{false, true}, {false, false}})));
  CHECK(triu(zeros({0, 3})).numel() == 0);
  CHECK_THAT(message_of<ShapeError>([] { triu(ones({3})); }), contains("triu: expected at least 2 dimensions"));
  const Tensor y = x.clone();
  CHECK(is_same(y.tril_(), y));
  CHECK(equal(y, tril(x)));
}

TEST_CASE("lerp, addcmul and addcdiv") {
  const Tensor a = tensor({1.0, 2.0}), b = tensor({3.0, 6.0}), c = tensor({2.0, 4.0});
  CHECK(allclose(lerp(a, b, 0.25), tensor({1.5, 3.0})));
  CHECK(equal(lerp(a, b, 1.0), b));
  CHECK(equal(addcmul(a, b, c, 2), tensor({13.0, 50.0})));
  CHECK(equal(addcdiv(a, b, c, 2), tensor({4.0, 5.0})));
  CHECK(equal(addcmul(a.unsqueeze(1), b, c)[0], tensor({7.0, 25.0})));
  CHECK_THROWS_AS(addcdiv(tensor({1}), tensor({1}), tensor({1})), DTypeError);
  CHECK_THROWS_AS(lerp(tensor({1}), tensor({2}), 0.5), DTypeError);
}

TEST_CASE("allclose, isclose and equal") {
  const Tensor a = tensor({1.0, kNan, kInf}), b = tensor({1.000001, kNan, kInf});
  CHECK(equal(isclose(a, b), tensor({true, false, true})));
  CHECK(equal(isclose(a, b, 1e-5, 1e-8, true), tensor({true, true, true})));
  CHECK(allclose(a, b, 1e-5, 1e-8, true));
  CHECK_FALSE(allclose(a, b));
  CHECK_FALSE(allclose(tensor({1.0, kInf}), tensor({1.0, -kInf})));
  CHECK_FALSE(allclose(tensor({1.0}), tensor({1.1})));
  CHECK(allclose(tensor({{1.0}}), tensor({1.0, 1.0})));
  CHECK(allclose(tensor({100000}), tensor({100001})));
  CHECK_THROWS_AS(allclose(tensor({1}), tensor({1.0})), DTypeError);
  CHECK(equal(tensor({1}), tensor({1.0})));
  CHECK_FALSE(equal(tensor({1.0}), tensor({1.0, 1.0})));
  CHECK_FALSE(equal(tensor({kNan}), tensor({kNan})));
}

TEST_CASE("shapes that do not broadcast are named") {
  CHECK_THAT(message_of<ShapeError>([] {
               ones({2, 3}) + ones({2, 4});
             }),
             contains("add: shapes [2, 3] and [2, 4] do not broadcast"));
}

TEST_CASE("results beyond the caches, which are written past them") {
  const int64_t n = (int64_t{1} << 23) + 5;  // whole numbers up to here are exact
  const Tensor x = arange(n, {.dtype = float32}), next = arange(1, n + 1, {.dtype = float32});
  const int threads = get_num_threads();
  for (const int count : {1, 2}) {
    set_num_threads(count);
    CHECK(equal(x + ones({n}), next));
    CHECK(equal(neg(x) + next, ones({n})));
    // A result that does not begin at a whole vector, and one in place of an operand.
    const Tensor shifted = x.slice(0, 1, n).clone();
    CHECK(equal(shifted.slice(0, 2, n - 1) - 1, x.slice(0, 2, n - 1)));
    CHECK(equal(shifted.add_(ones({n - 1})), next.slice(0, 1, n)));
  }
  set_num_threads(threads);
}

TEST_CASE("results beyond the caches of operands that are not dense") {
  // Rows of prime lengths begin and end within lines of the cache; whole numbers are exact.
  const int64_t rows = 2053, columns = 4099;
  const Tensor x = (arange(rows * columns, {.dtype = float32}) % 4096).reshape({rows, columns});
  const Tensor row = arange(columns, {.dtype = float32}), column = arange(rows, {.dtype = float32}).unsqueeze(1);
  const Tensor wide = zeros({rows, columns + 3});
  const Tensor part = wide.slice(1, 2, columns + 2);
  const auto of_rows = [&](const Tensor& whole, const auto& expected) {
    for (int64_t i : {int64_t{0}, int64_t{1}, rows / 2, rows - 1})
      if (!equal(whole[i], expected(x[i], static_cast<float>(i)))) return false;
    return true;
  };
  const int threads = get_num_threads();
  for (const int count : {1, 2, 4}) {
    CAPTURE(count);
    set_num_threads(count);
    CHECK(of_rows(x + row, [&](const Tensor& of_x, float) { return of_x + row; }));
    CHECK(of_rows(row - x, [&](const Tensor& of_x, float) { return row - of_x; }));
    CHECK(of_rows(x + column, [&](const Tensor& of_x, float i) { return of_x + i; }));
    CHECK(of_rows(3 - x, [&](const Tensor& of_x, float) { return 3 - of_x; }));
    CHECK(of_rows(x.to(float64) + row.to(float64),
                  [&](const Tensor& of_x, float) { return of_x.to(float64) + row.to(float64); }));
    // Rows that are not neighbours, and what lies between them; then in place of an operand.
    part.copy_(x);
    CHECK(of_rows(neg(part), [&](const Tensor& of_x, float) { return neg(of_x); }));
    part.add_(row);
    CHECK(of_rows(part, [&](const Tensor& of_x, float) { return of_x + row; }));
    CHECK_FALSE(wide.slice(1, 0, 2).any().item<bool>());
    CHECK_FALSE(wide.slice(1, columns + 2, columns + 3).any().item<bool>());
  }
  set_num_threads(threads);
}

}  // namespace mote::testing

// Rows of the element-wise operations of two and three tensors.
#include "op_table/row.h"

namespace mote::op_table {

namespace {

using Function = Tensor (*)(const Tensor&, const Tensor&);

const std::vector<Shapes> kPairs = {{{3, 7}, {3, 7}}, {{3, 1}, {7}}, {{2, 3}, {}},       {{0, 3}, {3}},
                                    {{}, {}},         {{1}, {1}},    {{2, 1, 2}, {3, 1}}};
const std::vector<Shapes> kTriples = {
    {{3, 7}, {3, 7}, {3, 7}}, {{3, 1}, {7}, {}}, {{0, 3}, {3}, {1}}, {{}, {}, {}}, {{1}, {1}, {1}}};

Row binary(const std::string& name, const std::string& what, Function function, const DTypes& dtypes,
           Gradient gradient = Gradient::Twice, Input second = real(), Input first = real()) {
  return {.name = name,
          .what = what,
          .torch = "torch." + name + "(x, y)",
          .inputs = {first, second},
          .shapes = kPairs,
          .run = [function](In x) { return function(x[0], x[1]); },
          .dtypes = dtypes,
          .gradient = gradient,
          .bench = {{1024, 1024}, {1024, 1024}}};
}

// The form that changes x, which must then have the shape of the result: the broadcasting of x is not tried.
Row with_in_place(Row row, Function function) {
  row.in_place = [function](In x) { return function(x[0], x[1]); };
  return row;
}

Row compare(const std::string& name, const std::string& what, Function function) {
  return binary(name, what, function, kAll, Gradient::None, real(-1, 1), real(-1, 1));
}

}  // namespace

std::vector<Row> binary_rows() {
  const auto add_plain = [](const Tensor& a, const Tensor& b) { return add(a, b); };
  const auto sub_plain = [](const Tensor& a, const Tensor& b) { return sub(a, b); };
  Row add_alpha = binary(
      "add.alpha", "x + alpha y", [](const Tensor& a, const Tensor& b) { return add(a, b, 3); }, kNumbers);
  add_alpha.torch = "torch.add(x, y, alpha=3)";
  Row add_number = binary(
      "add.number", "x + number", [](const Tensor& a, const Tensor&) { return a + 2.5; }, kAll);
  add_number.inputs.pop_back();
  add_number.shapes = {{{3, 7}}, {{0}}, {{}}};
  add_number.torch = "x + 2.5";
  add_number.run = [](In x) { return x[0] + 2.5; };
  add_number.bench = {{1024, 1024}};
  Row power = binary("pow", "x to the y", pow, kFloats, Gradient::Twice, real(-2, 2), real(0.25, 3));
  power.in_place = [](In x) { return pow_(x[0], x[1]); };
  Row power_number{.name = "pow.number",
                   .what = "x to a number",
                   .torch = "torch.pow(x, 3)",
                   .inputs = {real()},
                   .shapes = {{{3, 7}}, {{0}}, {{}}},
                   .run = [](In x) { return pow(x[0], 3); },
                   .dtypes = kNumbers,
                   .in_place = [](In x) { return pow_(x[0], 3); },
                   .bench = {{1024, 1024}}};
  Row power_base{.name = "pow.base",
                 .what = "a number to the y",
                 .torch = "torch.pow(2.5, x)",
                 .inputs = {real()},
                 .shapes = {{{3, 7}}, {{0}}, {{}}},
                 .run = [](In x) { return pow(Scalar(2.5), x[0]); }};
  Row lerp_row = binary(
      "lerp", "x + weight (y - x)", [](const Tensor& a, const Tensor& b) { return lerp(a, b, 0.3); }, kFloats);
  lerp_row.torch = "torch.lerp(x, y, 0.3)";
  Row cmul{.name = "addcmul",
           .what = "x + value y z",
           .torch = "torch.addcmul(x, y, z, value=2)",
           .inputs = {real(), real(), real()},
           .shapes = kTriples,
           .run = [](In x) { return addcmul(x[0], x[1], x[2], 2); },
           .dtypes = kNumbers,
           .in_place = [](In x) { return addcmul_(x[0], x[1], x[2], 2); }};
  Row cdiv{.name = "addcdiv",
           .what = "x + value y / z",
           .torch = "torch.addcdiv(x, y, z, value=2)",
           .inputs = {real(), real(), divisor()},
           .shapes = kTriples,
           .run = [](In x) { return addcdiv(x[0], x[1], x[2], 2); },
           .in_place = [](In x) { return addcdiv_(x[0], x[1], x[2], 2); }};
  return {
      with_in_place(binary("add", "x + y", add_plain, kAll),
                    [](const Tensor& a, const Tensor& b) { return add_(a, b); }),
      add_alpha,
      add_number,
      with_in_place(binary("sub", "x - y", sub_plain, kNumbers),
                    [](const Tensor& a, const Tensor& b) { return sub_(a, b); }),
      with_in_place(binary("mul", "x y", mul, kAll), mul_),
      with_in_place(binary("div", "x / y; integers give float32", div, kNumbers, Gradient::Twice, divisor()), div_),
      with_in_place(
          binary("floor_divide", "x / y rounded down", floor_divide, kNumbers, Gradient::None, divisor(), real(-4, 4)),
          floor_divide_),
      with_in_place(binary("remainder", "the rest of floor_divide, with the sign of y", remainder, kNumbers,
                           Gradient::Twice, {.low = 0.5, .high = 5, .nonzero = true}, real(-4, 4)),
                    remainder_),
      power,
      power_number,
      power_base,
      binary("maximum", "the larger; NaN wins", maximum, kAll, Gradient::Twice, real(-2.5, 2.5)),
      binary("minimum", "the smaller; NaN wins", minimum, kAll, Gradient::Twice, real(-2.5, 2.5)),
      binary("atan2", "angle of the point (y, x)", atan2, kNumbers),
      with_in_place(lerp_row, [](const Tensor& a, const Tensor& b) { return lerp_(a, b, 0.3); }),
      cmul,
      cdiv,
  };
}

std::vector<Row> comparison_rows() {
  Row close = compare("isclose", "\\|x - y\\| <= atol + rtol \\|y\\|",
                      [](const Tensor& a, const Tensor& b) { return isclose(a, b, 0.5, 0.25); });
  close.torch = "torch.isclose(x, y, 0.5, 0.25)";
  close.dtypes = kFloats;
  const auto bits = [](const std::string& name, const std::string& what, Function function) {
    return binary(name, what, function, kBits, Gradient::None, real(0, 4), real(0, 4));
  };
  return {
      with_in_place(compare("eq", "x = y", eq), eq_),
      with_in_place(compare("ne", "x differs from y", ne), ne_),
      with_in_place(compare("lt", "x < y", lt), lt_),
      with_in_place(compare("le", "x <= y", le), le_),
      with_in_place(compare("gt", "x > y", gt), gt_),
      with_in_place(compare("ge", "x >= y", ge), ge_),
      with_in_place(compare("logical_and", "both are not 0", logical_and), logical_and_),
      with_in_place(compare("logical_or", "one of them is not 0", logical_or), logical_or_),
      with_in_place(compare("logical_xor", "exactly one of them is not 0", logical_xor), logical_xor_),
      with_in_place(bits("bitwise_and", "bits in both", bitwise_and), bitwise_and_),
      with_in_place(bits("bitwise_or", "bits in one of them", bitwise_or), bitwise_or_),
      with_in_place(bits("bitwise_xor", "bits in exactly one of them", bitwise_xor), bitwise_xor_),
      close,
  };
}

std::vector<Row> selection_rows() {
  return {
      {.name = "where",
       .what = "y where x, else z",
       .torch = "torch.where(x, y, z)",
       .inputs = {mask(), real(), real()},
       .shapes = kTriples,
       .run = [](In x) { return where(x[0], x[1], x[2]); },
       .dtypes = kAll,
       .bench = {{1024, 1024}, {1024, 1024}, {1024, 1024}}},
      {.name = "masked_fill",
       .what = "a number where the mask y holds, else x",
       .torch = "x.masked_fill(y, 2)",
       .inputs = {real(), mask()},
       .shapes = {{{3, 7}, {3, 7}}, {{2, 3}, {3}}, {{2, 3}, {2, 1}}, {{0, 3}, {3}}, {{}, {}}},
       .run = [](In x) { return masked_fill(x[0], x[1], 2); },
       .dtypes = kNumbers,
       .in_place = [](In x) { return masked_fill_(x[0], x[1], 2); },
       .bench = {{1024, 1024}, {1024, 1024}}},
      {.name = "clamp",
       .what = "x limited to [min, max]",
       .torch = "torch.clamp(x, -1, 1)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0}}, {{}}},
       .run = [](In x) { return clamp(x[0], -1, 1); },
       .dtypes = {DType::Float32, DType::Float64, DType::Float16, DType::BFloat16, DType::Int64, DType::Int32},
       .in_place = [](In x) { return clamp_(x[0], -1, 1); },
       .bench = {{1024, 1024}}},
      {.name = "clamp.min",
       .what = "x, but at least min",
       .torch = "torch.clamp(x, min=0.5)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0}}},
       .run = [](In x) { return clamp(x[0], 0.5); }},
      {.name = "triu",
       .what = "the upper triangle of the last two dimensions",
       .torch = "torch.triu(x, 1)",
       .inputs = {real()},
       .shapes = {{{4, 5}}, {{2, 3, 3}}, {{0, 3}}, {{1, 1}}},
       .run = [](In x) { return triu(x[0], 1); },
       .dtypes = kAll,
       .in_place = [](In x) { return triu_(x[0], 1); },
       .bench = {{1024, 1024}}},
      {.name = "tril",
       .what = "the lower triangle of the last two dimensions",
       .torch = "torch.tril(x, -1)",
       .inputs = {real()},
       .shapes = {{{4, 5}}, {{2, 3, 3}}, {{3, 0}}, {{1, 1}}},
       .run = [](In x) { return tril(x[0], -1); },
       .dtypes = kAll,
       .in_place = [](In x) { return tril_(x[0], -1); },
       .bench = {{1024, 1024}}},
      {.name = "to",
       .what = "x in another dtype",
       .torch = "x.to(torch.float64)",
       .inputs = {real(0, 2)},
       .shapes = {{{3, 7}}, {{0}}, {{}}},
       .run = [](In x) { return to(x[0], DType::Float64); },
       .dtypes = kAll,
       .bench = {{1024, 1024}}},
      {.name = "copy_",
       .what = "writes y, broadcast and cast, to x",
       .torch = "x.clone().copy_(y)",
       .inputs = {real(), real()},
       .shapes = {{{3, 7}, {3, 7}}, {{2, 3}, {3}}, {{2, 3}, {}}, {{0, 3}, {1}}},
       .run = [](In x) { return copy_(clone(x[0]), x[1]); },
       .dtypes = kAll},
      {.name = "fill_",
       .what = "writes a number to every element",
       .torch = "x.clone().fill_(3)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0}}, {{}}},
       .run = [](In x) { return fill_(clone(x[0]), 3); },
       .dtypes = kAll},
      {.name = "zero_",
       .what = "writes 0 to every element",
       .torch = "x.clone().zero_()",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0}}, {{}}},
       .run = [](In x) { return zero_(clone(x[0])); },
       .dtypes = kAll},
  };
}

}  // namespace mote::op_table

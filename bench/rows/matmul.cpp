// Matrix products by shape, beside the libraries of this process.
#include <fmt/format.h>

#include "harness/operation.h"
#include "harness/products.h"
#include "rows.h"

namespace bench {

namespace {

struct Case {
  const char* name;
  Product product;
};

Shape stored(const Product& p, bool transposed, int64_t rows, int64_t columns) {
  const Shape matrix = transposed ? Shape{columns, rows} : Shape{rows, columns};
  return p.batch == 1 ? matrix : Shape{p.batch, matrix[0], matrix[1]};
}

std::string shape_of(const Product& p) {
  const std::string batch = p.batch == 1 ? "" : fmt::format("{}of", p.batch);
  return fmt::format("{}{}x{}x{}", batch, p.n, p.k, p.m);
}

// The operands in the order in which a row draws them, for the libraries.
std::pair<Tensor, Tensor> operands(const Shape& a, const Shape& b) {
  mote::manual_seed(kSeed);
  const Tensor first = mote::randn(a);
  return {first, mote::randn(b)};
}

void add_product(Rows& rows, const Selection& selection, const Choice<Case>& choice) {
  const Product& p = choice.value.product;
  const Shape a = stored(p, p.transpose_a, p.n, p.k), b = stored(p, p.transpose_b, p.k, p.m);
  add(rows,
      {.family = "matmul",
       .name = choice.value.name,
       .shape = shape_of(p),
       .headline = choice.headline,
       .inputs = {constant(normal(a)), constant(normal(b))},
       .run =
           [p](const auto& in) {
             return mote::matmul(p.transpose_a ? in[0].transpose(-2, -1) : in[0],
                                 p.transpose_b ? in[1].transpose(-2, -1) : in[1]);
           },
       .torch = {{.run = fmt::format("x{} @ y{}", p.transpose_a ? ".transpose(-2, -1)" : "",
                                     p.transpose_b ? ".transpose(-2, -1)" : "")}},
       .forward_flops = p.flops(),
       .libraries = libraries_for(p, [a, b] { return operands(a, b); })},
      selection, Direction::Forward);
}

// The layer with its bias, forward and all gradients.
void add_linear(Rows& rows, const Selection& selection, const Choice<Shape>& choice) {
  const int64_t n = choice.value[0], in_features = choice.value[1], out_features = choice.value[2];
  const double flops = Product{.n = n, .m = out_features, .k = in_features}.flops();
  add(rows,
      {.family = "matmul",
       .name = "linear",
       .shape = shape_name(choice.value),
       .headline = choice.headline,
       .inputs = {normal({n, in_features}), normal({out_features, in_features}), normal({out_features})},
       .run = [](const auto& in) { return mote::linear(in[0], in[1], in[2]); },
       .reference = [](const auto& in) { return mote::matmul(in[0], in[1].transpose(0, 1)) + in[2]; },
       .torch = {{.run = "F.linear(x, y, z)"}},
       .forward_flops = flops,
       .both_flops = 3 * flops},
      selection);
}

std::vector<Case> squares() {
  std::vector<Case> cases;
  for (const int64_t n : {16, 32, 64, 128, 256, 512, 1024, 2048}) cases.push_back({"square", {.n = n, .m = n, .k = n}});
  return cases;
}

// X W^T, dY W and dY^T X of a linear layer.
std::vector<Case> linear_products(int64_t n, int64_t in, int64_t out) {
  return {{"linear_y", {.n = n, .m = out, .k = in, .transpose_b = true}},
          {"linear_dx", {.n = n, .m = in, .k = out}},
          {"linear_dw", {.n = out, .m = in, .k = n, .transpose_a = true}}};
}

// Q K^T, P V and P^T dY of all heads.
std::vector<Case> attention_products(int64_t batch, int64_t length, int64_t width) {
  return {{"attention_qk", {.batch = batch, .n = length, .m = length, .k = width, .transpose_b = true}},
          {"attention_pv", {.batch = batch, .n = length, .m = width, .k = length}},
          {"attention_dv", {.batch = batch, .n = length, .m = width, .k = length, .transpose_a = true}}};
}

std::vector<Case> headline_cases() {
  std::vector<Case> cases = squares();
  for (const std::vector<Case>& more :
       {linear_products(1024, 768, 2304), linear_products(1024, 768, 3072), attention_products(48, 256, 64)})
    cases.insert(cases.end(), more.begin(), more.end());
  for (const int64_t n : {1, 8}) cases.push_back({"skinny", {.n = n, .m = 3072, .k = 768, .transpose_b = true}});
  return cases;
}

std::vector<Case> sweep_cases() {
  std::vector<Case> cases;
  for (const int64_t n : {2, 4, 16, 32, 64})
    cases.push_back({"skinny", {.n = n, .m = 3072, .k = 768, .transpose_b = true}});
  for (const std::vector<Case>& more :
       {linear_products(256, 768, 768), linear_products(1024, 3072, 768), linear_products(1024, 384, 1152),
        linear_products(1024, 384, 65), attention_products(12, 1024, 64), attention_products(24, 256, 64)})
    cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

std::vector<Case> smoke_cases() {
  std::vector<Case> cases = {{"square", {.n = 16, .m = 16, .k = 16}},
                             {"skinny", {.m = 33, .k = 17, .transpose_b = true}}};
  for (const std::vector<Case>& more : {linear_products(9, 20, 31), attention_products(3, 11, 7)})
    cases.insert(cases.end(), more.begin(), more.end());
  return cases;
}

}  // namespace

void add_matmul(Rows& rows, const Selection& selection) {
  for (const auto& choice : choose<Case>(selection, headline_cases(), sweep_cases(), smoke_cases()))
    add_product(rows, selection, choice);
  for (const auto& choice : choose<Shape>(selection, {{1024, 768, 2304}, {1024, 768, 3072}},
                                          {{1, 768, 3072}, {256, 768, 768}, {1024, 384, 1536}}, {{5, 12, 18}}))
    add_linear(rows, selection, choice);
}

}  // namespace bench

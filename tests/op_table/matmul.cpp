// Rows of matrix products.
#include "op_table/row.h"

namespace mote::op_table {

namespace {

Row product(const std::string& name, const std::string& what, Tensor (*function)(const Tensor&, const Tensor&),
            const std::vector<Shapes>& shapes, const Shapes& bench = {}) {
  return {.name = name,
          .what = what,
          .torch = "torch." + name + "(x, y)",
          .inputs = {real(), real()},
          .shapes = shapes,
          .run = [function](In x) { return function(x[0], x[1]); },
          .tolerance = 1e-5,
          .bench = bench};
}

}  // namespace

std::vector<Row> matmul_rows() {
  return {
      product("matmul", "product of vectors, matrices and batches of matrices", matmul,
              {{{3, 5}, {5, 4}},
               {{5}, {5}},
               {{5}, {5, 2}},
               {{3, 5}, {5}},
               {{2, 1, 3, 4}, {5, 4, 2}},
               {{2, 3, 4}, {4}},
               {{2, 3, 4}, {4, 2}},
               {{0, 3}, {3, 2}},
               {{2, 0}, {0, 3}},
               {{0, 2, 3}, {3, 1}},
               {{1, 1}, {1, 1}}},
              {{512, 512}, {512, 512}}),
      product("mm", "product of matrices", mm, {{{3, 5}, {5, 4}}, {{0, 3}, {3, 2}}, {{2, 0}, {0, 3}}}),
      product("bmm", "batch of products", bmm, {{{2, 3, 5}, {2, 5, 4}}, {{0, 3, 2}, {0, 2, 3}}, {{1, 1, 1}, {1, 1, 1}}},
              {{48, 256, 64}, {48, 64, 256}}),
      product("mv", "matrix by vector", mv, {{{3, 5}, {5}}, {{0, 3}, {3}}, {{2, 0}, {0}}}, {{1024, 1024}, {1024}}),
      product("dot", "inner product", dot, {{{7}, {7}}, {{0}, {0}}, {{1}, {1}}}),
      product("outer", "outer product", outer, {{{3}, {4}}, {{0}, {2}}, {{1}, {1}}}),
      {.name = "addmm",
       .what = "beta x + alpha y z",
       .torch = "torch.addmm(x, y, z, beta=0.5, alpha=2)",
       .inputs = {real(), real(), real()},
       .shapes = {{{3, 4}, {3, 5}, {5, 4}}, {{4}, {3, 5}, {5, 4}}, {{2}, {0, 3}, {3, 2}}, {{2, 3}, {2, 0}, {0, 3}}},
       .run = [](In x) { return addmm(x[0], x[1], x[2], 0.5, 2); },
       .tolerance = 1e-5},
      {.name = "linear",
       .what = "x W^T + bias over the last dimension",
       .torch = "torch.nn.functional.linear(x, y, z)",
       .inputs = {real(), real(), real()},
       .shapes = {{{4, 3}, {2, 3}, {2}}, {{3}, {2, 3}, {2}}, {{2, 3, 4}, {5, 4}, {5}}, {{0, 3}, {2, 3}, {2}}},
       .run = [](In x) { return linear(x[0], x[1], x[2]); },
       .tolerance = 1e-5,
       .bench = {{1024, 768}, {3072, 768}, {3072}}},
      {.name = "linear.without_bias",
       .torch = "torch.nn.functional.linear(x, y)",
       .inputs = {real(), real()},
       .shapes = {{{4, 3}, {2, 3}}, {{2, 3, 4}, {5, 4}}, {{0, 3}, {2, 3}}},
       .run = [](In x) { return linear(x[0], x[1]); },
       .tolerance = 1e-5},
  };
}

}  // namespace mote::op_table

// Rows of reductions, softmax, cumulative sums and order along a dimension.
#include "op_table/row.h"

namespace mote::op_table {

namespace {

const Shapes kBench = {{1024, 1024}};
const std::vector<Shapes> kAnywhere = {{{3, 7}}, {{1}}, {{}}, {{2, 1, 3}}};
const std::vector<Shapes> kAnywhereOrEmpty = {{{3, 7}}, {{0}}, {{1}}, {{}}, {{2, 0, 3}}};
// Dimension 1 is reduced; the others may be empty.
const std::vector<Shapes> kAlongOne = {{{3, 7}}, {{0, 4}}, {{1, 1}}, {{2, 3, 5}}};
const std::vector<Shapes> kAlongOneOrEmpty = {{{3, 7}}, {{0, 4}}, {{4, 0}}, {{1, 1}}, {{2, 3, 5}}};

std::vector<Row> sums() {
  return {
      {.name = "sum",
       .what = "sum of all elements",
       .torch = "torch.sum(x)",
       .inputs = {real()},
       .shapes = kAnywhereOrEmpty,
       .run = [](In x) { return sum(x[0]); },
       .dtypes = kAll,
       .bench = kBench},
      {.name = "sum.dim",
       .what = "sum along dimensions",
       .torch = "torch.sum(x, 1)",
       .inputs = {real()},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return sum(x[0], 1); },
       .dtypes = kAll,
       .bench = kBench},
      {.name = "sum.keepdim",
       .torch = "torch.sum(x, (0, -1), keepdim=True)",
       .inputs = {real()},
       .shapes = {{{2, 3, 4}}, {{0, 2, 3}}, {{1, 1}}},
       .run =
           [](In x) {
             return sum(x[0], {0, -1}, true);
           },
       .dtypes = kNumbers},
      {.name = "prod",
       .what = "product of all elements",
       .torch = "torch.prod(x)",
       .inputs = {real()},
       .shapes = {{{2, 4}}, {{0}}, {{1}}, {{}}},
       .run = [](In x) { return prod(x[0]); },
       .dtypes = kAll,
       .bench = kBench},
      {.name = "prod.dim",
       .what = "product along a dimension",
       .torch = "torch.prod(x, 1)",
       .inputs = {real()},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return prod(x[0], 1); },
       .dtypes = kAll},
  };
}

std::vector<Row> moments() {
  return {
      {.name = "mean",
       .what = "mean of all elements",
       .torch = "torch.mean(x)",
       .inputs = {real()},
       .shapes = kAnywhereOrEmpty,
       .run = [](In x) { return mean(x[0]); },
       .bench = kBench},
      {.name = "mean.dim",
       .what = "mean along dimensions",
       .torch = "torch.mean(x, 1, keepdim=True)",
       .inputs = {real()},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return mean(x[0], 1, true); },
       .bench = kBench},
      {.name = "var",
       .what = "variance, divided by n - 1",
       .torch = "torch.var(x)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{2}}, {{1}}, {{0}}},
       .run = [](In x) { return var(x[0]); },
       .bench = kBench},
      {.name = "var.dim",
       .what = "variance along dimensions",
       .torch = "torch.var(x, 1, unbiased=False, keepdim=True)",
       .inputs = {real()},
       .shapes = kAlongOne,
       .run = [](In x) { return var(x[0], 1, false, true); },
       .bench = kBench},
      {.name = "std",
       .what = "standard deviation",
       .torch = "torch.std(x, 1)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0, 4}}, {{2, 3, 5}}},
       .run = [](In x) { return std(x[0], 1); },
       .bench = kBench},
      {.name = "norm",
       .what = "Euclidean norm",
       .torch = "torch.norm(x)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{1}}, {{}}},
       .run = [](In x) { return norm(x[0]); },
       .bench = kBench},
      {.name = "norm.dim",
       .what = "p-norm along dimensions",
       .torch = "torch.norm(x, 3, 1)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0, 4}}, {{1, 1}}},
       .run = [](In x) { return norm(x[0], 3.0, 1); }},
  };
}

std::vector<Row> counts() {
  return {
      {.name = "count_nonzero",
       .what = "how many elements are not 0",
       .torch = "torch.count_nonzero(x)",
       .inputs = {real()},
       .shapes = kAnywhereOrEmpty,
       .run = [](In x) { return count_nonzero(x[0]); },
       .dtypes = kAll,
       .gradient = Gradient::None},
      {.name = "any",
       .what = "whether one element is not 0",
       .torch = "torch.any(x.bool())",
       .inputs = {real(-1, 1)},
       .shapes = kAnywhereOrEmpty,
       .run = [](In x) { return any(x[0]); },
       .dtypes = kAll,
       .gradient = Gradient::None},
      {.name = "any.dim",
       .torch = "torch.any(x.bool(), 1)",
       .inputs = {real(-1, 1)},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return any(x[0], 1); },
       .dtypes = {DType::Bool, DType::Int64, DType::Float32},
       .gradient = Gradient::None},
      {.name = "all",
       .what = "whether no element is 0",
       .torch = "torch.all(x.bool())",
       .inputs = {real(-1, 1)},
       .shapes = kAnywhereOrEmpty,
       .run = [](In x) { return all(x[0]); },
       .dtypes = kAll,
       .gradient = Gradient::None},
      {.name = "all.dim",
       .torch = "torch.all(x.bool(), 1)",
       .inputs = {real(-1, 1)},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return all(x[0], 1); },
       .dtypes = {DType::Bool, DType::Int64, DType::Float32},
       .gradient = Gradient::None},
  };
}

std::vector<Row> extremes() {
  return {
      {.name = "max",
       .what = "the largest element; along a dimension with its position",
       .torch = "torch.max(x)",
       .inputs = {real()},
       .shapes = kAnywhere,
       .run = [](In x) { return max(x[0]); },
       .dtypes = kAll,
       .bench = kBench},
      {.name = "max.dim",
       .torch = "torch.max(x, 1)",
       .inputs = {real()},
       .shapes = kAlongOne,
       .run = [](In x) { return max(x[0], 1); },
       .bench = kBench},
      {.name = "min",
       .what = "the smallest element; along a dimension with its position",
       .torch = "torch.min(x)",
       .inputs = {real()},
       .shapes = kAnywhere,
       .run = [](In x) { return min(x[0]); },
       .dtypes = kAll},
      {.name = "min.dim",
       .torch = "torch.min(x, 1, keepdim=True)",
       .inputs = {real()},
       .shapes = kAlongOne,
       .run = [](In x) { return min(x[0], 1, true); }},
      {.name = "amax",
       .what = "the largest along dimensions; equal ones share the gradient",
       .torch = "torch.amax(x, (0, 1))",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{1, 1}}, {{2, 3, 4}}},
       .run =
           [](In x) {
             return amax(x[0], {0, 1});
           },
       .dtypes = kNumbers},
      {.name = "amin",
       .what = "the smallest along dimensions; equal ones share the gradient",
       .torch = "torch.amin(x, 1, keepdim=True)",
       .inputs = {real()},
       .shapes = kAlongOne,
       .run = [](In x) { return amin(x[0], 1, true); },
       .dtypes = kNumbers},
      {.name = "argmax",
       .what = "position of the largest",
       .torch = "torch.argmax(x, 1)",
       .inputs = {real()},
       .shapes = kAlongOne,
       .run = [](In x) { return argmax(x[0], 1); },
       .gradient = Gradient::None,
       .bench = kBench},
      {.name = "argmin",
       .what = "position of the smallest",
       .torch = "torch.argmin(x)",
       .inputs = {real()},
       .shapes = kAnywhere,
       .run = [](In x) { return argmin(x[0]); },
       .gradient = Gradient::None},
  };
}

std::vector<Row> along() {
  return {
      {.name = "cumsum",
       .what = "running sums",
       .torch = "torch.cumsum(x, 1)",
       .inputs = {real()},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return cumsum(x[0], 1); },
       .dtypes = kAll,
       .in_place = [](In x) { return cumsum_(x[0], 1); },
       .bench = kBench},
      {.name = "softmax",
       .what = "exponentials divided by their sum",
       .torch = "torch.softmax(x, 1)",
       .inputs = {real(-4, 4)},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return softmax(x[0], 1); },
       .bench = kBench},
      {.name = "log_softmax",
       .what = "log of softmax",
       .torch = "torch.log_softmax(x, -1)",
       .inputs = {real(-4, 4)},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return log_softmax(x[0], -1); },
       .bench = kBench},
      {.name = "logsumexp",
       .what = "log of the sum of exponentials",
       .torch = "torch.logsumexp(x, 1)",
       .inputs = {real(-4, 4)},
       .shapes = kAlongOne,
       .run = [](In x) { return logsumexp(x[0], 1); },
       .bench = kBench},
  };
}

std::vector<Row> orders() {
  return {
      {.name = "sort",
       .what = "values in order, with their positions",
       .torch = "torch.sort(x, stable=True, dim=1)",
       .inputs = {real()},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return sort(x[0], 1); },
       .bench = kBench},
      {.name = "sort.descending",
       .torch = "torch.sort(x, stable=True, dim=0, descending=True)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0, 4}}, {{1}}},
       .run = [](In x) { return sort(x[0], 0, true); }},
      {.name = "argsort",
       .what = "positions in order",
       .torch = "torch.argsort(x, 1)",
       .inputs = {real()},
       .shapes = kAlongOneOrEmpty,
       .run = [](In x) { return argsort(x[0], 1); },
       .gradient = Gradient::None},
      {.name = "topk",
       .what = "the k largest, with their positions",
       .torch = "torch.topk(x, 3, 1)",
       .inputs = {real()},
       .shapes = {{{3, 7}}, {{0, 4}}, {{2, 3}}},
       .run = [](In x) { return topk(x[0], 3, 1); },
       .bench = kBench},
  };
}

}  // namespace

std::vector<Row> reduce_rows() {
  std::vector<Row> rows = sums();
  for (auto* part : {moments, counts, extremes, along, orders})
    for (Row& row : part()) rows.push_back(std::move(row));
  return rows;
}

}  // namespace mote::op_table

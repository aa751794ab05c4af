// Rows of indexing, gathering and scattering.
#include "op_table/row.h"

namespace mote::op_table {

namespace {

std::vector<Row> gathering() {
  return {
      {.name = "index",
       .what = "NumPy's indexing: numbers, slices, None, Ellipsis, integer and boolean tensors",
       .torch = "x[:, y, None]",
       .inputs = {real(), positions(3)},
       .shapes = {{{2, 3}, {4}}, {{0, 3}, {2}}, {{2, 3}, {0}}, {{2, 3, 2}, {2, 2}}},
       .run =
           [](In x) {
             return index(x[0], {Slice(), x[1], None});
           },
       .dtypes = kAll,
       .bench = {{1024, 1024}, {4096}}},
      {.name = "index.pair",
       .torch = "x[y, z]",
       .inputs = {real(), positions(2), positions(3)},
       .shapes = {{{2, 3}, {4}, {4}}, {{2, 3, 2}, {2, 1}, {3}}, {{2, 3}, {0}, {0}}},
       .run =
           [](In x) {
             return index(x[0], {x[1], x[2]});
           },
       .dtypes = kAll},
      {.name = "index.mask",
       .torch = "x[y]",
       .inputs = {real(), mask()},
       .shapes = {{{4, 3}, {4}}, {{4, 3}, {4, 3}}, {{0, 3}, {0}}},
       .run = [](In x) { return index(x[0], {x[1]}); },
       .dtypes = kAll,
       .by_value = true},
      {.name = "gather",
       .what = "elements at positions along a dimension",
       .torch = "torch.gather(x, 1, y)",
       .inputs = {real(), positions(3)},
       .shapes = {{{2, 3}, {2, 5}}, {{2, 3}, {1, 2}}, {{2, 3}, {0, 2}}, {{2, 3, 2}, {2, 2, 1}}},
       .run = [](In x) { return gather(x[0], 1, x[1]); },
       .dtypes = kAll,
       .bench = {{1024, 1024}, {1024, 1024}}},
      {.name = "take_along_dim",
       .what = "gather whose other dimensions broadcast",
       .torch = "torch.take_along_dim(x, y, 1)",
       .inputs = {real(), positions(3)},
       .shapes = {{{2, 3}, {2, 5}}, {{2, 3}, {1, 4}}},
       .run = [](In x) { return take_along_dim(x[0], x[1], 1); },
       .dtypes = kAll},
      {.name = "index_select",
       .what = "slices at positions along a dimension",
       .torch = "torch.index_select(x, 1, y)",
       .inputs = {real(), positions(3)},
       .shapes = {{{2, 3}, {5}}, {{0, 3}, {2}}, {{2, 3}, {0}}, {{2, 3, 2}, {1}}},
       .run = [](In x) { return index_select(x[0], 1, x[1]); },
       .dtypes = kAll,
       .bench = {{1024, 1024}, {1024}}},
      {.name = "masked_select",
       .what = "the elements where a mask holds",
       .torch = "torch.masked_select(x, y)",
       .inputs = {real(), mask()},
       .shapes = {{{3, 4}, {3, 4}}, {{3, 4}, {4}}, {{0, 4}, {4}}},
       .run = [](In x) { return masked_select(x[0], x[1]); },
       .dtypes = kAll,
       .by_value = true},
      {.name = "nonzero",
       .what = "positions of the elements that are not 0",
       .torch = "torch.nonzero(x)",
       .inputs = {real()},
       .shapes = {{{3, 4}}, {{0, 2}}, {{}}},
       .run = [](In x) { return nonzero(x[0]); },
       .dtypes = kAll,
       .gradient = Gradient::None,
       .by_value = true},
  };
}

std::vector<Row> scattering() {
  return {
      {.name = "index_put_",
       .what = "writes to indexed elements",
       .torch = "x.clone().index_put_((y,), z)",
       .inputs = {real(), distinct_positions(6), real()},
       .shapes = {{{6, 3}, {3}, {3, 3}}, {{6, 3}, {2}, {3}}, {{6, 3}, {0}, {0, 3}}},
       .run = [](In x) { return index_put_(clone(x[0]), {x[1]}, x[2]); },
       .dtypes = kAll},
      {.name = "index_put_.accumulate",
       .what = "adds to indexed elements",
       .torch = "x.clone().index_put_((y,), z, accumulate=True)",
       .inputs = {real(), positions(3), real()},
       .shapes = {{{3, 2}, {5}, {5, 2}}, {{3, 2}, {4}, {2}}},
       .run = [](In x) { return index_put_(clone(x[0]), {x[1]}, x[2], true); },
       .dtypes = kNumbers},
      {.name = "scatter",
       .what = "x with elements written at positions along a dimension",
       .torch = "torch.scatter(x, 1, y, z)",
       .inputs = {real(), distinct_positions(6), real()},
       .shapes = {{{2, 6}, {2, 3}, {2, 3}}, {{2, 6}, {1, 2}, {2, 4}}, {{2, 6}, {0, 2}, {0, 2}}},
       .run = [](In x) { return scatter(x[0], 1, x[1], x[2]); },
       .dtypes = kNumbers,
       .in_place = [](In x) { return scatter_(x[0], 1, x[1], x[2]); }},
      {.name = "scatter.number",
       .torch = "torch.scatter(x, 0, y, 2)",
       .inputs = {real(), positions(3)},
       .shapes = {{{3, 4}, {2, 4}}, {{3, 4}, {0, 4}}},
       .run = [](In x) { return scatter(x[0], 0, x[1], 2); },
       .dtypes = kNumbers,
       .in_place = [](In x) { return scatter_(x[0], 0, x[1], 2); }},
      {.name = "scatter_add",
       .what = "x with elements added at positions along a dimension, in a fixed order",
       .torch = "torch.scatter_add(x, 1, y, z)",
       .inputs = {real(), positions(3), real()},
       .shapes = {{{2, 3}, {2, 5}, {2, 5}}, {{2, 3}, {1, 2}, {2, 4}}, {{2, 3}, {0, 2}, {0, 2}}},
       .run = [](In x) { return scatter_add(x[0], 1, x[1], x[2]); },
       .dtypes = kNumbers,
       .in_place = [](In x) { return scatter_add_(x[0], 1, x[1], x[2]); },
       .bench = {{1024, 1024}, {1024, 1024}, {1024, 1024}}},
      {.name = "index_add",
       .what = "x with slices added at positions along a dimension, in a fixed order",
       .torch = "torch.index_add(x, 1, y, z)",
       .inputs = {real(), positions(3), real()},
       .shapes = {{{2, 3}, {5}, {2, 5}}, {{2, 3, 2}, {1}, {2, 1, 2}}},
       .run = [](In x) { return index_add(x[0], 1, x[1], x[2]); },
       .dtypes = kNumbers,
       .in_place = [](In x) { return index_add_(x[0], 1, x[1], x[2]); }},
  };
}

}  // namespace

std::vector<Row> indexing_rows() {
  std::vector<Row> rows = gathering();
  for (Row& row : scattering()) rows.push_back(std::move(row));
  return rows;
}

}  // namespace mote::op_table

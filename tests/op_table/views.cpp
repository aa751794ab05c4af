// Rows of the operations on shape.
#include "op_table/row.h"

namespace mote::op_table {

namespace {

// A view or copy of x, in PyTorch x.<call>, in every dtype.
template <class F>
Row shaped(const std::string& name, const std::string& what, const std::string& call, const std::vector<Shapes>& shapes,
           F function) {
  return {.name = name,
          .what = what,
          .torch = "x." + call,
          .inputs = {real()},
          .shapes = shapes,
          .run = [function](In x) { return function(x[0]); },
          .dtypes = kAll};
}

}  // namespace

std::vector<Row> view_rows() {
  using T = const Tensor&;
  Row detached = shaped("detach", "the same data, cut off from the graph", "detach()", {{{3, 7}}, {{0}}},
                        [](T x) { return detach(x); });
  detached.gradient = Gradient::None;
  return {
      shaped("as_strided", "a view of any geometry inside the storage", "as_strided((2, 3), (4, 2), 1)", {{{3, 4}}},
             [](T x) {
               return as_strided(x.contiguous(), {2, 3}, {4, 2}, 1);
             }),
      shaped("reshape", "the same elements in another shape", "reshape(2, -1)", {{{3, 4}}, {{2}}, {{2, 1, 1}}},
             [](T x) {
               return reshape(x, {2, -1});
             }),
      shaped("view", "reshape that never copies", "view(3, 2, 2)", {{{3, 4}}, {{12}}},
             [](T x) {
               return view(x.contiguous(), {3, 2, 2});
             }),
      shaped("flatten", "several dimensions as one", "flatten(1)", {{{2, 3, 4}}, {{2, 0, 3}}, {{1, 1}}},
             [](T x) { return flatten(x, 1); }),
      shaped("unflatten", "one dimension as several", "unflatten(1, (2, 3))", {{{2, 6}}, {{0, 6}}, {{1, 6, 1}}},
             [](T x) {
               return unflatten(x, 1, {2, 3});
             }),
      shaped("transpose", "two dimensions exchanged", "transpose(0, 1)", {{{3, 7}}, {{0, 2}}, {{1, 1, 4}}},
             [](T x) { return transpose(x, 0, 1); }),
      shaped("t", "matrix transpose", "t()", {{{3, 7}}, {{5}}, {{}}, {{0, 2}}}, [](T x) { return t(x); }),
      shaped("permute", "dimensions in another order", "permute(2, 0, 1)", {{{2, 3, 4}}, {{0, 1, 2}}},
             [](T x) {
               return permute(x, {2, 0, 1});
             }),
      shaped("movedim", "one dimension moved", "movedim(0, -1)", {{{2, 3, 4}}, {{0, 1}}},
             [](T x) { return movedim(x, 0, -1); }),
      shaped("unsqueeze", "a new dimension of size 1", "unsqueeze(1)", {{{3, 7}}, {{0}}, {{1}}},
             [](T x) { return unsqueeze(x, 1); }),
      shaped("squeeze", "without dimensions of size 1", "squeeze()", {{{3, 1, 2, 1}}, {{1}}, {{}}, {{0, 1}}},
             [](T x) { return squeeze(x); }),
      shaped("squeeze.dim", "", "squeeze(1)", {{{3, 1, 2}}, {{3, 2}}, {{0, 1}}}, [](T x) { return squeeze(x, 1); }),
      shaped("expand", "dimensions of size 1 repeated without a copy", "expand(2, 3, 4)",
             {{{3, 1}}, {{1, 3, 1}}, {{4}}, {{}}},
             [](T x) {
               return expand(x, {2, 3, 4});
             }),
      shaped("broadcast_to", "expand by broadcasting", "broadcast_to((2, 3, 4))", {{{3, 1}}, {{4}}, {{}}},
             [](T x) {
               return broadcast_to(x, {2, 3, 4});
             }),
      shaped("expand_as", "expand to another tensor's shape", "expand_as(torch.ones(2, 3))", {{{3}}, {{2, 1}}, {{}}},
             [](T x) {
               return expand_as(x, ones({2, 3}, {.device = x.device()}));
             }),
      shaped("sum_to", "sums what was broadcast, to have a shape again", "sum_to_size(3, 1)", {{{2, 3, 4}}, {{3, 2}}},
             [](T x) {
               return sum_to(x, {3, 1});
             }),
      shaped("select", "one slice of a dimension", "select(1, -2)", {{{3, 7}}, {{0, 2}}, {{2, 3, 2}}},
             [](T x) { return select(x, 1, -2); }),
      shaped("slice", "a range of a dimension, with a step", "__getitem__((slice(None), slice(1, -1, 2)))",
             {{{3, 7}}, {{0, 4}}, {{3, 1}}, {{2, 0}}}, [](T x) { return slice(x, 1, 1, -1, 2); }),
      shaped("narrow", "a range of a dimension", "narrow(0, 1, 2)", {{{3, 7}}, {{3, 0}}, {{4}}},
             [](T x) { return narrow(x, 0, 1, 2); }),
      shaped("diagonal", "elements on a diagonal of two dimensions", "diagonal(1)",
             {{{3, 4}}, {{0, 3}}, {{1, 1}}, {{2, 3, 4}}}, [](T x) { return diagonal(x, 1); }),
      shaped("clone", "a copy", "clone()", {{{3, 7}}, {{0}}, {{}}}, [](T x) { return clone(x); }),
      detached,
      shaped("contiguous", "x itself, or a row-major copy", "contiguous()", {{{3, 7}}, {{0}}, {{}}},
             [](T x) { return contiguous(x); }),
      shaped("repeat", "copies side by side", "repeat(2, 1, 3)", {{{2, 3}}, {{2}}, {{0, 2}}, {{}}},
             [](T x) {
               return repeat(x, {2, 1, 3});
             }),
      shaped("repeat_interleave", "each element several times", "repeat_interleave(2, 1)", {{{2, 3}}, {{0, 2}}},
             [](T x) { return repeat_interleave(x, 2, 1); }),
      shaped("flip", "dimensions in reverse", "flip((0, 1))", {{{3, 4}}, {{0, 2}}, {{1, 1}}},
             [](T x) {
               return flip(x, {0, 1});
             }),
      shaped("roll", "elements shifted around", "roll(2, 1)", {{{3, 5}}, {{2, 1}}, {{0, 3}}},
             [](T x) { return roll(x, 2, 1); }),
  };
}

std::vector<Row> join_rows() {
  using T = const Tensor&;
  return {
      {.name = "cat",
       .what = "tensors one after another along a dimension",
       .torch = "torch.cat((x, y, x), 1)",
       .inputs = {real(), real()},
       .shapes = {{{2, 3}, {2, 4}}, {{2, 0}, {2, 1}}, {{0, 2}, {0, 3}}, {{1, 1, 3}, {1, 2, 3}}},
       .run =
           [](In x) {
             return cat({x[0], x[1], x[0]}, 1);
           },
       .dtypes = kAll,
       .bench = {{1024, 512}, {1024, 512}}},
      {.name = "stack",
       .what = "tensors along a new dimension",
       .torch = "torch.stack((x, y), 1)",
       .inputs = {real(), real()},
       .shapes = {{{2, 3}, {2, 3}}, {{0}, {0}}, {{1, 1}, {1, 1}}},
       .run =
           [](In x) {
             return stack({x[0], x[1]}, 1);
           },
       .dtypes = kAll},
      shaped("split", "parts of a given size, the last may be smaller", "split(3, 1)", {{{2, 7}}, {{0, 3}}, {{2, 1}}},
             [](T x) { return split(x, 3, 1); }),
      shaped("split.sizes", "", "split([1, 4, 2], 1)", {{{2, 7}}, {{0, 7}}},
             [](T x) {
               return split(x, std::vector<int64_t>{1, 4, 2}, 1);
             }),
      shaped("chunk", "a number of parts", "chunk(3, 1)", {{{2, 7}}, {{2, 2}}, {{0, 6}}},
             [](T x) { return chunk(x, 3, 1); }),
      shaped("unbind", "all slices of a dimension", "unbind(1)", {{{2, 3}}, {{0, 2}}, {{1, 1, 2}}},
             [](T x) { return unbind(x, 1); }),
  };
}

}  // namespace mote::op_table

// Rows of creation functions that look at a tensor, and of in-place fills.
#include "op_table/row.h"

namespace mote::op_table {

std::vector<Row> creation_rows() {
  const auto like = [](const std::string& name, const std::string& what, const std::string& arguments, auto function) {
    return Row{.name = name,
               .what = what,
               .torch = "torch." + name + "(x" + arguments + ")",
               .inputs = {real()},
               .shapes = {{{3, 4}}, {{0}}, {{}}},
               .run = [function](In x) { return function(x[0]); },
               .dtypes = kAll,
               .gradient = Gradient::None};
  };
  using T = const Tensor&;
  return {
      like("zeros_like", "0 in the shape, dtype and device of x", "", [](T x) { return zeros_like(x); }),
      like("ones_like", "1 in the shape, dtype and device of x", "", [](T x) { return ones_like(x); }),
      like("full_like", "a number in the shape, dtype and device of x", ", 3", [](T x) { return full_like(x, 3); }),
  };
}

}  // namespace mote::op_table

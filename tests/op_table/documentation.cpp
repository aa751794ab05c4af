#include "op_table/documentation.h"

#include <algorithm>

namespace mote::op_table {

namespace {

struct Family {
  const char* title;
  std::vector<Row> (*rows)();
};

constexpr Family kFamilies[] = {
    {"Element-wise, of one tensor", unary_rows},
    {"Activations", activation_rows},
    {"Element-wise, of several tensors", binary_rows},
    {"Comparisons and logic", comparison_rows},
    {"Selection and conversion", selection_rows},
    {"Reductions, softmax and order", reduce_rows},
    {"Shape", view_rows},
    {"Joining and cutting", join_rows},
    {"Indexing", indexing_rows},
    {"Matrix products", matmul_rows},
    {"Layers and attention", layer_rows},
    {"Losses", loss_rows},
    {"Creation", creation_rows},
};

std::string name_of(const DTypes& dtypes) {
  if (dtypes == kAll) return "all";
  if (dtypes == kNumbers) return "all but bool";
  if (dtypes == kFloats) return "floating-point";
  if (dtypes == kBits) return "bool, integers";
  std::string text;
  for (DType dtype : dtypes) text += (text.empty() ? "" : ", ") + std::string(mote::name_of(dtype));
  return text;
}

const char* name_of(Gradient gradient) {
  switch (gradient) {
    case Gradient::None:
      return "none";
    case Gradient::Twice:
      break;
  }
  return "any order";
}

}  // namespace

std::string documentation() {
  std::string text =
      "# Operations\n\n"
      "Made by `mote_op_table docs` from the table in `tests/op_table`; a test fails when this page is not current. "
      "Each\noperation is tested there against PyTorch's values in every dtype it accepts, its gradient against "
      "finite\n"
      "differences, and its results for inputs of any strides, for empty inputs, on a second device and on `meta`.\n"
      "\"Any order\" means that `create_graph` gives derivatives of derivatives.\n";
  for (const Family& family : kFamilies) {
    text += std::string("\n## ") + family.title +
            "\n\n| operation | what it gives | input dtypes | gradient | in place |\n|---|---|---|---|---|\n";
    const std::vector<Row> rows = family.rows();
    for (const Row& row : rows) {
      if (row.name != operation_of(row)) continue;
      const bool in_place = std::any_of(rows.begin(), rows.end(), [&](const Row& other) {
        return operation_of(other) == row.name && static_cast<bool>(other.in_place);
      });
      text += "| `" + row.name + "` | " + row.what + " | " + name_of(row.dtypes) + " | " + name_of(row.gradient) +
              " | " + (in_place ? "`" + row.name + "_`" : "") + " |\n";
    }
  }
  return text;
}

}  // namespace mote::op_table

// The rows of the operation table (tests/op_table) that name shapes to time.
#include <fmt/format.h>

#include <algorithm>

#include "harness/operation.h"
#include "op_table/row.h"
#include "rows.h"

namespace bench {

namespace {

namespace table = mote::op_table;

// Of the kind of values that the table asks for, by draws that Python can follow.
Value value_of(const table::Input& input, DType dtype, const Shape& shape) {
  if (input.dtype == DType::Bool) return coin(0.5, shape);
  if (!input.dtype && mote::is_floating_point(dtype)) {
    Value value = uniform(shape, input.low, input.high);
    value.differentiable = input.differentiable;
    return value;
  }
  const auto low = static_cast<int64_t>(input.low), high = static_cast<int64_t>(input.high) + 1;
  if (!input.distinct)
    return {[=] { return mote::randint(low, high, shape); },
            fmt::format("torch.randint({}, {}, {})", low, high, torch_shape(shape)), false};
  return {[=] { return mote::randperm(high).slice(0, 0, shape.numel()).reshape(shape); },
          fmt::format("torch.randperm({})[:{}].reshape({})", high, shape.numel(), torch_shape(shape)), false};
}

DType dtype_of(const table::Row& row) {
  const bool real = std::find(row.dtypes.begin(), row.dtypes.end(), DType::Float32) != row.dtypes.end();
  return real ? DType::Float32 : row.dtypes.front();
}

std::string shapes_name(const table::Shapes& shapes) {
  std::vector<std::string> names;
  for (const Shape& shape : shapes) names.push_back(shape_name(shape));
  return fmt::format("{}", fmt::join(names, ","));
}

}  // namespace

void add_table(Rows& rows, const Selection& selection) {
  for (const table::Row& row : table::rows()) {
    if (row.bench.empty()) continue;
    const table::Shapes& shapes = selection.smoke ? row.shapes.front() : row.bench;
    Operation operation{.family = "table",
                        .name = row.name,
                        .shape = shapes_name(shapes),
                        .headline = selection.smoke,
                        .run = [&row](const auto& in) { return row.run(in).front(); },
                        .torch = {{.run = row.torch}},
                        .dtype = dtype_of(row),
                        .both_bytes = 0,  // the table does not say what backward has to read
                        .tolerance = std::max(1e-5, row.tolerance)};
    for (size_t i = 0; i < row.inputs.size(); ++i)
      operation.inputs.push_back(value_of(row.inputs[i], operation.dtype, shapes[i]));
    if (row.gradient == table::Gradient::None)
      add(rows, operation, selection, Direction::Forward);
    else
      add(rows, operation, selection);
  }
}

}  // namespace bench

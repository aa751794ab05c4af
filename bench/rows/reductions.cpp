// Sums and other reductions, of all elements and along each axis.
#include <fmt/format.h>

#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

void add_whole(Rows& rows, const Selection& selection) {
  for (const auto& [shape, headline] :
       choose<Shape>(selection, {{1 << 24}}, {{1 << 12}, {1 << 16}, {1 << 20}}, {{1000}})) {
    const auto n = static_cast<double>(shape.numel());
    Operation operation{.family = "reductions",
                        .name = "sum",
                        .shape = shape_name(shape),
                        .headline = headline,
                        .inputs = {uniform(shape, 0, 1)},
                        .run = [](const auto& in) { return in[0].sum(); },
                        .torch = {{.run = "x.sum()"}},
                        .forward_flops = n,
                        .both_flops = n,
                        .both_bytes = 4 * n};  // the gradient is an expanded view, which nobody writes
    add(rows, operation, selection);
    operation.name = "max";
    operation.headline = false;
    operation.run = [](const auto& in) { return in[0].max(); };
    operation.torch = {{.run = "x.max()"}};
    add(rows, operation, selection, Direction::Forward);
  }
}

void add_along(Rows& rows, const Selection& selection, const Choice<Shape>& shape, int64_t axis) {
  const auto n = static_cast<double>(shape.value.numel());
  Operation operation{.family = "reductions",
                      .name = fmt::format("sum_axis{}", axis),
                      .shape = shape_name(shape.value),
                      .headline = shape.headline,
                      .inputs = {uniform(shape.value, 0, 1)},
                      .run = [axis](const auto& in) { return in[0].sum({axis}); },
                      .torch = {{.run = fmt::format("x.sum({})", axis)}},
                      .forward_flops = n,
                      .both_flops = n,
                      // The sums are written; the gradient is a view.
                      .both_bytes = 4 * (n + n / static_cast<double>(shape.value[static_cast<size_t>(axis)]))};
  add(rows, operation, selection);
  operation.name = fmt::format("max_axis{}", axis);
  operation.headline = false;
  operation.run = [axis](const auto& in) { return in[0].amax({axis}); };
  operation.torch = {{.run = fmt::format("x.amax({})", axis)}};
  add(rows, operation, selection, Direction::Forward);
  operation.name = fmt::format("var_axis{}", axis);
  operation.run = [axis](const auto& in) { return in[0].var(mote::Dims{axis}); };
  operation.torch = {{.run = fmt::format("x.var({})", axis)}};
  operation.forward_flops = 4 * n;
  add(rows, operation, selection, Direction::Forward);
}

}  // namespace

void add_reductions(Rows& rows, const Selection& selection) {
  add_whole(rows, selection);
  for (const auto& shape : choose<Shape>(selection, {{4096, 4096}}, {{1024, 768}, {64, 50257}}, {{11, 35}}))
    for (const int64_t axis : {0, 1}) add_along(rows, selection, shape, axis);
  for (const auto& shape : choose<Shape>(selection, {}, {{256, 64, 1024}}, {{3, 5, 17}}))
    add_along(rows, selection, shape, 1);
}

}  // namespace bench

// Operations that do little but move memory.
#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

void add_adds(Rows& rows, const Selection& selection) {
  for (const auto& [shape, headline] :
       choose<Shape>(selection, {{1 << 24}}, {{1 << 12}, {1 << 16}, {1 << 20}, {1 << 22}}, {{1000}})) {
    const auto n = static_cast<double>(shape.numel());
    // A result that is freed and made anew each time, as in a loop of a user's; `out` gives PyTorch the memory.
    Operation operation{
        .family = "memory",
        .name = "add",
        .shape = shape_name(shape),
        .headline = headline,
        .inputs = {constant(normal(shape)), constant(normal(shape))},
        .run = [](const auto& in) { return in[0] + in[1]; },
        .torch = {{.run = "x + y"},
                  {.form = "out=", .setup = "out = torch.empty_like(x)", .run = "torch.add(x, y, out=out)"}},
        .forward_flops = n};
    add(rows, operation, selection, Direction::Forward);
    // relu_ gives the same again when it is repeated.
    add(rows,
        {.family = "memory",
         .name = "relu_",
         .shape = shape_name(shape),
         .headline = headline,
         .inputs = {constant(normal(shape))},
         .run = [](const auto& in) { return in[0].relu_(); },
         .torch = {{.run = "x.relu_()"}},
         .forward_flops = n},
        selection, Direction::Forward);
  }
}

void add_copies(Rows& rows, const Selection& selection) {
  for (const auto& [shape, headline] :
       choose<Shape>(selection, {{4096, 4096}}, {{1024, 768}, {513, 4099}}, {{9, 31}})) {
    Operation operation{.family = "memory",
                        .name = "transpose_copy",
                        .shape = shape_name(shape),
                        .headline = headline,
                        .inputs = {constant(normal(shape))},
                        .run = [](const auto& in) { return in[0].transpose(0, 1).contiguous(); },
                        .torch = {{.run = "x.transpose(0, 1).contiguous()"}}};
    add(rows, operation, selection, Direction::Forward);
    operation.name = "clone";
    operation.run = [](const auto& in) { return in[0].clone(); };
    operation.torch = {{.run = "x.clone()"}};
    add(rows, operation, selection, Direction::Forward);
  }
}

// From [B, T, 3, H, D] to three of [B, H, T, D], as attention takes them.
void add_heads(Rows& rows, const Selection& selection) {
  for (const auto& [shape, headline] :
       choose<Shape>(selection, {{4, 256, 3, 12, 64}}, {{1, 1024, 3, 12, 64}}, {{2, 3, 3, 2, 4}}))
    add(rows,
        {.family = "memory",
         .name = "split_heads",
         .shape = shape_name(shape),
         .headline = headline,
         .inputs = {constant(normal(shape))},
         .run =
             [](const auto& in) {
               return in[0].permute({2, 0, 3, 1, 4}).contiguous();
             },
         .torch = {{.run = "x.permute(2, 0, 3, 1, 4).contiguous()"}}},
        selection, Direction::Forward);
}

}  // namespace

void add_memory(Rows& rows, const Selection& selection) {
  add_adds(rows, selection);
  add_copies(rows, selection);
  add_heads(rows, selection);
}

}  // namespace bench

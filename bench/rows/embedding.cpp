// Lookup of rows, and its gradient.
#include <fmt/format.h>

#include "harness/operation.h"
#include "rows.h"

namespace bench {

namespace {

struct Table {
  int64_t rows, width, tokens;
};

void add_table(Rows& rows, const Selection& selection, const Choice<Table>& choice) {
  const Table& t = choice.value;
  const double picked = 4.0 * static_cast<double>(t.tokens * t.width);
  const double table = 4.0 * static_cast<double>(t.rows * t.width);
  add(rows,
      {.family = "embedding",
       .name = "embedding",
       .shape = fmt::format("{}x{}@{}", t.rows, t.width, t.tokens),
       .headline = choice.headline,
       .inputs = {normal({t.rows, t.width}), integers(t.rows, {t.tokens})},
       .run = [](const auto& in) { return mote::embedding(in[0], in[1]); },
       .torch = {{.run = "F.embedding(y, x)"}},
       .forward_bytes = 2 * picked,
       .both_bytes = 3 * picked + table},  // the gradient is as large as the table
      selection);
}

}  // namespace

void add_embedding(Rows& rows, const Selection& selection) {
  for (const auto& table : choose<Table>(selection, {{50257, 768, 1024}}, {{65, 384, 1024}}, {{13, 8, 21}}))
    add_table(rows, selection, table);
}

}  // namespace bench

// The table itself: it is complete, and the documentation is made from it.
#include <algorithm>
#include <cctype>
#include <set>

#include "mote/functors.h"
#include "mote/serialize.h"
#include "op_table/documentation.h"
#include "support/catch.h"

namespace mote::op_table {

namespace {

// "LogicalNot" -> "logical_not"
std::string snake_case(const std::string& name) {
  std::string result;
  for (char c : name) {
    if (std::isupper(static_cast<unsigned char>(c)) && !result.empty()) result += '_';
    result += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return result;
}

std::set<std::string> operations() {
  std::set<std::string> names;
  for (const Row& row : rows()) names.insert(operation_of(row));
  return names;
}

// A functor's operation: the fused backward functors are tested through the gradients of theirs.
std::string operation_of_functor(const std::string& functor) {
  if (functor == "GeluErf" || functor == "GeluTanh") return "gelu";
  if (functor.starts_with("Is")) return "is" + snake_case(functor.substr(2));
  const std::string name = snake_case(functor);
  return name.ends_with("_backward") ? "" : name;
}

}  // namespace

TEST_CASE("every functor has a row") {
  const std::set<std::string> known = operations();
#define MOTE_CHECK_ROW(name, kind)                                \
  if (const auto op = operation_of_functor(#name); !op.empty()) { \
    INFO(op);                                                     \
    CHECK(known.contains(op));                                    \
  }
  MOTE_UNARY_OPS(MOTE_CHECK_ROW)
  MOTE_BINARY_OPS(MOTE_CHECK_ROW)
#undef MOTE_CHECK_ROW
}

TEST_CASE("names are unique and rows are whole") {
  std::set<std::string> seen;
  for (const Row& row : rows()) {
    INFO(row.name);
    CHECK(seen.insert(row.name).second);
    CHECK_FALSE(row.shapes.empty());
    CHECK_FALSE(row.dtypes.empty());
    for (const Shapes& shapes : row.shapes) CHECK(shapes.size() == row.inputs.size());
    CHECK((row.bench.empty() || row.bench.size() == row.inputs.size()));
  }
}

TEST_CASE("docs/operations.md is what the table gives") {
  INFO("to write it anew: mote_op_table docs > docs/operations.md");
  CHECK(read_file(MOTE_OPERATIONS_DOCUMENT) == documentation());
}

}  // namespace mote::op_table

// Every operation against the values that PyTorch gave, in every dtype it accepts, at its usual and its edge shapes.
#include "mote/serialize.h"
#include "op_table/compare.h"
#include "support/catch.h"
#include "support/data.h"

namespace mote::op_table {

using testing::data_path;

namespace {

const SafetensorsFile& golden() {
  static const SafetensorsFile file = load_safetensors_file(data_path("operations.safetensors"));
  return file;
}

std::vector<Tensor> expected(const Case& test_case) {
  const std::string key = test_case.key();
  const auto found = golden().metadata.find(key);
  if (found == golden().metadata.end() || found->second != fingerprint(test_case))
    throw std::runtime_error("tests/data/operations.safetensors is older than this row: build mote_op_table and run " +
                             std::string("tests/data/generate.py operations"));
  std::vector<Tensor> tensors;
  while (const Tensor* tensor = golden().tensors.find(key + "/" + std::to_string(tensors.size())))
    tensors.push_back(*tensor);
  return tensors;
}

}  // namespace

TEST_CASE("operations give PyTorch's values") {
  for (const Row& row : rows()) {
    DYNAMIC_SECTION(row.name) {
      for (const Case& test_case : cases_of(row)) {
        INFO(row.torch << " at " << test_case.key());
        const std::vector<Tensor> got = row.run(inputs_of(row, test_case.shape, test_case.dtype));
        CHECK(difference(got, expected(test_case), row) == "");
      }
    }
  }
}

}  // namespace mote::op_table

// Every operation on a second device, forward and backward, and on meta. A machine with a GPU tests that; where there
// is none, a backend that mote does not know stands in, whose memory the host cannot touch.
#include <memory>

#include "mote/cuda.h"
#include "op_table/compare.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace mote::op_table {

namespace {

std::vector<Tensor> moved(const std::vector<Tensor>& tensors, const Device& device) {
  std::vector<Tensor> result;
  for (const Tensor& tensor : tensors) result.push_back(tensor.to(device));
  return result;
}

void check_devices(const std::vector<Tensor>& tensors, const Device& device) {
  for (const Tensor& tensor : tensors)
    if (tensor.defined()) CHECK(tensor.device().str() == device.str());
}

void check_second_device(const Row& row) {
  const Device device("cuda");
  for (size_t shape = 0; shape < row.shapes.size(); ++shape) {
    INFO("shapes " << shape);
    const std::vector<Tensor> inputs = inputs_of(row, shape, row.dtypes.front());
    const Outcome want = evaluate(row, row.run, inputs), got = evaluate(row, row.run, moved(inputs, device));
    check_devices(got.outputs, device);
    check_devices(got.gradients, device);
    CHECK(difference(got.outputs, want.outputs, row) == "");
    CHECK(difference(got.gradients, want.gradients, row) == "");
  }
}

}  // namespace

TEST_CASE("on a second device") {
  testing::FakeBackend fake;
  std::unique_ptr<BackendOverride> guard;
  if (!has_backend(DeviceType::CUDA)) guard = std::make_unique<BackendOverride>(DeviceType::CUDA, fake);
  for (const Row& row : rows()) {
    DYNAMIC_SECTION(row.name) { check_second_device(row); }
  }
  CHECK(fake.live_allocations() == 0);
}

TEST_CASE("on meta: shapes and dtypes without data") {
  for (const Row& row : rows()) {
    if (row.by_value) continue;
    DYNAMIC_SECTION(row.name) {
      for (const Case& test_case : cases_of(row)) {
        INFO(test_case.key());
        const std::vector<Tensor> inputs = inputs_of(row, test_case.shape, test_case.dtype);
        const std::vector<Tensor> want = row.run(inputs), got = row.run(moved(inputs, "meta"));
        check_devices(got, "meta");
        REQUIRE(got.size() == want.size());
        for (size_t i = 0; i < got.size(); ++i) {
          CHECK(got[i].shape().str() == want[i].shape().str());
          CHECK(std::string(name_of(got[i].dtype())) == name_of(want[i].dtype()));
        }
      }
    }
  }
}

}  // namespace mote::op_table

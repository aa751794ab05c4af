// Every operation on a second device, forward and backward, and on meta. The second device is a backend that mote does
// not know, whose memory the host cannot touch; and CUDA, on a GPU or simulated.
#include "mote/cuda.h"
#include "op_table/compare.h"
#include "op_table/layouts.h"
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

// `layouts`: how the inputs lie in the device's memory; those on the CPU are dense.
void check_second_device(const Row& row, const std::vector<Case>& cases, const std::vector<Layout>& layouts) {
  const Device device("cuda");
  for (const Case& test_case : cases) {
    const std::vector<Tensor> inputs = inputs_of(row, test_case.shape, test_case.dtype);
    const Outcome want = evaluate(row, row.run, inputs);
    for (size_t layout = 0; layout < layouts.size(); ++layout) {
      INFO(test_case.key() << ", layout " << layout);
      std::vector<Tensor> there = moved(inputs, device);
      for (Tensor& tensor : there) tensor = layouts[layout](tensor);
      const Outcome got = evaluate(row, row.run, there);
      check_devices(got.outputs, device);
      check_devices(got.gradients, device);
      CHECK(difference(got.outputs, want.outputs, row) == "");
      CHECK(difference(got.gradients, want.gradients, row) == "");
    }
  }
}

}  // namespace

TEST_CASE("on a second device") {
  testing::FakeBackend fake;
  const BackendOverride guard(DeviceType::CUDA, fake);
  for (const Row& row : rows()) {
    DYNAMIC_SECTION(row.name) {
      std::vector<Case> cases = cases_of(row);
      std::erase_if(cases, [&](const Case& c) { return c.dtype != row.dtypes.front(); });
      check_second_device(row, cases, {dense});
    }
  }
  CHECK(fake.live_allocations() == 0);
}

TEST_CASE("on CUDA, of every dtype and layout") {
  if (!cuda::is_available()) return;
  for (const Row& row : rows()) {
    DYNAMIC_SECTION(row.name) { check_second_device(row, cases_of(row), {dense, transposed, stepped}); }
  }
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

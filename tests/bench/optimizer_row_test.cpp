// What the check of the optimizer's row refuses: steps that leave a part as it was.
#include <functional>

#include "rows/rows.h"
#include "support/catch.h"
#include "support/fake_backend.h"

namespace {

using mote::Tensor, mote::View;

struct Lists {
  std::vector<View> parameters, gradients, exp_avg, exp_avg_sq;
};

// A device on which the last of the three steps that the row verifies gets other lists.
class LastStepChanged : public mote::testing::FakeBackend {
 public:
  explicit LastStepChanged(std::function<void(LastStepChanged&, Lists&)> change) : change_(std::move(change)) {}

  void adamw(std::span<const View> parameters, std::span<const View> gradients, std::span<const View> exp_avg,
             std::span<const View> exp_avg_sq, std::span<const View> masters, const mote::AdamWArgs& args) override {
    Lists lists{{parameters.begin(), parameters.end()},
                {gradients.begin(), gradients.end()},
                {exp_avg.begin(), exp_avg.end()},
                {exp_avg_sq.begin(), exp_avg_sq.end()}};
    if (args.step == 3) change_(*this, lists);
    FakeBackend::adamw(lists.parameters, lists.gradients, lists.exp_avg, lists.exp_avg_sq, masters, args);
  }
  // The step reads what is there, and writes elsewhere.
  void turn_away(View& view) {
    const Tensor elsewhere = mote::empty(view.shape, {.device = "cuda"});
    const View to{elsewhere.data_ptr(), view.dtype, view.shape, elsewhere.strides()};
    copy(to, view);
    held_.push_back(elsewhere);
    view = to;
  }

 private:
  std::function<void(LastStepChanged&, Lists&)> change_;
  std::vector<Tensor> held_;
};

// What the check of the row with three tensors of 100 elements says.
std::string wrong_where(const std::function<void(LastStepChanged&, Lists&)>& change) {
  LastStepChanged backend(change);
  const mote::BackendOverride guard(mote::DeviceType::CUDA, backend);
  for (const bench::Row& row : bench::all_rows({.smoke = true, .device = "cuda"}))
    if (row.family == "optimizer" && row.shape == "300in3") return row.prepare(row).wrong;
  return "there is no such row";
}

}  // namespace

TEST_CASE("the optimizer's row accepts a whole step", "[bench]") {
  CHECK(wrong_where([](LastStepChanged&, Lists&) {}).empty());
}

TEST_CASE("the optimizer's row refuses a step of one of its tensors", "[bench]") {
  const std::string wrong = wrong_where([](LastStepChanged&, Lists& lists) {
    for (auto* list : {&lists.parameters, &lists.gradients, &lists.exp_avg, &lists.exp_avg_sq}) list->resize(1);
  });
  CHECK(wrong.starts_with("result 1 of 3: a relative error of "));
}

TEST_CASE("the optimizer's row refuses a step without the last element of the last tensor", "[bench]") {
  const std::string wrong = wrong_where([](LastStepChanged&, Lists& lists) {
    for (auto* list : {&lists.parameters, &lists.gradients, &lists.exp_avg, &lists.exp_avg_sq})
      list->back().shape = {99};
  });
  CHECK(wrong.starts_with("result 1 of 3: a relative error of "));
}

TEST_CASE("the optimizer's row refuses a step that forgets an average", "[bench]") {
  CHECK(wrong_where([](LastStepChanged& backend, Lists& lists) {
          backend.turn_away(lists.exp_avg.back());
        }).starts_with("result 2 of 3: a relative error of "));
  CHECK(wrong_where([](LastStepChanged& backend, Lists& lists) {
          backend.turn_away(lists.exp_avg_sq.back());
        }).starts_with("result 3 of 3: a relative error of "));
}

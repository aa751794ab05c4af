// AdamW on a CUDA device against the CPU: dtypes, masters, strides, and more tensors than one launch takes.
#include "cuda/parity.h"

namespace mote::testing {

namespace {

struct State {
  Tensors parameters, gradients, exp_avg, exp_avg_sq, masters;
};

Tensor draw(const Shape& shape, DType dtype, uint64_t seed) {
  Generator generator(seed);
  return randn(shape, {.dtype = float64}, &generator).to(dtype);
}

State make_state(const std::vector<Shape>& shapes, DType dtype, DType average, bool with_masters) {
  State state;
  for (size_t i = 0; i < shapes.size(); ++i) {
    state.parameters.push_back(draw(shapes[i], dtype, 4 * i + 1));
    state.gradients.push_back(draw(shapes[i], dtype, 4 * i + 2));
    state.exp_avg.push_back(draw(shapes[i], average, 4 * i + 3));
    state.exp_avg_sq.push_back(draw(shapes[i], average, 4 * i + 4).abs());
    if (with_masters) state.masters.push_back(state.parameters.back().to(float32) * 1.0005);
  }
  return state;
}

// `change` makes views of what was moved.
State moved(const State& state, const Device& device, const std::function<Tensor(const Tensor&)>& change) {
  const auto move = [&](const Tensors& tensors) {
    Tensors result;
    for (const Tensor& x : tensors) result.push_back(change(x.to(device, x.dtype(), true)));
    return result;
  };
  return {move(state.parameters), move(state.gradients), move(state.exp_avg), move(state.exp_avg_sq),
          move(state.masters)};
}

std::vector<View> views_of(const Tensors& tensors) {
  std::vector<View> views;
  for (const Tensor& x : tensors) views.push_back(view_of(x));
  return views;
}

void step(const State& state, const AdamWArgs& args) {
  backend_of(state.parameters[0].device())
      .adamw(views_of(state.parameters), views_of(state.gradients), views_of(state.exp_avg), views_of(state.exp_avg_sq),
             views_of(state.masters), args);
}

void check_close(const Tensors& got, const Tensors& want, double tolerance) {
  for (size_t i = 0; i < want.size(); ++i)
    CHECK(allclose(got[i].to("cpu").to(float64), want[i].to(float64), tolerance, tolerance));
}

// Two steps on both devices. A 16-bit parameter may differ by one rounding.
void check_steps(
    const State& start, double tolerance,
    const std::function<Tensor(const Tensor&)>& change = [](const Tensor& x) { return x; }) {
  for (const bool decoupled : {true, false}) {
    const State here = moved(start, "cpu", change), there = moved(start, "cuda", change);
    for (const int64_t n : {1, 2}) {
      const AdamWArgs args{0.01, 0.9, 0.99, 1e-8, 0.1, decoupled, n};
      step(here, args);
      step(there, args);
    }
    check_close(there.parameters, here.parameters,
                is_reduced_floating_point(start.parameters[0].dtype()) ? 8e-3 : tolerance);
    check_close(there.exp_avg, here.exp_avg, tolerance);
    check_close(there.exp_avg_sq, here.exp_avg_sq, tolerance);
    check_close(there.masters, here.masters, tolerance);
  }
}

const std::vector<Shape> kShapes = {{1}, {3, 5}, {4096}, {0, 2}, {4099}, {9, 1000}};

}  // namespace

TEST_CASE("AdamW over dense parameters") {
  if (!has_cuda()) return;
  check_steps(make_state(kShapes, float32, float32, false), 2e-6);
  check_steps(make_state(kShapes, float64, float64, false), 1e-14);
  check_steps(make_state({{70}, {33, 2}}, bfloat16, bfloat16, false), 8e-3);
  check_steps(make_state({{70}, {33, 2}}, float16, float32, false), 2e-6);
}

TEST_CASE("AdamW on the masters of 16-bit parameters") {
  if (!has_cuda()) return;
  for (const DType dtype : {float16, bfloat16}) {
    State state = make_state(kShapes, dtype, float32, true);
    check_steps(state, 2e-6);
    for (Tensor& parameter : state.parameters) parameter = parameter * 3.0;  // somebody wrote them
    check_steps(state, 2e-6);
  }
}

TEST_CASE("AdamW over strided parameters") {
  if (!has_cuda()) return;
  const auto columns = [](const Tensor& x) { return x.slice(1, 0, std::nullopt, 2); };
  const auto transposed = [](const Tensor& x) { return x.t(); };
  for (const bool with_masters : {false, true}) {
    const DType dtype = with_masters ? bfloat16 : float32;
    check_steps(make_state({{5, 8}, {20, 7}}, dtype, float32, with_masters), 2e-6, columns);
    check_steps(make_state({{5, 8}, {20, 7}}, dtype, float32, with_masters), 2e-6, transposed);
  }
}

// Steps that the device counts, from `taken` on, against those that the CPU is told the number of.
static void check_counted_steps(const State& start, float taken, double tolerance) {
  const auto same = [](const Tensor& x) { return x; };
  const State here = moved(start, "cpu", same), there = moved(start, "cuda", same), counted = moved(start, "cpu", same);
  const auto counts_on = [&](const Device& device) {
    Tensors counts;
    for (size_t i = 0; i < start.parameters.size(); ++i) counts.push_back(full({}, taken, {.device = device}));
    return counts;
  };
  const Tensors counts = counts_on("cuda"), counts_here = counts_on("cpu");
  const Tensor rate = full({}, 0.01, {.dtype = float64, .device = "cuda"}), rate_here = rate.to("cpu");
  for (int i = 0; i < 2; ++i) {
    AdamWArgs args{0.01, 0.9, 0.999, 1e-8, 0.1, true, static_cast<int64_t>(taken) + 1 + i};
    step(here, args);
    args.lr = 1e9;  // neither is looked at
    args.step = 0;
    const auto count_from = [&](const State& state, const Tensors& numbers, const Tensor& lr) {
      const std::vector<View> views = views_of(numbers);
      const View lr_view = view_of(lr);
      args.steps = views;
      args.device_lr = &lr_view;
      step(state, args);
    };
    count_from(there, counts, rate);
    count_from(counted, counts_here, rate_here);
  }
  for (const Tensor& count : counts) CHECK(count.item<float>() == taken + 2);
  check_close(there.parameters, here.parameters, tolerance);
  for (size_t i = 0; i < here.parameters.size(); ++i) CHECK(equal(counted.parameters[i], here.parameters[i]));
}

TEST_CASE("AdamW with the numbers of its steps on the device") {
  if (!has_cuda()) return;
  for (const float taken : {0.0f, 7.0f, 100000.0f}) {
    check_counted_steps(make_state({{1}, {3, 5}, {4099}}, float32, float32, false), taken, 2e-6);
    check_counted_steps(make_state({{3, 5}, {70}}, float64, float64, false), taken, 1e-14);
  }
  check_counted_steps(make_state({{3, 5}, {70}}, bfloat16, float32, true), 3.0f, 8e-3);
  check_counted_steps(make_state(std::vector<Shape>(410, Shape{3}), float32, float32, false), 1.0f, 2e-6);
}

TEST_CASE("AdamW over more parameters than one launch takes") {
  if (!has_cuda()) return;
  check_steps(make_state(std::vector<Shape>(200, Shape{6}), float32, float32, false), 2e-6);
}

}  // namespace mote::testing

// One step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019) over all parameters in one parallel pass.
#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "cpu/adamw_kernels.h"
#include "cpu/blocks.h"
#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

constexpr int64_t kPart = 16384;  // elements of one parameter that one thread works on at a time

// A parameter with its gradient, its two averages and, for N = 5, its master copy; any strides, and any floating-point
// dtypes.
template <size_t N>
struct Group {
  std::array<const View*, N> views;
  cpu::StridedLoop<N> loop;

  explicit Group(const std::array<const View*, N>& all) : views(all), loop(all) {}
  // Whether the elements of the i-th array lie dense and are of this dtype.
  bool is_dense(size_t i, DType dtype, int64_t stride) const {
    return views[i]->dtype == dtype && stride == static_cast<int64_t>(size_of(dtype));
  }
  // Calls row(data, strides, count) for the elements of one part.
  template <class Row>
  void run(int64_t part, const Row& row) const {
    loop.run(part * kPart, std::min(loop.numel, (part + 1) * kPart), row);
  }
};

// The elements of one part, by blocks of the compute type where they do not lie dense in it.
template <class C>
void run_part(const Group<4>& group, int64_t part, const AdamWStep<C>& step) {
  alignas(64) C blocks[4][cpu::kBlock];
  group.run(part, [&](const auto& at, const auto& strides, int64_t count) {
    bool dense = true;
    for (size_t i = 0; i < 4; ++i) dense &= group.is_dense(i, dtype_of<C>, strides[i]);
    if (dense)
      return cpu::adamw_step(step, reinterpret_cast<C*>(at[0]), reinterpret_cast<const C*>(at[1]),
                             reinterpret_cast<C*>(at[2]), reinterpret_cast<C*>(at[3]), count);
    for (int64_t first = 0; first < count; first += cpu::kBlock) {
      const int64_t n = std::min(cpu::kBlock, count - first);
      for (size_t i = 0; i < 4; ++i)
        cpu::find_load(group.views[i]->dtype)(at[i] + first * strides[i], strides[i], blocks[i], n);
      cpu::adamw_step(step, blocks[0], blocks[1], blocks[2], blocks[3], n);
      for (size_t i : {0, 2, 3})
        cpu::find_store(group.views[i]->dtype)(blocks[i], at[i] + first * strides[i], strides[i], n);
    }
  });
}

// Where the parameter is not what its master rounds to, somebody wrote it: the master starts again from it.
void follow_parameter(DType dtype, const float* parameter, float* master, int64_t n) {
  char narrow[cpu::kBlock * 2];
  alignas(64) float rounded[cpu::kBlock];
  cpu::find_store(dtype)(master, narrow, 2, n);
  cpu::find_load(dtype)(narrow, 2, rounded, n);
  for (int64_t i = 0; i < n; ++i)
    if (std::bit_cast<uint32_t>(rounded[i]) != std::bit_cast<uint32_t>(parameter[i])) master[i] = parameter[i];
}

// The elements of one part of a 16-bit parameter, whose master copy takes the step.
void run_master_part(const Group<5>& group, int64_t part, const AdamWStep<float>& step) {
  alignas(64) float blocks[5][cpu::kBlock];
  group.run(part, [&](const auto& at, const auto& strides, int64_t count) {
    bool dense = true;
    for (size_t i = 0; i < 5; ++i) dense &= group.is_dense(i, i < 2 ? DType::BFloat16 : DType::Float32, strides[i]);
    if (dense)
      return cpu::adamw_master_step(step, reinterpret_cast<uint16_t*>(at[0]), reinterpret_cast<const uint16_t*>(at[1]),
                                    reinterpret_cast<float*>(at[2]), reinterpret_cast<float*>(at[3]),
                                    reinterpret_cast<float*>(at[4]), count);
    for (int64_t first = 0; first < count; first += cpu::kBlock) {
      const int64_t n = std::min(cpu::kBlock, count - first);
      for (size_t i = 0; i < 5; ++i)
        cpu::find_load(group.views[i]->dtype)(at[i] + first * strides[i], strides[i], blocks[i], n);
      follow_parameter(group.views[0]->dtype, blocks[0], blocks[4], n);
      cpu::adamw_step(step, blocks[4], blocks[1], blocks[2], blocks[3], n);
      const float* const results[] = {blocks[4], nullptr, blocks[2], blocks[3], blocks[4]};
      for (size_t i : {0, 2, 3, 4})
        cpu::find_store(group.views[i]->dtype)(results[i], at[i] + first * strides[i], strides[i], n);
    }
  });
}

// Calls run(group, part) for every part of the arrays, of which `lists` has one list each, on all threads.
template <size_t N, class Run>
void run_all(const std::array<std::span<const View>, N>& lists, const Run& run) {
  const size_t count = lists[0].size();
  std::vector<int64_t> first_parts(count + 1);  // of each group, counted through all groups; and how many there are
  for (size_t i = 0; i < count; ++i) first_parts[i + 1] = first_parts[i] + (lists[0][i].numel() + kPart - 1) / kPart;
  cpu::parallel_for(first_parts.back(), 2, [&](int64_t part, int64_t end) {
    const auto after = std::upper_bound(first_parts.begin(), first_parts.end(), part);
    for (auto i = static_cast<size_t>(after - first_parts.begin()) - 1; part < end; ++i) {
      std::array<const View*, N> views;
      for (size_t k = 0; k < N; ++k) views[k] = &lists[k][i];
      const Group<N> group(views);
      for (const int64_t last = std::min(end, first_parts[i + 1]); part < last; ++part)
        run(group, part - first_parts[i]);
    }
  });
}

}  // namespace

void CpuBackend::adamw(std::span<const View> parameters, std::span<const View> gradients, std::span<const View> exp_avg,
                       std::span<const View> exp_avg_sq, std::span<const View> masters, const AdamWArgs& args) {
  for (size_t i = 0; i < args.steps.size(); ++i) {  // each has a number of its own
    AdamWArgs own = args;
    own.steps = {};
    own.lr = *args.device_lr->as<const double>();
    own.step = static_cast<int64_t>(*args.steps[i].as<float>() += 1.0F);
    adamw(parameters.subspan(i, 1), gradients.subspan(i, 1), exp_avg.subspan(i, 1), exp_avg_sq.subspan(i, 1),
          masters.empty() ? masters : masters.subspan(i, 1), own);
  }
  if (!args.steps.empty()) return;
  const AdamWStep<float> single(args);
  if (!masters.empty())
    return run_all<5>({parameters, gradients, exp_avg, exp_avg_sq, masters},
                      [&](const Group<5>& group, int64_t part) { run_master_part(group, part, single); });
  const AdamWStep<double> twice(args);
  run_all<4>({parameters, gradients, exp_avg, exp_avg_sq}, [&](const Group<4>& group, int64_t part) {
    if (group.views[0]->dtype == DType::Float64)
      run_part(group, part, twice);
    else
      run_part(group, part, single);
  });
}

}  // namespace mote

// One step of Adam (Kingma and Ba 2015) or AdamW (Loshchilov and Hutter 2019) over all parameters in one parallel pass.
#include <cmath>
#include <vector>

#include "cpu/adamw_kernels.h"
#include "cpu/blocks.h"
#include "cpu/cpu_backend.h"
#include "cpu/strided_loop.h"

namespace mote {

namespace {

constexpr int64_t kPart = 16384;  // elements of one parameter that one thread works on at a time

template <class C>
cpu::AdamWStep<C> constants_of(const AdamWArgs& args) {
  const double steps = static_cast<double>(args.step);
  cpu::AdamWStep<C> step;
  step.decay = static_cast<C>(args.decoupled ? 1.0 - args.lr * args.weight_decay : 1.0);
  step.l2 = static_cast<C>(args.decoupled ? 0.0 : args.weight_decay);
  step.beta1 = static_cast<C>(args.beta1);
  step.rest1 = static_cast<C>(1.0 - args.beta1);
  step.beta2 = static_cast<C>(args.beta2);
  step.rest2 = static_cast<C>(1.0 - args.beta2);
  step.root = static_cast<C>(std::sqrt(1.0 - std::pow(args.beta2, steps)));
  step.eps = static_cast<C>(args.eps);
  step.size = static_cast<C>(args.lr / (1.0 - std::pow(args.beta1, steps)));
  return step;
}

// A parameter with its gradient and its two averages; any strides, and any floating-point dtypes.
struct Group {
  std::array<const View*, 4> views;
  cpu::StridedLoop<4> loop;
  int64_t first_part;  // parts of the groups before

  explicit Group(const std::array<const View*, 4>& all, int64_t first) : views(all), loop(all), first_part(first) {}
  int64_t parts() const { return (loop.numel + kPart - 1) / kPart; }
};

// The elements of one part, by blocks of the compute type where they do not lie dense in it.
template <class C>
void run_part(const Group& group, int64_t part, const cpu::AdamWStep<C>& step) {
  const int64_t begin = part * kPart, end = std::min(group.loop.numel, begin + kPart);
  const auto is_direct = [&](size_t i, int64_t stride) {
    return group.views[i]->dtype == dtype_of<C> && stride == static_cast<int64_t>(sizeof(C));
  };
  alignas(64) C blocks[4][cpu::kBlock];
  group.loop.run(begin, end, [&](const auto& at, const auto& strides, int64_t count) {
    if (is_direct(0, strides[0]) && is_direct(1, strides[1]) && is_direct(2, strides[2]) && is_direct(3, strides[3]))
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

}  // namespace

void CpuBackend::adamw(std::span<const View> parameters, std::span<const View> gradients, std::span<const View> exp_avg,
                       std::span<const View> exp_avg_sq, const AdamWArgs& args) {
  std::vector<Group> groups;
  int64_t parts = 0;
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (parameters[i].numel() == 0) continue;
    groups.push_back(Group({&parameters[i], &gradients[i], &exp_avg[i], &exp_avg_sq[i]}, parts));
    parts += groups.back().parts();
  }
  const auto single = constants_of<float>(args);
  const auto twice = constants_of<double>(args);
  cpu::parallel_for(parts, 2, [&](int64_t begin, int64_t end) {
    auto group = std::upper_bound(groups.begin(), groups.end(), begin,
                                  [](int64_t part, const Group& g) { return part < g.first_part; }) -
                 1;
    for (int64_t part = begin; part < end; ++part) {
      while (part >= group->first_part + group->parts()) ++group;
      if (group->views[0]->dtype == DType::Float64)
        run_part(*group, part - group->first_part, twice);
      else
        run_part(*group, part - group->first_part, single);
    }
  });
}

}  // namespace mote

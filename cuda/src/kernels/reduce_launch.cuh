// How a reduction is spread over the device. Sizes, strides and alignment alone decide, never the device, so that every
// GPU gives the same bits.
#pragma once

#include <vector>

#include "device_buffer.h"
#include "kernels/reduce_kernels.cuh"

namespace mote::cuda {

// Op is one of those that reduce_kernels.cuh describes, over elements of T. kDense says whether kernels that read packs
// are worth having.
template <class Op, class T, bool kDense>
class Reduction {
  using Partial = typename Op::Partial;
  static constexpr int kPack = kDense ? 16 / static_cast<int>(sizeof(T)) : 1;
  static constexpr int64_t kPackBytes = kPack * sizeof(T);
  static constexpr uint32_t kWantedBlocks = 1024;  // fewer results than that are cut into segments

 public:
  // out has the rank of in, with size 1 where it is reduced.
  Reduction(const char* name, const Op& op, const View& out, const View& in)
      : name_(name), op_(op), kept_in_(in), kept_out_(out), gone_(in) {
    for (int d = 0; d < in.shape.rank(); ++d) (out.shape[d] == in.shape[d] ? gone_ : kept_in_).shape[d] = 1;
    count_ = gone_.numel();
  }

  void run() {
    StridedParts<1>({gone_}).for_each(
        [&](const auto& views, const StridedIndex<1>& index, uint32_t positions, int64_t first) {
          parts_.push_back({index, positions, first, views[0].template as<char>() - gone_.as<char>()});
        });
    StridedParts<2>({kept_in_, kept_out_})
        .for_each([&](const auto& views, const StridedIndex<2>& kept, uint32_t results, int64_t) {
          reduce_results(views[0].template as<const char>(), views[1].template as<char>(), kept, results);
        });
  }

 private:
  // A stretch of fewer than 2^31 positions of what goes.
  struct Part {
    StridedIndex<1> index;
    uint32_t positions;
    int64_t first;   // positions before it
    int64_t offset;  // of its data, in bytes
  };
  struct Plan {
    int pack;            // elements of a load
    bool columns;        // neighbouring threads have neighbouring results
    dim3 block;          // threads
    uint32_t blocks;     // for all results
    uint32_t of_part;    // segments of each part
    uint32_t positions;  // of the longest part, in loads
  };

  static bool is_dense(const StridedIndex<1>& index) {
    return index.rank > 0 && index.strides[0][0] == static_cast<int64_t>(sizeof(T));
  }
  template <int N>
  static bool is_aligned(const StridedIndex<N>& index, int from) {
    bool aligned = true;
    for (int d = from; d < index.rank; ++d) aligned = aligned && index.strides[d][0] % kPackBytes == 0;
    return aligned;
  }

  // Whether everything can be read by packs.
  bool is_packed(const char* in, const StridedIndex<2>& kept, bool columns) const {
    bool packed = kPack > 1 && reinterpret_cast<uintptr_t>(in) % kPackBytes == 0;
    packed = packed && (!columns || kept.sizes[0].divisor % kPack == 0) && is_aligned(kept, columns ? 1 : 0);
    for (const Part& part : parts_) {
      packed = packed && part.offset % kPackBytes == 0 && is_aligned(part.index, columns ? 0 : 1);
      if (!columns) packed = packed && is_dense(part.index) && part.index.sizes[0].divisor % kPack == 0;
    }
    return packed;
  }

  Plan plan_for(const char* in, const StridedIndex<2>& kept, uint32_t results) const {
    Plan plan{};
    plan.columns = kept.rank > 0 && kept.strides[0][0] == static_cast<int64_t>(sizeof(T)) && !is_dense(parts_[0].index);
    plan.pack = is_packed(in, kept, plan.columns) ? kPack : 1;
    for (const Part& part : parts_) plan.positions = std::max(plan.positions, part.positions);
    const auto pack = static_cast<uint32_t>(plan.pack);
    uint32_t threads = 0;  // that share a result
    if (plan.columns) {
      const uint32_t across = std::min(32u, std::bit_ceil(ceil_div(results, pack)));
      threads = kReduceThreads / across;
      plan.block = dim3(across, threads);
      plan.blocks = ceil_div(results, across * pack);
    } else {
      plan.positions = ceil_div(plan.positions, pack);
      const uint32_t few = std::min(32u, std::bit_ceil(ceil_div(plan.positions, 8u)));
      threads = plan.positions <= 512 ? few : std::min(256u, std::bit_ceil(ceil_div(plan.positions, 16u)));
      const uint32_t of_block = threads <= 32 ? kReduceThreads / threads : 1;
      plan.block = dim3(threads, of_block);
      plan.blocks = ceil_div(results, of_block);
    }
    const uint32_t most = std::max(1u, plan.positions / (16 * threads));
    plan.of_part = std::clamp(kWantedBlocks / plan.blocks, 1u, most);
    return plan;
  }

  template <int V>
  void launch_part(const Plan& plan, const Part& part, ReduceShape shape, const char* in, char* out,
                   Partial* partials) const {
    shape.gone = part.index;
    shape.positions = part.positions;
    if (V > 1 && !plan.columns) {
      shape.positions /= V;
      shape.gone.sizes[0] = Divider(part.index.sizes[0].divisor / V);
      shape.gone.strides[0][0] *= V;
    }
    shape.first = part.first;
    shape.stretch = ceil_div(shape.positions, plan.of_part);
    const Launch launched{dim3(plan.blocks, plan.of_part), plan.block};
    launch(name_, launched, gone_.device, plan.columns ? reduce_columns<Op, T, V> : reduce_rows<Op, T, V>, op_, shape,
           in + part.offset, out, partials);
  }

  void reduce_results(const char* in, char* out, const StridedIndex<2>& kept, uint32_t results) const {
    if (parts_.empty()) return join(kept, results, 0, out, nullptr);
    const Plan plan = plan_for(in, kept, results);
    const auto segments = static_cast<uint32_t>(parts_.size()) * plan.of_part;
    const DeviceBuffer partials(segments > 1 ? results * size_t{segments} * sizeof(Partial) : 0, gone_.device);
    ReduceShape shape{};
    shape.kept = kept;
    shape.results = results;
    shape.count = count_;
    shape.segments = segments;
    for (const Part& part : parts_) {
      if (plan.pack > 1)
        launch_part<kPack>(plan, part, shape, in, out, partials.as<Partial>());
      else
        launch_part<1>(plan, part, shape, in, out, partials.as<Partial>());
      shape.segment += plan.of_part;
    }
    if (segments > 1) join(kept, results, segments, out, partials.as<const Partial>());
  }

  void join(const StridedIndex<2>& kept, uint32_t results, uint32_t segments, char* out,
            const Partial* partials) const {
    const uint32_t threads = std::min(32u, std::bit_ceil(std::max(1u, segments))), of_block = kReduceThreads / threads;
    using Result = typename Op::Result;
    launch(name_, {dim3(ceil_div(results, of_block)), dim3(threads, of_block)}, gone_.device, join_segments<Result>,
           static_cast<const Result&>(op_), kept, results, segments, count_, out, partials);
  }

  const char* name_;
  Op op_;
  View kept_in_, kept_out_, gone_;
  int64_t count_ = 1;
  std::vector<Part> parts_;
};

template <class T, bool kDense, class Op>
void run_reduction(const char* name, const Op& op, const View& out, const View& in) {
  if (out.numel() > 0) Reduction<Op, T, kDense>(name, op, out, in).run();
}

}  // namespace mote::cuda

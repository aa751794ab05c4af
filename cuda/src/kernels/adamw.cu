// One step of Adam or AdamW over all parameters. Dense arrays of float32, and 16-bit parameters with their float32
// masters, go through one launch for many tensors: a table of pointers and sizes, passed by value, says which block
// works on which 4096 elements. What is strided, or of other dtypes, is stepped by an element kernel of its own. Bytes
// of an element: 28 in float32 (three arrays read and written, the gradient read); 30 for a 16-bit parameter with its
// master (three float32 arrays and the parameter read and written, the gradient read).
//
// Where the numbers of the steps are on the device, a kernel with a thread for each parameter counts them and computes
// the constants of the step, once, for the others. While an index error is pending (index_errors.h), the gradients may
// be wrong, and nothing is done.
#include "cuda_backend.h"
#include "device_buffer.h"
#include "index_errors.h"
#include "kernels/pointwise.cuh"
#include "kernels/typed_element.h"
#include "mote/adamw_step.h"

namespace mote {

namespace cuda {

namespace {

constexpr int kThreads = 256, kPack = 4, kPacks = 4;
constexpr int kChunk = kThreads * kPack * kPacks;  // elements of a block
constexpr int kMostArrays = 5;                     // parameter, gradient, averages, master

// Where the parameter is not what its master rounds to, somebody wrote it: the step starts from it.
template <class T>
MOTE_HD float start_of(T parameter, float master) {
  return T(master).bits == parameter.bits ? master : static_cast<float>(parameter);
}

// --- the constants of the step ---

struct CountedStep {
  uint32_t taken;  // 0: an index error was pending
  AdamWStep<float> single;
  AdamWStep<double> twice;

  template <class C>
  MOTE_HD const AdamWStep<C>& as() const {
    if constexpr (std::is_same_v<C, double>)
      return twice;
    else
      return single;
  }
};

struct Counts {
  static constexpr int kMost = 400;
  float* steps[kMost];
};

__global__ void count_steps(const __grid_constant__ Counts counts, int count, AdamWArgs args, const double* lr,
                            const uint32_t* pending, CountedStep* counted) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  const bool taken = *pending == 0;  // looked at once: another stream may write there now
  counted[i].taken = taken;
  if (!taken) return;
  const double number = *counts.steps[i] += 1.0F;
  counted[i].single = AdamWStep<float>(args, *lr, number);
  counted[i].twice = AdamWStep<double>(args, *lr, number);
}

// The step of each parameter, in order; without memory where the host has counted.
DeviceBuffer counted_steps(const AdamWArgs& args, int device) {
  const size_t count = args.steps.size();
  DeviceBuffer counted(count * sizeof(CountedStep), device);
  AdamWArgs constants = args;
  constants.steps = {};
  for (size_t first = 0; first < count; first += Counts::kMost) {
    const size_t most = std::min<size_t>(count - first, Counts::kMost);
    Counts counts{};
    for (size_t i = 0; i < most; ++i) counts.steps[i] = args.steps[first + i].as<float>();
    const auto n = static_cast<int>(most);
    launch("adamw", {dim3(static_cast<unsigned>(ceil_div(n, 32))), dim3(32)}, device, count_steps, counts, n, constants,
           args.device_lr->as<const double>(), pending_index_error(device), counted.as<CountedStep>() + first);
  }
  return counted;
}

// The step of one tensor.
template <class C>
struct Steps {
  AdamWStep<C> given;
  const uint32_t* pending;

  __device__ bool are_off(const CountedStep* counted) const { return counted ? counted->taken == 0 : *pending != 0; }
  __device__ AdamWStep<C> of(const CountedStep* counted) const { return counted ? counted->template as<C>() : given; }
};

// --- many dense tensors ---

struct TableEntry {
  void* parameter;
  const void* gradient;
  float *exp_avg, *exp_avg_sq, *master;
  const CountedStep* counted;  // null where the host has counted
  uint32_t count, first_block;
};

// Fits into the 4 KiB that a kernel's parameters may have, with the constants of the step.
struct Table {
  static constexpr int kMost = 72;
  TableEntry entries[kMost];
  int count = 0;
  uint32_t blocks = 0;
};
static_assert(sizeof(Table) + sizeof(Steps<float>) <= 4096);

template <class T, int N>
__device__ void step_pack(const AdamWStep<float>& step, const TableEntry& entry, int64_t pack) {
  auto& parameter = static_cast<Pack<T, N>*>(entry.parameter)[pack];
  auto& exp_avg = reinterpret_cast<Pack<float, N>*>(entry.exp_avg)[pack];
  auto& exp_avg_sq = reinterpret_cast<Pack<float, N>*>(entry.exp_avg_sq)[pack];
  Pack<T, N> p = parameter;
  const Pack<T, N> g = static_cast<const Pack<T, N>*>(entry.gradient)[pack];
  Pack<float, N> m = exp_avg, v = exp_avg_sq;
  if constexpr (std::is_same_v<T, float>) {
#pragma unroll
    for (int i = 0; i < N; ++i) p.value[i] = step(p.value[i], g.value[i], m.value[i], v.value[i]);
  } else {
    auto& master = reinterpret_cast<Pack<float, N>*>(entry.master)[pack];
    Pack<float, N> w = master;
#pragma unroll
    for (int i = 0; i < N; ++i) {
      const float start = start_of(p.value[i], w.value[i]);
      w.value[i] = step(start, static_cast<float>(g.value[i]), m.value[i], v.value[i]);
      p.value[i] = T(w.value[i]);
    }
    master = w;
  }
  parameter = p;
  exp_avg = m;
  exp_avg_sq = v;
}

// The entry of a block: the last that does not begin after it.
__device__ __forceinline__ int entry_of(const Table& table, uint32_t block) {
  int low = 0, high = table.count;
  while (high - low > 1) {
    const int middle = (low + high) / 2;
    (table.entries[middle].first_block <= block ? low : high) = middle;
  }
  return low;
}

template <class T>
__global__ void adamw_table(const __grid_constant__ Table table, Steps<float> steps) {
  const TableEntry& entry = table.entries[entry_of(table, blockIdx.x)];
  if (steps.are_off(entry.counted)) return;
  const AdamWStep<float> step = steps.of(entry.counted);
  const int64_t first = int64_t{blockIdx.x - entry.first_block} * kChunk;
  const int64_t last = first + kChunk < entry.count ? first + kChunk : entry.count;
  const int64_t packs = last / kPack;
#pragma unroll
  for (int i = 0; i < kPacks; ++i) {
    const int64_t pack = first / kPack + i * kThreads + threadIdx.x;
    if (pack < packs) step_pack<T, kPack>(step, entry, pack);
  }
  const int64_t rest = packs * kPack + threadIdx.x;  // after the last pack of the tensor
  if (rest < last) step_pack<T, 1>(step, entry, rest);
}

// Collects tensors until a table is full, and launches it.
template <class T>
class TableLauncher {
 public:
  TableLauncher(const Steps<float>& steps, int device) : steps_(steps), device_(device) {}

  void add(const std::array<View, kMostArrays>& views, uint32_t count, const CountedStep* counted) {
    table_.entries[table_.count++] = {
        views[0].data, views[1].data, views[2].as<float>(), views[3].as<float>(), views[4].as<float>(),
        counted,       count,         table_.blocks};
    table_.blocks += ceil_div(count, uint32_t{kChunk});
    if (table_.count == Table::kMost) flush();
  }
  void flush() {
    if (table_.count > 0)
      launch("adamw", {dim3(table_.blocks), dim3(kThreads)}, device_, adamw_table<T>, table_, steps_);
    table_.count = 0;
    table_.blocks = 0;
  }

 private:
  Steps<float> steps_;
  int device_;
  Table table_;
};

// --- any strides and floating-point dtypes ---

struct Arrays {
  char* data[kMostArrays];
  DType dtype[kMostArrays];
  bool has_master;

  template <class C>
  MOTE_HD C load(int array, int64_t offset) const {
    return load_as<C>(data[array] + offset, dtype[array]);
  }
  template <class C>
  MOTE_HD void store(int array, int64_t offset, C value) const {
    store_as(data[array] + offset, dtype[array], value);
  }
  MOTE_HD float start(int64_t parameter, int64_t master) const {
    const float kept = load<float>(4, master);
    if (dtype[0] == DType::Float16) return start_of(*reinterpret_cast<const Half*>(data[0] + parameter), kept);
    return start_of(*reinterpret_cast<const BFloat16*>(data[0] + parameter), kept);
  }
};

template <class C>
__global__ void adamw_elements(Arrays arrays, StridedIndex<kMostArrays> index, uint32_t count, Steps<C> steps,
                               const CountedStep* counted) {
  if (steps.are_off(counted)) return;
  const AdamWStep<C> step = steps.of(counted);
  const uint32_t stride = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += stride) {
    const auto [at] = index.offsets(i);
    const C start = arrays.has_master ? static_cast<C>(arrays.start(at[0], at[4])) : arrays.template load<C>(0, at[0]);
    C m = arrays.template load<C>(2, at[2]), v = arrays.template load<C>(3, at[3]);
    const C p = step(start, arrays.template load<C>(1, at[1]), m, v);
    arrays.store(0, at[0], p);
    arrays.store(2, at[2], m);
    arrays.store(3, at[3], v);
    if (arrays.has_master) arrays.store(4, at[4], p);
  }
}

template <class C>
void step_elements(const std::array<View, kMostArrays>& views, const StridedIndex<kMostArrays>& index, uint32_t count,
                   bool has_master, const Steps<C>& steps, const CountedStep* counted) {
  Arrays arrays{{}, {}, has_master};
  for (size_t k = 0; k < kMostArrays; ++k) {
    arrays.data[k] = views[k].as<char>();
    arrays.dtype[k] = views[k].dtype;
  }
  const int device = views[0].device;
  launch("adamw", strided_launch(count, kPointwiseThreads, device), device, adamw_elements<C>, arrays, index, count,
         steps, counted);
}

// Whether all arrays lie dense in the same order, in packs.
bool is_dense(const std::array<View, kMostArrays>& views, const StridedIndex<kMostArrays>& index) {
  if (index.rank > 1) return false;
  for (size_t k = 0; k < kMostArrays; ++k) {
    const size_t element = size_of(views[k].dtype);
    if (index.rank == 1 && index.strides[0][k] != static_cast<int64_t>(element)) return false;
    if (reinterpret_cast<uintptr_t>(views[k].data) % (kPack * element) != 0) return false;
  }
  return true;
}

}  // namespace

}  // namespace cuda

void CudaBackend::adamw(std::span<const View> parameters, std::span<const View> gradients,
                        std::span<const View> exp_avg, std::span<const View> exp_avg_sq, std::span<const View> masters,
                        const AdamWArgs& args) {
  if (parameters.empty()) return;
  const bool has_master = !masters.empty();
  const int device = parameters[0].device;
  const uint32_t* const pending = cuda::pending_index_error(device);
  const cuda::Steps<float> single{AdamWStep<float>(args), pending};
  const cuda::DeviceBuffer counted = cuda::counted_steps(args, device);
  cuda::TableLauncher<float> floats(single, device);
  cuda::TableLauncher<Half> halves(single, device);
  cuda::TableLauncher<BFloat16> bfloats(single, device);
  for (size_t i = 0; i < parameters.size(); ++i) {
    const View& p = parameters[i];
    const auto* const own = args.steps.empty() ? nullptr : counted.as<cuda::CountedStep>() + i;
    // Without a master the parameter takes its place, which nobody looks at.
    const cuda::StridedParts<cuda::kMostArrays> parts(
        {p, gradients[i], exp_avg[i], exp_avg_sq[i], has_master ? masters[i] : p});
    const bool plain =
        gradients[i].dtype == p.dtype && exp_avg[i].dtype == DType::Float32 && exp_avg_sq[i].dtype == DType::Float32;
    parts.for_each([&](const auto& views, const auto& index, uint32_t count, int64_t) {
      const bool dense = plain && cuda::is_dense(views, index);
      if (dense && !has_master && p.dtype == DType::Float32) return floats.add(views, count, own);
      if (dense && has_master && p.dtype == DType::Float16) return halves.add(views, count, own);
      if (dense && has_master && p.dtype == DType::BFloat16) return bfloats.add(views, count, own);
      if (p.dtype == DType::Float64)
        cuda::step_elements(views, index, count, has_master, cuda::Steps<double>{AdamWStep<double>(args), pending},
                            own);
      else
        cuda::step_elements(views, index, count, has_master, single, own);
    });
  }
  floats.flush();
  halves.flush();
  bfloats.flush();
}

}  // namespace mote

// Random tensors and dropout masks from Philox 4x32-10 (Salmon et al. 2011). Element i, in row-major order, takes word
// i % N of call first_counter + i / N, where a call gives N numbers: 4, or 2 that need 64 bits. So the numbers are a
// pure function of seed and counter, whatever the strides and the grid. Normal values come in pairs (Box and Muller
// 1958). Bytes: the result once, written in packs of N where it is dense.
#include <cmath>

#include "cuda_backend.h"
#include "kernels/philox_source.h"
#include "kernels/pointwise.cuh"
#include "kernels/typed_element.h"

namespace mote {

namespace cuda {

namespace {

// Significant bits of T: as many of a random word make a uniform value, so that none is rounded up to 1.
template <class T>
inline constexpr int kDigits = std::is_same_v<T, Half>       ? 11
                               : std::is_same_v<T, BFloat16> ? 8
                                                             : 24;

MOTE_HD inline uint64_t wide_word(const PhiloxWords& words, int i) {
  return static_cast<uint64_t>(words.word[2 * i]) << 32 | words.word[2 * i + 1];
}

// Numbers that a call gives for a floating-point type.
template <class T>
inline constexpr int kNumbers = std::is_same_v<T, double> ? 2 : 4;

// In [0, 1).
template <class T>
MOTE_HD compute_t<T> uniform01(const PhiloxWords& words, int i) {
  if constexpr (std::is_same_v<T, double>)
    return static_cast<double>(wide_word(words, i) >> 11) * 0x1p-53;
  else
    return static_cast<float>(words.word[i] >> (32 - kDigits<T>)) / static_cast<float>(1u << kDigits<T>);
}

// In (0, 1], as fine near 0 as the words are.
template <class C>
MOTE_HD C positive_uniform(const PhiloxWords& words, int i) {
  if constexpr (std::is_same_v<C, double>)
    return static_cast<double>((wide_word(words, i) >> 11) + 1) * 0x1p-53;
  else
    return fmaf(static_cast<float>(words.word[i]), 0x1p-32f, 0x1p-33f);
}

template <class T>
struct Uniform {
  using C = compute_t<T>;
  C low, width;
  MOTE_HD void operator()(const PhiloxWords& words, T* out) const {
    for (int i = 0; i < kNumbers<T>; ++i) out[i] = cast_to<T>(uniform01<T>(words, i) * width + low);
  }
};

template <class T>
struct Normal {
  using C = compute_t<T>;
  C mean, deviation;
  __device__ void operator()(const PhiloxWords& words, T* out) const {
#pragma unroll
    for (int i = 0; i < kNumbers<T>; i += 2) {
      C sine, cosine;
      const C radius = deviation * std::sqrt(C(-2) * std::log(positive_uniform<C>(words, i)));
      const C angle = C(6.283185307179586) * uniform01<C>(words, i + 1);
      if constexpr (std::is_same_v<C, double>)
        sincos(angle, &sine, &cosine);
      else
        sincosf(angle, &sine, &cosine);
      out[i] = cast_to<T>(radius * cosine + mean);
      out[i + 1] = cast_to<T>(radius * sine + mean);
    }
  }
};

// Never 0 at rate 1: a quotient of weights and these values is finite.
template <class T>
struct Exponential {
  using C = compute_t<T>;
  C rate;
  __device__ void operator()(const PhiloxWords& words, T* out) const {
    constexpr C least = std::is_same_v<T, double> ? C(0x1p-54) : C(0x1p-24);
#pragma unroll
    for (int i = 0; i < kNumbers<T>; ++i) {
      const C value = -std::log(positive_uniform<C>(words, i));
      out[i] = cast_to<T>((value > least ? value : least) / rate);
    }
  }
};

// 1 / (1 - p) or 0.
template <class T>
struct Dropout {
  uint64_t threshold;
  T kept;
  MOTE_HD void operator()(const PhiloxWords& words, T* out) const {
    for (int i = 0; i < 4; ++i) out[i] = words.word[i] >= threshold ? kept : T(0.0f);
  }
};

template <class T, int N, class Op>
__global__ void draw_dense(PhiloxSource source, Op op, int64_t count, T* out) {
  const int64_t step = int64_t{gridDim.x} * blockDim.x;
  for (int64_t call = int64_t{blockIdx.x} * blockDim.x + threadIdx.x; call * N < count; call += step) {
    Pack<T, N> numbers;
    op(source.words(call), numbers.value);
    if (call * N + N <= count) {
      reinterpret_cast<Pack<T, N>*>(out)[call] = numbers;
    } else {
      for (int i = 0; call * N + i < count; ++i) out[call * N + i] = numbers.value[i];
    }
  }
}

template <class T, int N, class Op>
__global__ void draw_strided(PhiloxSource source, Op op, StridedIndex<1> index, uint32_t count, int64_t first,
                             char* out) {
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    T numbers[N];
    op(source.words((first + i) / N), numbers);
    T number = numbers[0];
#pragma unroll
    for (int k = 1; k < N; ++k)
      if ((first + i) % N == k) number = numbers[k];
    *reinterpret_cast<T*>(out + index.offsets(i).at[0]) = number;
  }
}

// Generator::random64 of a device that draws by Philox.
__global__ void draw_seed(PhiloxSource source, uint64_t* out) {
  *out = uint64_t{source.words(0).word[0]} << 32 | source.words(1).word[0];
}

// Fills out with the N numbers that op makes of each call.
template <class T, int N, class Op>
void draw(const char* op_name, const Op& op, const View& out, Generator& generator) {
  const int64_t count = out.numel(), calls = ceil_div(count, int64_t{N});
  const PhiloxSource source = take_calls(generator, calls);
  if (is_packed<T>(out, N))
    return launch(op_name, strided_launch(calls, kPointwiseThreads, out.device), out.device, draw_dense<T, N, Op>,
                  source, op, count, out.as<T>());
  StridedParts<1>({out}, Order::RowMajor)
      .for_each([&](const auto& views, const auto& index, uint32_t positions, int64_t first) {
        launch(op_name, strided_launch(positions, kPointwiseThreads, out.device), out.device, draw_strided<T, N, Op>,
               source, op, index, positions, first, views[0].template as<char>());
      });
}

// --- whole numbers, which may be stored in any dtype ---

struct Below {
  static constexpr int kNumbers = 4;
  uint64_t threshold;  // p * 2^32
  MOTE_HD int64_t operator()(const PhiloxWords& words, int i) const { return words.word[i] < threshold ? 1 : 0; }
};

struct NarrowRange {
  static constexpr int kNumbers = 4;
  uint64_t low;
  uint32_t range;
  MOTE_HD int64_t operator()(const PhiloxWords& words, int i) const {
    return static_cast<int64_t>(words.word[i] % range + low);
  }
};

struct WideRange {
  static constexpr int kNumbers = 2;
  uint64_t low, range;
  MOTE_HD int64_t operator()(const PhiloxWords& words, int i) const {
    return static_cast<int64_t>(wide_word(words, i) % range + low);
  }
};

template <class Op>
__global__ void draw_integers(PhiloxSource source, Op op, StridedIndex<1> index, uint32_t count, int64_t first,
                              DType dtype, char* out) {
  const uint32_t step = gridDim.x * blockDim.x;
  for (uint32_t i = blockIdx.x * blockDim.x + threadIdx.x; i < count; i += step) {
    const PhiloxWords words = source.words((first + i) / Op::kNumbers);
    int64_t number = 0;
#pragma unroll
    for (int k = 0; k < Op::kNumbers; ++k)
      if ((first + i) % Op::kNumbers == k) number = op(words, k);
    store_as_any(out + index.offsets(i).at[0], dtype, number);
  }
}

template <class Op>
void draw_whole(const Op& op, const View& out, Generator& generator) {
  const PhiloxSource source = take_calls(generator, ceil_div(out.numel(), int64_t{Op::kNumbers}));
  StridedParts<1>({out}, Order::RowMajor)
      .for_each([&](const auto& views, const auto& index, uint32_t count, int64_t first) {
        launch("random", strided_launch(count, kPointwiseThreads, out.device), out.device, draw_integers<Op>, source,
               op, index, count, first, out.dtype, views[0].template as<char>());
      });
}

uint64_t threshold_of(double p) { return static_cast<uint64_t>(p * 0x1p32); }

void draw_range(const View& out, int64_t low, int64_t high, Generator& generator) {
  const auto base = static_cast<uint64_t>(low), range = static_cast<uint64_t>(high) - base;
  if (range < uint64_t{1} << 32)
    draw_whole(NarrowRange{base, static_cast<uint32_t>(range)}, out, generator);
  else
    draw_whole(WideRange{base, range}, out, generator);
}

}  // namespace

}  // namespace cuda

void CudaBackend::random(RandomOp op, const View& out, const Scalar& a, const Scalar& b, Generator& generator) {
  if (out.numel() == 0) return;
  if (op == RandomOp::Integer) return cuda::draw_range(out, a.to<int64_t>(), b.to<int64_t>(), generator);
  if (op == RandomOp::Bernoulli)
    return cuda::draw_whole(cuda::Below{cuda::threshold_of(a.to<double>())}, out, generator);
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      constexpr int N = cuda::kNumbers<T>;
      const C first = a.to<C>(), second = b.to<C>();
      if (op == RandomOp::Uniform)
        cuda::draw<T, N>("random", cuda::Uniform<T>{first, second - first}, out, generator);
      else if (op == RandomOp::Normal)
        cuda::draw<T, N>("random", cuda::Normal<T>{first, second}, out, generator);
      else
        cuda::draw<T, N>("random", cuda::Exponential<T>{first}, out, generator);
    }
  });
}

void CudaBackend::dropout_mask(const View& out, double p, Generator& generator) {
  if (out.numel() == 0) return;
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      const T kept = cast_to<T>(C(1) / static_cast<C>(1.0 - p));
      cuda::draw<T, 4>("dropout", cuda::Dropout<T>{cuda::threshold_of(p), kept}, out, generator);
    }
  });
}

void CudaBackend::dropout_seed(const View& out, Generator& generator) {
  cuda::launch("dropout", {dim3(1), dim3(1)}, out.device, cuda::draw_seed, cuda::take_calls(generator, 2),
               out.as<uint64_t>());
}

}  // namespace mote

// Draws from a Generator in PyTorch's order, one after the other; only what follows from a draw runs on threads. Scale
// and offset are one fused multiply-add, as in PyTorch's builds for AVX2 and later.
#include <cmath>
#include <numbers>

#include "cpu/cpu_backend.h"
#include "cpu/normal_kernels.h"
#include "cpu/strided_loop.h"
#include "mote/random.h"

namespace mote {

namespace {

using cpu::StridedLoop;

// Significant bits of T: as many of a random word make a uniform value.
template <class T>
inline constexpr int kDigits = std::is_same_v<T, Half>       ? 11
                               : std::is_same_v<T, BFloat16> ? 8
                               : std::is_same_v<T, float>    ? 24
                                                             : 53;

// Uniform in [0, 1), in the compute type of T.
template <class T>
compute_t<T> uniform01(Generator& generator) {
  if constexpr (std::is_same_v<T, double>)
    return static_cast<double>(generator.random64() & ((uint64_t{1} << 53) - 1)) * 0x1p-53;
  else
    return static_cast<float>(generator.random32() & ((uint32_t{1} << kDigits<T>)-1)) /
           static_cast<float>(uint32_t{1} << kDigits<T>);
}

// Box and Muller (1958), one value at a time; the second of each pair waits in the generator.
double standard_normal(Generator& generator) {
  if (const std::optional<double> next = generator.take_next_normal()) return *next;
  const double angle = 2.0 * std::numbers::pi * uniform01<double>(generator);
  const double radius = std::sqrt(-2.0 * std::log1p(-uniform01<double>(generator)));
  generator.set_next_normal(radius * std::sin(angle));
  return radius * std::cos(angle);
}

constexpr int64_t kBlock = 16;

// Turns blocks of 16 uniform values into normal ones, see normal_kernels.h. A 16-bit type is rounded after every step.
template <class T>
void normal_blocks(T* x, int64_t blocks, double mean, double std) {
  using C = compute_t<T>;
  const C offset = static_cast<C>(mean), factor = static_cast<C>(std);
  if constexpr (std::is_same_v<T, float>) return cpu::normal_from_uniform(x, blocks, offset, factor);
  const auto round = [](C value) { return cast_to<C>(cast_to<T>(value)); };
  const auto scaled = [&](C value) {
    if constexpr (std::is_same_v<C, T>)
      return std::fma(value, factor, offset);
    else
      return cast_to<T>(round(round(value) * factor) + offset);
  };
  for (T* const end = x + blocks * kBlock; x != end; x += kBlock)
    for (int64_t i = 0; i < kBlock / 2; ++i) {
      const C radius = round(std::sqrt(round(C(-2) * round(std::log(round(C(1) - cast_to<C>(x[i])))))));
      const C angle = round(C(2) * std::numbers::pi_v<C> * cast_to<C>(x[i + kBlock / 2]));
      x[i] = scaled(radius * round(std::cos(angle)));
      x[i + kBlock / 2] = scaled(radius * round(std::sin(angle)));
    }
}

// A dense array of at least 16 elements. Where their number is no multiple of 16, the last 16 are drawn again.
template <class T>
void normal_fill(T* x, int64_t size, double mean, double std, Generator& generator) {
  for (int64_t i = 0; i < size; ++i) x[i] = cast_to<T>(uniform01<T>(generator));
  cpu::parallel_for(size / kBlock, cpu::kScalarGrain / kBlock,
                    [&](int64_t begin, int64_t end) { normal_blocks(x + begin * kBlock, end - begin, mean, std); });
  if (size % kBlock == 0) return;
  T* const last = x + size - kBlock;
  for (int64_t i = 0; i < kBlock; ++i) last[i] = cast_to<T>(uniform01<T>(generator));
  normal_blocks(last, 1, mean, std);
}

// out[i] = next() in the order of memory.
template <class T, class Next>
void fill_each(const View& out, const Next& next) {
  const StridedLoop<1> loop({&out});
  loop.run(0, loop.numel, [&](const auto& data, const auto& strides, int64_t count) {
    char* at = data[0];
    for (int64_t i = 0; i < count; ++i, at += strides[0]) *reinterpret_cast<T*>(at) = cast_to<T>(next());
  });
}

template <class T>
void draw_integers(const View& out, int64_t low, int64_t high, Generator& generator) {
  const uint64_t base = static_cast<uint64_t>(low), range = static_cast<uint64_t>(high) - base;
  if (range >= uint64_t{1} << 32)
    fill_each<T>(out, [&] { return static_cast<int64_t>(generator.random64() % range + base); });
  else
    fill_each<T>(out, [&] { return static_cast<int64_t>(generator.random32() % range + base); });
}

template <class T>
void draw_floats(RandomOp op, const View& out, double a, double b, Generator& generator) {
  using C = compute_t<T>;
  if (op == RandomOp::Normal) {
    if (out.numel() >= kBlock && out.is_contiguous())
      normal_fill(out.as<T>(), out.numel(), a, b, generator);
    else
      fill_each<T>(out, [&] { return std::fma(standard_normal(generator), b, a); });
  } else if (op == RandomOp::Exponential) {
    fill_each<T>(out, [&] { return -1.0 / a * std::log(1.0 - uniform01<double>(generator)); });
  } else {
    const C low = static_cast<C>(a), width = static_cast<C>(b) - low;
    fill_each<T>(out, [&] { return std::fma(uniform01<T>(generator), width, low); });
  }
}

}  // namespace

void CpuBackend::random(RandomOp op, const View& out, const Scalar& a, const Scalar& b, Generator& generator) {
  if (out.numel() == 0) return;
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if (op == RandomOp::Integer) return draw_integers<T>(out, a.to<int64_t>(), b.to<int64_t>(), generator);
    if (op == RandomOp::Bernoulli)
      return fill_each<T>(out, [&, p = a.to<double>()] { return uniform01<double>(generator) < p; });
    if constexpr (is_floating_point(dtype_of<T>)) draw_floats<T>(op, out, a.to<double>(), b.to<double>(), generator);
  });
}

void CpuBackend::dropout_mask(const View& out, double p, Generator& generator) {
  if (out.numel() == 0) return;
  dispatch(out.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    if constexpr (is_floating_point(dtype_of<T>)) {
      using C = compute_t<T>;
      const C kept = C(1) / static_cast<C>(1.0 - p);
      // A product instead of a branch, which nobody could predict.
      fill_each<T>(out, [&] { return kept * static_cast<C>(uniform01<double>(generator) < 1.0 - p); });
    }
  });
}

}  // namespace mote

// Random numbers. On the CPU a Generator gives PyTorch's stream, number for number: the same seed and the same calls
// give the same tensors. On another device the numbers are a pure function of the seed and of how many were drawn
// before, so that all can be drawn at once.
#pragma once

#include <array>
#include <optional>
#include <utility>

#include "mote/tensor.h"

namespace mote {

// The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998), as std::mt19937, with its state in the open.
class Mt19937 {
 public:
  static constexpr int kSize = 624;

  explicit Mt19937(uint32_t seed = 5489);

  uint32_t operator()() {
    if (position == kSize) refill();
    uint32_t y = words[static_cast<size_t>(position++)];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
  }

  std::array<uint32_t, kSize> words;
  int position = kSize;  // of the next word; kSize where all are used up

 private:
  void refill();
};

// A stream of random numbers for the tensors of one device: MT19937 on the CPU, Philox 4x32-10 (Salmon et al. 2011)
// elsewhere. Not synchronised: threads that draw at once need their own.
class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;  // PyTorch's

  explicit Generator(uint64_t seed = kDefaultSeed, Device device = {}) : device_(device) { manual_seed(seed); }

  Device device() const { return device_; }
  // Starts the stream anew. On the CPU it depends on the low 32 bits of the seed.
  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const { return seed_; }

  uint32_t random32() { return device_.is_cpu() ? engine_() : philox_word(); }
  uint64_t random64() {
    const uint64_t high = random32();
    return high << 32 | random32();
  }
  // For a device that draws by Philox: the first of `calls` counters, which are nobody else's from now on. The words of
  // a call are philox4x32(initial_seed(), counter, 0).
  uint64_t take_counters(uint64_t calls) { return std::exchange(counter_, counter_ + calls); }
  // The second value of a Box-Muller pair, kept for the next call; on the CPU only.
  std::optional<double> take_next_normal() { return std::exchange(next_normal_, std::nullopt); }
  void set_next_normal(double value) {
    if (device_.is_cpu()) next_normal_ = value;
  }

  // The whole state as a uint8 tensor on the CPU, and back. On the CPU these are the bytes of torch.get_rng_state();
  // elsewhere 16, the seed and the next counter. Throws DTypeError, ShapeError or ValueError for what is no such state.
  Tensor state() const;
  void set_state(const Tensor& state);

 private:
  uint32_t philox_word();

  Device device_;
  Mt19937 engine_;
  uint64_t seed_ = 0, counter_ = 0;
  std::optional<double> next_normal_;
};

// The generator that is used for tensors of `device` where none is given; one that is given must be of their device, or
// it is a DeviceError.
Generator& default_generator(Device device = {});
// Seeds the default generators of all devices.
void manual_seed(uint64_t seed);
// The state of the default generator of `device`, and back.
Tensor get_rng_state(Device device = {});
void set_rng_state(const Tensor& state, Device device = {});

// Uniform in [0, 1).
Tensor rand(const Shape& shape, const TensorOptions& options = {}, Generator* generator = nullptr,
            SourceLocation where = SourceLocation::current());
// Standard normal.
Tensor randn(const Shape& shape, const TensorOptions& options = {}, Generator* generator = nullptr,
             SourceLocation where = SourceLocation::current());
// Integers in [low, high); int64.
Tensor randint(int64_t high, const Shape& shape, const TensorOptions& options = {}, Generator* generator = nullptr,
               SourceLocation where = SourceLocation::current());
Tensor randint(int64_t low, int64_t high, const Shape& shape, const TensorOptions& options = {},
               Generator* generator = nullptr, SourceLocation where = SourceLocation::current());
// 0 … n-1 in random order; int64.
Tensor randperm(int64_t n, const TensorOptions& options = {}, Generator* generator = nullptr,
                SourceLocation where = SourceLocation::current());
Tensor rand_like(const Tensor& x, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
Tensor randn_like(const Tensor& x, const TensorOptions& options = {}, SourceLocation where = SourceLocation::current());
// 1 with the probability that p holds at each place, else 0.
Tensor bernoulli(const Tensor& p, Generator* generator = nullptr);
// `num_samples` column numbers from each row of weights, [n] or [rows, n] -> [..., num_samples], int64.
Tensor multinomial(const Tensor& weights, int64_t num_samples, bool replacement = false,
                   Generator* generator = nullptr);

}  // namespace mote

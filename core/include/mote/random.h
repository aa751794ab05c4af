// Random numbers. On the CPU a Generator gives PyTorch's stream, number for number: the same seed and the same calls
// give the same tensors.
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

// A stream of random numbers. Not synchronised: threads that draw at once need their own.
class Generator {
 public:
  static constexpr uint64_t kDefaultSeed = 67280421310721;  // PyTorch's

  explicit Generator(uint64_t seed = kDefaultSeed) { manual_seed(seed); }

  // Starts the stream anew. It depends on the low 32 bits of the seed.
  void manual_seed(uint64_t seed);
  uint64_t initial_seed() const { return seed_; }

  uint32_t random32() { return engine_(); }
  uint64_t random64() {
    const uint64_t high = random32();
    return high << 32 | random32();
  }
  // The second value of a Box-Muller pair, kept for the next call.
  std::optional<double> take_next_normal() { return std::exchange(next_normal_, std::nullopt); }
  void set_next_normal(double value) { next_normal_ = value; }

  // The whole state as a uint8 tensor on the CPU, and back, in the bytes of torch.get_rng_state(). Throws DTypeError,
  // ShapeError or ValueError for what is no such state.
  Tensor state() const;
  void set_state(const Tensor& state);

 private:
  Mt19937 engine_;
  uint64_t seed_ = 0;
  std::optional<double> next_normal_;
};

// The generator that is used where none is given.
Generator& default_generator();
void manual_seed(uint64_t seed);
Tensor get_rng_state();
void set_rng_state(const Tensor& state);

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

// The stream of random numbers behind a Generator, and its state as bytes.
#include <cstddef>
#include <cstring>
#include <map>
#include <mutex>

#include <fmt/format.h>

#include "mote/error.h"
#include "mote/philox.h"
#include "mote/random.h"
#include "mote/recording.h"
#include "ops/support.h"

namespace mote {

Mt19937::Mt19937(uint32_t seed) {
  words[0] = seed;
  for (uint32_t i = 1; i < kSize; ++i) words[i] = 1812433253u * (words[i - 1] ^ (words[i - 1] >> 30)) + i;
}

void Mt19937::refill() {
  constexpr int kShift = 397;
  const auto mix = [this](int i, int next, int far) {
    const uint32_t y = (words[i] & 0x80000000u) | (words[next] & 0x7fffffffu);
    words[i] = words[far] ^ (y >> 1) ^ ((0u - (y & 1u)) & 0x9908b0dfu);
  };
  for (int i = 0; i < kSize - kShift; ++i) mix(i, i + 1, i + kShift);
  for (int i = kSize - kShift; i < kSize - 1; ++i) mix(i, i + 1, i + kShift - kSize);
  mix(kSize - 1, 0, kShift - 1);
  position = 0;
}

void Generator::manual_seed(uint64_t seed) {
  if (device_.is_cuda()) refuse_to_record("manual_seed", "a replay goes on with the random numbers; seed before it");
  engine_ = Mt19937(static_cast<uint32_t>(seed));
  seed_ = seed;
  counter_ = 0;
  next_normal_.reset();
}

uint32_t Generator::philox_word() { return philox4x32(seed_, take_counters(1), 0).word[0]; }

namespace {

// The state of PyTorch's CPU generator, byte for byte, so that either library reads the other's.
struct StateBytes {
  uint64_t seed = 0;
  int32_t left = 1;  // words until the next refill, plus one
  int32_t seeded = 1;
  uint64_t next = 0;
  uint64_t words[Mt19937::kSize] = {};
  double normal_x = 0.0;
  double normal_y = 0.0;  // the second value of a Box-Muller pair
  double normal_rho = 0.0;
  int32_t has_normal = 0;
  int32_t padding = 0;
  float next_float_normal = 0.0F;  // PyTorch's second cache, which its CPU functions leave empty
  uint8_t has_float_normal = 0;
  uint8_t tail[3] = {};
};
static_assert(sizeof(StateBytes) == 5056 && offsetof(StateBytes, has_float_normal) == 5052);

// The state of a generator of another device.
struct PhiloxBytes {
  uint64_t seed = 0;
  uint64_t counter = 0;
};

template <class Bytes>
Tensor tensor_of(const Bytes& bytes) {
  Tensor state = make_result("get_rng_state", {static_cast<int64_t>(sizeof(bytes))}, DType::UInt8, Device());
  std::memcpy(data_of(state), &bytes, sizeof(bytes));
  return state;
}

template <class Bytes>
Bytes bytes_of(const Tensor& state) {
  constexpr auto size = static_cast<int64_t>(sizeof(Bytes));
  check_dtype("set_rng_state", "state", state, DType::UInt8);
  if (state.shape() != Shape({size}))
    throw ShapeError(fmt::format("set_rng_state: expected the {} bytes of a generator's state, but got shape {}", size,
                                 state.shape().str()));
  if (!state.device().is_cpu())
    throw DeviceError(fmt::format("set_rng_state: expected the state on cpu, but got it on {}; move it with .cpu()",
                                  state.device().str()));
  Bytes bytes;
  for (int64_t i = 0; i < size; ++i)
    reinterpret_cast<uint8_t*>(&bytes)[i] = static_cast<const uint8_t*>(data_of(state))[i * state.stride(0)];
  return bytes;
}

}  // namespace

Tensor Generator::state() const {
  if (!device_.is_cpu()) return tensor_of(PhiloxBytes{seed_, counter_});
  StateBytes bytes;
  bytes.seed = seed_;
  bytes.left = Mt19937::kSize + 1 - engine_.position;
  bytes.next = static_cast<uint64_t>(engine_.position);
  for (size_t i = 0; i < Mt19937::kSize; ++i) bytes.words[i] = engine_.words[i];
  bytes.normal_y = next_normal_.value_or(0.0);
  bytes.has_normal = next_normal_.has_value();
  return tensor_of(bytes);
}

void Generator::set_state(const Tensor& state) {
  if (!device_.is_cpu()) {
    const auto bytes = bytes_of<PhiloxBytes>(state);
    seed_ = bytes.seed;
    counter_ = bytes.counter;
    return;
  }
  const auto bytes = bytes_of<StateBytes>(state);
  if (bytes.seeded != 1 || bytes.left < 1 || bytes.left > Mt19937::kSize || bytes.next > Mt19937::kSize ||
      (bytes.left > 1 && bytes.next + static_cast<uint64_t>(bytes.left) != Mt19937::kSize + 1))
    throw ValueError("set_rng_state: these bytes are not the state of a generator");
  seed_ = bytes.seed;
  engine_.position = bytes.left == 1 ? Mt19937::kSize : static_cast<int>(bytes.next);
  for (size_t i = 0; i < Mt19937::kSize; ++i) engine_.words[i] = static_cast<uint32_t>(bytes.words[i]);
  next_normal_ = bytes.has_normal ? std::optional<double>(bytes.normal_y) : std::nullopt;
}

namespace {

// The default generators of all devices but the CPU, each made when it is first asked for.
class DeviceGenerators {
 public:
  Generator& of(Device device) {
    const std::lock_guard lock(mutex_);
    return generators_.try_emplace(device.index(), seed_, device).first->second;
  }
  void manual_seed(uint64_t seed) {
    const std::lock_guard lock(mutex_);
    seed_ = seed;
    for (auto& [index, generator] : generators_) generator.manual_seed(seed);
  }

 private:
  std::mutex mutex_;
  uint64_t seed_ = Generator::kDefaultSeed;
  std::map<int, Generator> generators_;
};

DeviceGenerators& device_generators() {
  static DeviceGenerators generators;
  return generators;
}

}  // namespace

Generator& default_generator(Device device) {
  if (device.is_cuda()) return device_generators().of(device);
  static Generator generator;
  return generator;
}

Generator& generator_for(const char* op, Device device, Generator* generator) {
  if (!generator) return default_generator(device);
  if (!device.is_meta() && generator->device() != device)
    throw DeviceError(
        fmt::format("{}: expected a generator of {}, but got one of {}; make it with "
                    "Generator(seed, \"{}\")",
                    op, device.str(), generator->device().str(), device.str()));
  return *generator;
}

void manual_seed(uint64_t seed) {
  default_generator().manual_seed(seed);
  device_generators().manual_seed(seed);
}
Tensor get_rng_state(Device device) { return default_generator(device).state(); }
void set_rng_state(const Tensor& state, Device device) { default_generator(device).set_state(state); }

}  // namespace mote

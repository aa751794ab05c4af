// The wrappers of single instructions against what the PTX ISA says of them. All values are small integers, so that
// every result is exact: this runs in the simulator and, unchanged, on a GPU.
#include <cmath>
#include <limits>
#include <vector>

#include "cuda/ptx_kernels.h"
#include "mote/backend.h"
#include "mote/cuda.h"
#include "support/catch.h"

namespace mote {

namespace {

constexpr int kLanes = 32;

// Device memory with a copy of `values`.
template <class T>
class DeviceArray {
 public:
  explicit DeviceArray(const std::vector<T>& values) : count_(values.size()) {
    data_ = static_cast<T*>(backend().allocate(bytes(), 0));
    backend().copy_from_host(data_, values.data(), bytes(), 0);
  }
  explicit DeviceArray(size_t count) : DeviceArray(std::vector<T>(count)) {}
  ~DeviceArray() { backend().deallocate(data_, bytes(), 0); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* get() const { return data_; }
  std::vector<T> host() const {
    std::vector<T> values(count_);
    backend().copy_to_host(values.data(), data_, bytes(), 0);
    return values;
  }

 private:
  static Backend& backend() { return backend_of(Device("cuda")); }
  size_t bytes() const { return count_ * sizeof(T); }

  T* data_;
  size_t count_;
};

// Integers from -3 to 3 without a short period.
float small_integer(size_t i) { return static_cast<float>((i * i * 5 + i * 3 + i / 7) % 7) - 3.0F; }

template <class T>
void check_mma() {
  std::vector<T> a(256), b(128);
  std::vector<float> d(128), expected(128);
  for (size_t i = 0; i < a.size(); ++i) a[i] = T(small_integer(i));
  for (size_t i = 0; i < b.size(); ++i) b[i] = T(small_integer(i + 1000));
  for (size_t i = 0; i < d.size(); ++i) d[i] = 100 * small_integer(i + 2000);
  for (size_t r = 0; r < 16; ++r)
    for (size_t c = 0; c < 8; ++c) {
      expected[r * 8 + c] = d[r * 8 + c];
      for (size_t k = 0; k < 16; ++k)
        expected[r * 8 + c] += static_cast<float>(a[r * 16 + k]) * static_cast<float>(b[k * 8 + c]);
    }
  const DeviceArray<T> left(a), right(b);
  const DeviceArray<float> sums(d);
  test::run_mma<T>(left.get(), right.get(), sums.get());
  CHECK(sums.host() == expected);
}

template <class T>
void check_pack(float tie, float even) {
  std::vector<float> values(2 * kLanes);
  for (size_t i = 0; i < values.size(); ++i) values[i] = small_integer(i) * static_cast<float>(i);
  values[0] = tie;
  values[1] = -tie;
  values[2] = std::numeric_limits<float>::infinity();
  values[3] = -0.0F;
  const DeviceArray<float> in(values);
  const DeviceArray<uint32_t> out(kLanes);
  test::run_pack<T>(in.get(), out.get());
  const std::vector<uint32_t> packed = out.host();
  values[0] = even;
  values[1] = -even;
  for (size_t i = 0; i < values.size(); ++i) CHECK((packed[i / 2] >> 16 * (i % 2) & 0xffff) == T(values[i]).bits);
}

}  // namespace

TEST_CASE("cp.async copies, fills up with zeros, and waits for its groups") {
  std::vector<uint32_t> values(256), bytes(kLanes);
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint32_t>(i + 1);
  for (size_t lane = 0; lane < kLanes; ++lane) bytes[lane] = static_cast<uint32_t>(lane % 5 * 4);
  const DeviceArray<uint32_t> in(values), sizes(bytes), out(256);
  test::run_cp_async(in.get(), sizes.get(), out.get());
  for (size_t i = 0; i < 128; ++i)
    if (i % 4 * 4 >= bytes[i / 4]) values[i] = 0;
  CHECK(out.host() == values);
}

TEST_CASE("ldmatrix hands out rows, or columns, of 8 x 8 matrices") {
  for (const size_t count : {size_t{2}, size_t{4}})
    for (const bool transposed : {false, true}) {
      std::vector<uint16_t> values(64 * count);
      for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<uint16_t>(i);
      const DeviceArray<uint16_t> in(values);
      const DeviceArray<uint32_t> out(kLanes * count);
      test::run_ldmatrix(in.get(), static_cast<int>(count), transposed, out.get());
      std::vector<uint32_t> expected;
      for (uint32_t lane = 0; lane < kLanes; ++lane)
        for (uint32_t matrix = 0; matrix < count; ++matrix) {
          const uint32_t g = lane / 4, t = lane % 4, first = 64 * matrix;
          const uint32_t low = transposed ? 2 * t * 8 + g : g * 8 + 2 * t, step = transposed ? 8 : 1;
          expected.push_back((first + low) | (first + low + step) << 16);
        }
      CHECK(out.host() == expected);
    }
}

TEST_CASE("mma.sync multiplies 16 x 16 by 16 x 8 and adds") {
  check_mma<Half>();
  check_mma<BFloat16>();
}

TEST_CASE("packed conversions round to nearest, ties to even") {
  check_pack<Half>(2049.0F, 2048.0F);
  check_pack<BFloat16>(257.0F, 256.0F);
}

TEST_CASE("a load at its place gives all 64 bits") {
  std::vector<uint64_t> values(kLanes);
  for (size_t i = 0; i < kLanes; ++i) values[i] = 0x0123456789abcdefULL * (2 * i + 1);
  const DeviceArray<uint64_t> in(values), out(kLanes);
  test::run_load_here(in.get(), out.get());
  CHECK(out.host() == values);
}

TEST_CASE("ex2 gives whole powers of two") {
  std::vector<float> exponents(kLanes), expected(kLanes);
  for (size_t i = 0; i < kLanes; ++i) {
    exponents[i] = 4 * small_integer(i) - static_cast<float>(i);
    expected[i] = std::ldexp(1.0F, static_cast<int>(exponents[i]));
  }
  exponents[0] = -std::numeric_limits<float>::infinity();
  expected[0] = 0.0F;
  exponents[1] = std::numeric_limits<float>::infinity();
  expected[1] = std::numeric_limits<float>::infinity();
  const DeviceArray<float> in(exponents), out(kLanes);
  test::run_ex2(in.get(), out.get());
  CHECK(out.host() == expected);
}

}  // namespace mote

// Copies of transposed arrays, which go through tiles, and copies so large that they go past the caches.
#include <cstring>

#include "mote/core.h"
#include "support/catch.h"

namespace mote::testing {

namespace {

// Whether y[j][i] has the bits of x[i][j], for matrices of elements of type T.
template <class T>
bool is_transposed(const Tensor& x, const Tensor& y) {
  const int64_t rows = x.size(0), columns = x.size(1);
  const T *from = static_cast<const T*>(x.data_ptr()), *to = static_cast<const T*>(y.data_ptr());
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      if (from[i * columns + j] != to[j * rows + i]) return false;
  return true;
}

template <class T>
void check_sizes(DType dtype) {
  for (int64_t rows : {8, 9, 31, 64, 65, 128, 257})
    for (int64_t columns : {8, 15, 63, 64, 129, 300}) {
      CAPTURE(name_of(dtype), rows, columns);
      const Tensor x = arange(rows * columns).to(dtype).reshape({rows, columns});
      CHECK(is_transposed<T>(x, x.transpose(0, 1).contiguous()));
    }
}

}  // namespace

TEST_CASE("transposed copies of any size, for elements of 1, 2, 4 and 8 bytes") {
  check_sizes<uint8_t>(uint8);
  check_sizes<uint16_t>(bfloat16);
  check_sizes<uint32_t>(float32);
  check_sizes<uint32_t>(int32);
  check_sizes<uint64_t>(float64);
}

TEST_CASE("transposed copies keep the outer dimensions apart") {
  const Tensor x = arange(3 * 70 * 90).to(float32).reshape({3, 70, 90});
  const Tensor y = x.transpose(1, 2).contiguous();
  for (int64_t k = 0; k < 3; ++k) CHECK(is_transposed<uint32_t>(x[k].clone(), y[k].clone()));
}

// Rows of the result are whole lines of the cache; tiles at the edges are cut in both directions.
TEST_CASE("transposed copies beyond the caches") {
  const int threads = get_num_threads();
  for (const int count : {1, 2, 4}) {
    CAPTURE(count);
    set_num_threads(count);
    for (int64_t columns : {3008, 3001}) {
      const Tensor x = arange(3024 * columns).to(int32).reshape({3024, columns});
      CHECK(is_transposed<uint32_t>(x, x.transpose(0, 1).contiguous()));
    }
    const Tensor wide = arange(2056 * 2072).to(float64).reshape({2056, 2072});
    CHECK(is_transposed<uint64_t>(wide, wide.transpose(0, 1).contiguous()));
    const Tensor narrow = arange(4128 * 4200).to(bfloat16).reshape({4128, 4200});
    CHECK(is_transposed<uint16_t>(narrow, narrow.transpose(0, 1).contiguous()));
    // A part of a larger matrix, in several of them.
    const Tensor parts = arange(2 * 2064 * 2090).to(int32).reshape({2, 2064, 2090}).slice(2, 3, 2085);
    const Tensor turned = parts.transpose(1, 2).contiguous();
    for (int64_t k = 0; k < 2; ++k) CHECK(is_transposed<uint32_t>(parts[k].clone(), turned[k].clone()));
  }
  set_num_threads(threads);
}

TEST_CASE("copies beyond the caches") {
  const Tensor x = arange(3001 * 3003).to(float32).reshape({3001, 3003});
  CHECK(is_transposed<uint32_t>(x, x.transpose(0, 1).contiguous()));
  const Tensor from = x.reshape({-1}).slice(0, 1, std::nullopt, 1), y = from.clone();
  CHECK(std::memcmp(from.data_ptr(), y.data_ptr(), static_cast<size_t>(y.numel()) * 4) == 0);
}

}  // namespace mote::testing

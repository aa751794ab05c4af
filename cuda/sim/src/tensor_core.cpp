#include "simt/tensor_core.h"

#include <cstring>

#include "block.h"
#include "checker.h"

namespace simt {

namespace {

constexpr int kLanes = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

// What a lane brings to ldmatrix.
struct MatrixLoad {
  uint32_t* registers;
  const unsigned char* row;
};

template <int kCount, bool kTransposed>
void load(void* const* lanes, unsigned) {
  for (int matrix = 0; matrix < kCount; ++matrix)
    for (int lane = 0; lane < kLanes; ++lane) {
      const int g = lane / 4, t = lane % 4;
      uint16_t pair[2];
      for (int i = 0; i < 2; ++i) {
        const int row = kTransposed ? 2 * t + i : g, column = kTransposed ? g : 2 * t + i;
        std::memcpy(&pair[i], static_cast<MatrixLoad*>(lanes[8 * matrix + row])->row + 2 * column, 2);
      }
      static_cast<MatrixLoad*>(lanes[lane])->registers[matrix] = pair[0] | static_cast<uint32_t>(pair[1]) << 16;
    }
}

// What a lane brings to mma.sync.
struct Product {
  float* d;
  const uint32_t* a;
  const uint32_t* b;
  float (*widen)(uint16_t);
};

void multiply(void* const* lanes, unsigned) {
  float a[16][16], b[16][8], d[16][8] = {};
  for (int lane = 0; lane < kLanes; ++lane) {
    const Product& mine = *static_cast<Product*>(lanes[lane]);
    const int g = lane / 4, t = lane % 4;
    const auto half = [&](uint32_t packed, int i) { return mine.widen(static_cast<uint16_t>(packed >> 16 * i)); };
    for (int r = 0; r < 4; ++r)
      for (int i = 0; i < 2; ++i) a[g + r % 2 * 8][2 * t + i + r / 2 * 8] = half(mine.a[r], i);
    for (int r = 0; r < 2; ++r)
      for (int i = 0; i < 2; ++i) b[2 * t + i + r * 8][g] = half(mine.b[r], i);
  }
  for (int row = 0; row < 16; ++row)
    for (int k = 0; k < 16; ++k)
      for (int column = 0; column < 8; ++column) d[row][column] += a[row][k] * b[k][column];
  for (int lane = 0; lane < kLanes; ++lane) {
    const Product& mine = *static_cast<Product*>(lanes[lane]);
    for (int i = 0; i < 4; ++i) mine.d[i] += d[lane / 4 + i / 2 * 8][lane % 4 * 2 + i % 2];
  }
}

}  // namespace

void load_matrices(uint32_t* registers, int count, const void* row, bool transposed, Place place) {
  if (static_cast<int>(self.lane) < 8 * count) {
    if (shared_offset(row) % 16 != 0) device_fail("ldmatrix: the address of a row is no multiple of 16");
    checker_access(row, 16, false, __builtin_return_address(0));
  }
  MatrixLoad mine{registers, static_cast<const unsigned char*>(row)};
  const Combine combine =
      count == 4 ? (transposed ? load<4, true> : load<4, false>) : (transposed ? load<2, true> : load<2, false>);
  warp_collective(kAllLanes, combine, &mine, "ldmatrix", false, place);
}

void multiply_accumulate(float* d, const uint32_t* a, const uint32_t* b, float (*widen)(uint16_t), Place place) {
  Product mine{d, a, b, widen};
  warp_collective(kAllLanes, multiply, &mine, "mma.sync", false, place);
}

}  // namespace simt

#include "mote/shape.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "mote/error.h"

namespace mote {

void Shape::throw_rank(int64_t rank) {
  throw ShapeError(fmt::format("a tensor has at most {} dimensions, but got {}", kMaxRank, rank));
}

int64_t Shape::zero_or_throw() const {
  if (std::find(begin(), end(), 0) != end()) return 0;
  throw ShapeError(fmt::format("a tensor has at most 2^63 - 1 elements, but shape {} asks for more", str()));
}

std::string Shape::str() const { return fmt::format("[{}]", fmt::join(begin(), end(), ", ")); }

Shape contiguous_strides(const Shape& shape) {
  Shape strides = Shape::filled(shape.rank(), 1);
  for (int i = shape.rank() - 2; i >= 0; --i) strides[i] = strides[i + 1] * std::max<int64_t>(shape[i + 1], 1);
  return strides;
}

bool is_contiguous(const Shape& shape, const Shape& strides) {
  if (shape.numel() == 0) return true;
  int64_t expected = 1;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    if (shape[i] == 1) continue;
    if (strides[i] != expected) return false;
    expected *= shape[i];
  }
  return true;
}

Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = std::max(a.rank(), b.rank());
  Shape result = Shape::filled(rank, 1);
  for (int i = 1; i <= rank; ++i) {
    const int64_t left = i <= a.rank() ? a[a.rank() - i] : 1;
    const int64_t right = i <= b.rank() ? b[b.rank() - i] : 1;
    if (left != right && left != 1 && right != 1)
      throw ShapeError(fmt::format("{}: shapes {} and {} do not broadcast: size {} against {} at dimension {}", op,
                                   a.str(), b.str(), left, right, rank - i));
    result[rank - i] = left == 1 ? right : left;
  }
  return result;
}

Shape broadcast_strides(const Shape& shape, const Shape& strides, const Shape& target) {
  const int lead = target.rank() - shape.rank();
  Shape result = Shape::filled(target.rank(), 0);
  for (int i = 0; i < shape.rank(); ++i) result[lead + i] = shape[i] == 1 && target[lead + i] != 1 ? 0 : strides[i];
  return result;
}

int64_t wrap_dim(const char* op, int64_t dim, int64_t rank) {
  const int64_t range = std::max<int64_t>(rank, 1);
  if (dim < -range || dim >= range)
    throw IndexError(
        fmt::format("{}: dimension out of range: expected to be in [{}, {}], but got {}", op, -range, range - 1, dim));
  return dim < 0 ? dim + range : dim;
}

}  // namespace mote

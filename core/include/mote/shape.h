// Sizes and strides: up to kMaxRank 64-bit integers, stored inline.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

namespace mote {

inline constexpr int kMaxRank = 8;

// A short list of integers; `Shape({2, 3})` is the size of a matrix. Also used for strides and lists of dimensions.
// It is held by value, so that tensors, views and gradient rules need no allocation for it.
class Shape {
 public:
  Shape() = default;
  // Only what is in use. A copy of the whole in wide registers would wait for the narrow stores of the single sizes.
  Shape(const Shape& other) : rank_(other.rank_) { copy_sizes(other.sizes_); }
  Shape& operator=(const Shape& other) {
    rank_ = other.rank_;
    copy_sizes(other.sizes_);
    return *this;
  }
  Shape(std::initializer_list<int64_t> sizes) : Shape(sizes.begin(), static_cast<int64_t>(sizes.size())) {}
  Shape(const std::vector<int64_t>& sizes) : Shape(sizes.data(), static_cast<int64_t>(sizes.size())) {}
  // Throws ShapeError for more than kMaxRank dimensions.
  Shape(const int64_t* sizes, int64_t rank) {
    if (rank > kMaxRank) throw_rank(rank);
    rank_ = static_cast<int>(rank);
    copy_sizes(sizes);
  }
  // `rank` times `value`.
  static Shape filled(int rank, int64_t value) {
    Shape shape;
    if (rank > kMaxRank) throw_rank(rank);
    shape.rank_ = rank;
    for (int i = 0; i < rank; ++i) shape.sizes_[i] = value;
    return shape;
  }

  int rank() const { return rank_; }
  int64_t size() const { return rank_; }
  bool empty() const { return rank_ == 0; }
  int64_t operator[](int64_t i) const { return sizes_[i]; }
  int64_t& operator[](int64_t i) { return sizes_[i]; }
  int64_t back() const { return sizes_[rank_ - 1]; }
  const int64_t* data() const { return sizes_; }
  const int64_t* begin() const { return sizes_; }
  const int64_t* end() const { return sizes_ + rank_; }
  int64_t* begin() { return sizes_; }
  int64_t* end() { return sizes_ + rank_; }

  void push_back(int64_t size) { insert(rank_, size); }
  void insert(int64_t position, int64_t size) {
    if (rank_ == kMaxRank) throw_rank(rank_ + 1);
    for (int i = rank_; i > position; --i) sizes_[i] = sizes_[i - 1];
    sizes_[position] = size;
    ++rank_;
  }
  void erase(int64_t position) {
    --rank_;
    for (int64_t i = position; i < rank_; ++i) sizes_[i] = sizes_[i + 1];
  }

  // The product of the sizes; 1 for rank 0. Throws ShapeError where it does not fit into an int64_t.
  int64_t numel() const {
    int64_t n = 1;
    bool fits = true;
    for (int i = 0; i < rank_; ++i) fits &= !__builtin_mul_overflow(n, sizes_[i], &n);
    return fits ? n : zero_or_throw();
  }

  std::vector<int64_t> vec() const { return {begin(), end()}; }
  std::string str() const;  // "[2, 3]"

  friend bool operator==(const Shape& a, const Shape& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a.sizes_[i] != b.sizes_[i]) return false;
    return true;
  }

 private:
  [[noreturn]] static void throw_rank(int64_t rank);
  void copy_sizes(const int64_t* sizes) {
    for (int i = 0; i < rank_; ++i) sizes_[i] = sizes[i];
  }
  // numel() of sizes whose product overflows on the way: 0 where one of them is.
  int64_t zero_or_throw() const;

  int rank_ = 0;
  int64_t sizes_[kMaxRank] = {};
};

// Steps, in elements, of a dense row-major tensor of this shape.
Shape contiguous_strides(const Shape& shape);

// True where elements follow one another in row-major order (dimensions of size 1 may have any stride).
bool is_contiguous(const Shape& shape, const Shape& strides);

// The common shape of two operands under broadcasting. Throws ShapeError naming `op` and both shapes.
Shape broadcast_shapes(const char* op, const Shape& a, const Shape& b);

// Strides that make a tensor of `shape` and `strides` look like `target`: 0 along each broadcast dimension.
Shape broadcast_strides(const Shape& shape, const Shape& strides, const Shape& target);

// Brings `dim` in [-rank, rank) to [0, rank); rank 0 accepts -1 and 0. Throws IndexError naming `op`.
int64_t wrap_dim(const char* op, int64_t dim, int64_t rank);

}  // namespace mote

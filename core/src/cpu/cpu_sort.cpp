// sort and topk on the CPU. A value becomes an unsigned key that orders as the value does, inverted for descending
// order; the key with its position beside it makes every order stable. Lines of up to kRadixMin values are sorted by
// comparison, longer ones by radix, least significant digit first. topk goes through a line once and keeps those below
// the k-th smallest key so far.
#include <algorithm>
#include <array>
#include <utility>

#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"
#include "cpu/scratch.h"
#include "mote/error.h"
#include "mote/sort_key.h"

namespace mote {

namespace {

constexpr int64_t kRadixMin = 512;

template <class T>
using key_t = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;

// A key and its position, ordered by both.
template <class Key>
struct Entry {
  Key key_;
  uint32_t position_;

  Entry() = default;
  Entry(Key key, int64_t position) : key_(key), position_(static_cast<uint32_t>(position)) {}
  Key key() const { return key_; }
  int64_t position() const { return position_; }
  friend bool operator<(const Entry& a, const Entry& b) {
    return a.key_ != b.key_ ? a.key_ < b.key_ : a.position_ < b.position_;
  }
};

// In one word, so that one comparison does.
template <>
struct Entry<uint32_t> {
  uint64_t bits;

  Entry() = default;
  Entry(uint32_t key, int64_t position) : bits(uint64_t{key} << 32 | static_cast<uint32_t>(position)) {}
  uint32_t key() const { return static_cast<uint32_t>(bits >> 32); }
  int64_t position() const { return static_cast<int64_t>(bits & UINT32_MAX); }
  friend bool operator<(const Entry& a, const Entry& b) { return a.bits < b.bits; }
};

// Stable; `scratch` has the size of `entries`.
template <class Key>
void radix_sort(cpu::ScratchVector<Entry<Key>>& entries, cpu::ScratchVector<Entry<Key>>& scratch) {
  constexpr int kBits = 8, kDigits = 1 << kBits;
  for (int shift = 0; shift < static_cast<int>(8 * sizeof(Key)); shift += kBits) {
    const auto digit = [shift](const Entry<Key>& entry) { return (entry.key() >> shift) & Key{kDigits - 1}; };
    std::array<size_t, kDigits> counts{};
    for (const Entry<Key>& entry : entries) ++counts[digit(entry)];
    if (counts[digit(entries[0])] == entries.size()) continue;  // all agree in this digit
    size_t start = 0;
    for (size_t& count : counts) start += std::exchange(count, start);
    for (const Entry<Key>& entry : entries) scratch[counts[digit(entry)]++] = entry;
    entries.swap(scratch);
  }
}

// Lines along the last dimension, and where line i begins in an array of any strides.
struct Lines {
  int64_t count = 1, length;

  explicit Lines(const View& view) : length(view.shape.back()) {
    for (int d = 0; d + 1 < view.shape.rank(); ++d) count *= view.shape[d];
  }

  template <class T>
  static T* start(const View& view, int64_t line) {
    T* data = view.as<T>();
    for (int d = view.shape.rank() - 2; d >= 0; --d) {
      data += line % view.shape[d] * view.strides[d];
      line /= view.shape[d];
    }
    return data;
  }
};

// Keys of one line, inverted where the order is descending.
template <class T>
class KeyLine {
 public:
  KeyLine(const View& in, int64_t line, bool descending)
      : data_(Lines::start<const T>(in, line)), step_(in.strides.back()), flip_(descending ? ~key_t<T>{0} : 0) {}

  const T& value(int64_t i) const { return data_[i * step_]; }
  Entry<key_t<T>> entry(int64_t i) const { return {static_cast<key_t<T>>(sort_key(value(i)) ^ flip_), i}; }

 private:
  const T* data_;
  int64_t step_;
  key_t<T> flip_;
};

// Calls arrange(line, length, entries, scratch) for each line of `in`; it leaves the ordered entries at the beginning
// of `entries`, of which as many are written as `values` has room for.
template <class T, class Arrange>
void order_lines(const View& values, const View& indices, const View& in, bool descending, const Arrange& arrange) {
  const Lines lines(in);
  const int64_t kept = values.shape.back();
  const int64_t grain = std::max<int64_t>(cpu::kScalarGrain / std::max<int64_t>(lines.length, 1), 1);
  cpu::parallel_for(lines.count, grain, [&](int64_t begin, int64_t end) {
    cpu::ScratchVector<Entry<key_t<T>>> entries, scratch;
    for (int64_t i = begin; i < end; ++i) {
      const KeyLine<T> line(in, i, descending);
      arrange(line, lines.length, entries, scratch);
      T* value = Lines::start<T>(values, i);
      int64_t* index = Lines::start<int64_t>(indices, i);
      for (int64_t k = 0; k < kept; ++k) {
        const int64_t from = entries[static_cast<size_t>(k)].position();
        value[k * values.strides.back()] = line.value(from);
        index[k * indices.strides.back()] = from;
      }
    }
  });
}

// The k smallest entries of a line, in order. Candidates collect until there are twice as many as are wanted.
template <class T, class Entries>
void select_smallest(const KeyLine<T>& line, int64_t length, int64_t k, Entries& entries) {
  const auto wanted = static_cast<size_t>(k), room = 2 * wanted + 64;
  entries.clear();
  entries.reserve(room);
  typename Entries::value_type limit(static_cast<key_t<T>>(~key_t<T>{0}), int64_t{UINT32_MAX});
  for (int64_t i = 0; i < length; ++i) {
    const auto entry = line.entry(i);
    if (!(entry < limit)) continue;
    entries.push_back(entry);
    if (entries.size() < room) continue;
    std::nth_element(entries.begin(), entries.begin() + (k - 1), entries.end());
    entries.resize(wanted);
    limit = entries.back();
  }
  std::partial_sort(entries.begin(), entries.begin() + k, entries.end());
}

void check_length(const char* op, int64_t length) {
  if (length > int64_t{UINT32_MAX})
    throw ShapeError(std::string(op) + ": a line of more than 2^32 - 1 values cannot be sorted");
}

}  // namespace

void CpuBackend::sort(const View& values, const View& indices, const View& in, bool descending) {
  check_length("sort", in.shape.back());
  if (in.numel() == 0) return;
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    order_lines<T>(values, indices, in, descending, [](const auto& line, int64_t length, auto& entries, auto& scratch) {
      entries.resize(static_cast<size_t>(length));
      for (int64_t i = 0; i < length; ++i) entries[static_cast<size_t>(i)] = line.entry(i);
      if (length <= kRadixMin) return std::sort(entries.begin(), entries.end());
      scratch.resize(entries.size());
      radix_sort(entries, scratch);
    });
  });
}

void CpuBackend::topk(const View& values, const View& indices, const View& in, int64_t k, bool largest) {
  check_length("topk", in.shape.back());
  if (in.numel() == 0 || k == 0) return;
  dispatch(in.dtype, [&](auto* tag) {
    using T = std::remove_pointer_t<decltype(tag)>;
    order_lines<T>(values, indices, in, largest, [k](const auto& line, int64_t length, auto& entries, auto&) {
      select_smallest(line, length, k, entries);
    });
  });
}

}  // namespace mote

// sort and topk on the CPU. A value becomes an unsigned key that orders as the value does (NaN greatest, both zeros
// equal, inverted for descending order); the key with its position beside it makes every order stable. Lines of up to
// kRadixMin values are sorted by comparison, longer ones by radix, least significant digit first.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <utility>
#include <vector>

#include "cpu/cpu_backend.h"
#include "cpu/parallel.h"
#include "mote/error.h"

namespace mote {

namespace {

constexpr int64_t kRadixMin = 512;

template <class T>
using key_t = std::conditional_t<(sizeof(T) > 4), uint64_t, uint32_t>;

template <class T>
key_t<T> key_of(T value) {
  using Key = key_t<T>;
  if constexpr (std::is_same_v<T, Half> || std::is_same_v<T, BFloat16>) {
    return key_of(static_cast<float>(value));
  } else if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) return ~Key{0};
    const Key bits = std::bit_cast<Key>(value == T(0) ? T(0) : value), sign = Key{1} << (8 * sizeof(Key) - 1);
    return bits & sign ? ~bits : bits | sign;
  } else if constexpr (std::is_signed_v<T>) {
    return static_cast<Key>(value) ^ (Key{1} << (8 * sizeof(Key) - 1));
  } else {
    return static_cast<Key>(value);
  }
}

template <class Key>
struct Entry {
  Key key;
  uint32_t position;

  friend bool operator<(const Entry& a, const Entry& b) {
    return a.key != b.key ? a.key < b.key : a.position < b.position;
  }
};

// Stable; `scratch` has the size of `entries`.
template <class Key>
void radix_sort(std::vector<Entry<Key>>& entries, std::vector<Entry<Key>>& scratch) {
  constexpr int kBits = 8, kDigits = 1 << kBits;
  for (int shift = 0; shift < static_cast<int>(8 * sizeof(Key)); shift += kBits) {
    const auto digit = [shift](const Entry<Key>& entry) { return (entry.key >> shift) & Key{kDigits - 1}; };
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

// Orders each line of `in` and writes its first `kept` values and their positions. `arrange` sorts the entries.
template <class T, class Arrange>
void order_lines(const View& values, const View& indices, const View& in, int64_t kept, bool descending,
                 const Arrange& arrange) {
  using Key = key_t<T>;
  const Lines lines(in);
  const int64_t step = in.strides.back();
  const int64_t grain = std::max<int64_t>(cpu::kGrain / 16 / std::max<int64_t>(lines.length, 1), 1);
  cpu::parallel_for(lines.count, grain, [&](int64_t begin, int64_t end) {
    std::vector<Entry<Key>> entries(static_cast<size_t>(lines.length)), scratch;
    for (int64_t line = begin; line < end; ++line) {
      const T* source = Lines::start<const T>(in, line);
      for (int64_t i = 0; i < lines.length; ++i) {
        const Key key = key_of(source[i * step]);
        entries[static_cast<size_t>(i)] = {descending ? static_cast<Key>(~key) : key, static_cast<uint32_t>(i)};
      }
      arrange(entries, scratch);
      T* value = Lines::start<T>(values, line);
      int64_t* index = Lines::start<int64_t>(indices, line);
      for (int64_t i = 0; i < kept; ++i) {
        const int64_t from = entries[static_cast<size_t>(i)].position;
        value[i * values.strides.back()] = source[from * step];
        index[i * indices.strides.back()] = from;
      }
    }
  });
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
    order_lines<T>(values, indices, in, in.shape.back(), descending, [](auto& entries, auto& scratch) {
      if (static_cast<int64_t>(entries.size()) <= kRadixMin) return std::sort(entries.begin(), entries.end());
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
    order_lines<T>(values, indices, in, k, largest, [k](auto& entries, auto&) {
      if (k < static_cast<int64_t>(entries.size()))
        std::nth_element(entries.begin(), entries.begin() + (k - 1), entries.end());
      std::sort(entries.begin(), entries.begin() + k);
    });
  });
}

}  // namespace mote

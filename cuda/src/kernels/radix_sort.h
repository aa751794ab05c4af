// A stable sort of keys on the device, with the positions that they came from.
#pragma once

#include <cstdint>

namespace mote::cuda {

// Rows of keys in device memory, dense, and beside each key a position.
template <class Key>
struct SortedPairs {
  Key* keys;
  uint32_t* positions;
};

// Sorts each of `rows` rows of `length` keys (at least 1 and below 2^32) in ascending order of their `bits` lowest
// bits; the others are zero. `in.positions` need not be set: what comes out is the position of each key in its row,
// equal keys in ascending order of it. Both pairs are overwritten; the result is one of them.
template <class Key>
SortedPairs<Key> radix_sort(const char* op, SortedPairs<Key> in, SortedPairs<Key> scratch, int64_t rows, int64_t length,
                            int bits, int device);

extern template SortedPairs<uint16_t> radix_sort(const char*, SortedPairs<uint16_t>, SortedPairs<uint16_t>, int64_t,
                                                 int64_t, int, int);
extern template SortedPairs<uint32_t> radix_sort(const char*, SortedPairs<uint32_t>, SortedPairs<uint32_t>, int64_t,
                                                 int64_t, int, int);
extern template SortedPairs<uint64_t> radix_sort(const char*, SortedPairs<uint64_t>, SortedPairs<uint64_t>, int64_t,
                                                 int64_t, int, int);

}  // namespace mote::cuda

// Copies that mind the cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::cpu {

// The largest tile of a transposed copy: pieces of three lines of the cache are written, pieces of four are read. Rows
// that are a power of two apart share few places in a cache: 64 rows would fill all that the L2 cache has for them.
template <class T>
inline constexpr int64_t kTileRows = 192 / static_cast<int64_t>(sizeof(T));
template <class T>
inline constexpr int64_t kTileColumns = 256 / static_cast<int64_t>(sizeof(T));

// to[j * to_stride + i] = from[i * from_stride + j] for i < rows, j < columns.
template <class T>
struct Tile {
  const T* from;
  int64_t from_stride;
  int64_t rows, columns;
  T* to;
  int64_t to_stride;
  const T* next;  // the tile that comes next and has the same stride and rows; null where there is none
  // Written past the caches, but for elements of one byte: `to` and its stride are multiples of a line then, and the
  // caller calls finish_streaming().
  bool streamed;
};

void copy_turned(const Tile<uint8_t>& tile);
void copy_turned(const Tile<uint16_t>& tile);
void copy_turned(const Tile<uint32_t>& tile);
void copy_turned(const Tile<uint64_t>& tile);

// Copies past the caches. The caller calls finish_streaming().
void stream_copy(void* to, const void* from, size_t bytes);

}  // namespace mote::cpu

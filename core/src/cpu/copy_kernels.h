// Copies that mind the cache.
#pragma once

#include <cstddef>
#include <cstdint>

#include "mote/backend.h"

namespace mote::cpu {

// to[j * to_stride + i] = from[i * from_stride + j], for elements of 2, 4 or 8 bytes.
void transpose_tile(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint16_t* to,
                    int64_t to_stride);
void transpose_tile(const uint32_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint32_t* to,
                    int64_t to_stride);
void transpose_tile(const uint64_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint64_t* to,
                    int64_t to_stride);

// Copies past the caches: a line that is not read again soon need not be fetched before it is written. The caller calls
// finish_streaming() before another thread reads.
void stream_copy(void* to, const void* from, size_t bytes);
void finish_streaming();

// Whether `out` is larger than the last cache, where stream_copy is the better way.
bool is_streamed(const View& out);

}  // namespace mote::cpu

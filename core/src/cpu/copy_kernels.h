// Copies that mind the cache.
#pragma once

#include <cstddef>
#include <cstdint>

namespace mote::cpu {

// to[j * to_stride + i] = from[i * from_stride + j], for elements of 2, 4 or 8 bytes.
void transpose_tile(const uint16_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint16_t* to,
                    int64_t to_stride);
void transpose_tile(const uint32_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint32_t* to,
                    int64_t to_stride);
void transpose_tile(const uint64_t* from, int64_t from_stride, int64_t rows, int64_t columns, uint64_t* to,
                    int64_t to_stride);

// Copies past the caches. The caller calls finish_streaming().
void stream_copy(void* to, const void* from, size_t bytes);

}  // namespace mote::cpu

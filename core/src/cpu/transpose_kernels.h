// Transposes between dense rows and the tiles of attention, which hold 64 rows as columns.
#pragma once

#include <cstdint>

#include "cpu/attention_mask.h"

namespace mote::cpu {

// to[j][i] = from[i][j] * factor for `rows` rows, at most 64, `from_stride` apart; to is [columns][64].
void rows_to_tile(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float factor, float* to);
void rows_to_tile(const double* from, int64_t from_stride, int64_t rows, int64_t columns, double factor, double* to);

// to[i][j] = from[j][i] * factors[i], the other way round.
void tile_to_rows(const float* from, int64_t rows, int64_t columns, const float* factors, float* to, int64_t to_stride);
void tile_to_rows(const double* from, int64_t rows, int64_t columns, const double* factors, double* to,
                  int64_t to_stride);

}  // namespace mote::cpu

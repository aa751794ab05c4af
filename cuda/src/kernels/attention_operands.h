// Operands of attention in the form that a rung needs: of another type, or with rows that 16-byte copies can take.
#pragma once

#include <vector>

#include "device_buffer.h"
#include "mote/backend.h"

namespace mote::cuda {

// Stands in for the operands of one call: it gives views in the form asked for, and makes copies only of what is not in
// that form already.
class AttentionOperands {
 public:
  // `columns`: the last dimension is filled up with zeros to a multiple of that many columns, and rows lie so that each
  // begins at a multiple of 16 bytes. 1: any strides will do.
  AttentionOperands(Backend& backend, DType dtype, int64_t columns)
      : backend_(backend), dtype_(dtype), columns_(columns) {}

  View read(const View& view);
  // What is written there lies in `view` after finish().
  View write(const View& view);
  void finish();

 private:
  bool fits(const View& view) const;
  View make(const View& view);

  Backend& backend_;
  DType dtype_;
  int64_t columns_;
  std::vector<DeviceBuffer> buffers_;
  std::vector<std::pair<View, View>> results_;  // from, to
};

}  // namespace mote::cuda

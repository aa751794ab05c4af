// Sharing memory with other libraries, without a copy, through DLPack (https://dmlc.github.io/dlpack, version 0.8).
// The struct DLManagedTensor is only named here: include the dlpack.h of your project, or mote/dlpack_abi.h.
#pragma once

#include <memory>

#include "mote/tensor.h"

struct DLManagedTensor;

namespace mote {

struct DlpackDeleter {
  void operator()(DLManagedTensor* managed) const;  // calls the producer's own deleter
};

// One side's share in the memory. To hand it to C code, release() it: the receiver then calls managed->deleter.
using Dlpack = std::unique_ptr<DLManagedTensor, DlpackDeleter>;

// The memory of x for another library; it lives until both sides have let go. Any shape and strides. Throws StateError
// for a tensor that requires grad (use detach()) and DeviceError for meta. Waits for the device.
Dlpack to_dlpack(const Tensor& x);

// The other library's memory as a tensor, which calls the deleter when its last view is gone. Also after an error, the
// memory is let go. Throws DTypeError for an element type, DeviceError for a device, and ShapeError for a rank or
// strides that mote does not have, and ValueError for memory that is not aligned to its elements.
Tensor from_dlpack(Dlpack managed);

}  // namespace mote

// The binary layout that DLPack (https://dmlc.github.io/dlpack, version 0.8) fixes for the exchange of tensors, for
// projects that have no dlpack.h of their own. It yields to the original: whichever comes first defines the types.
#pragma once

#ifndef DLPACK_DLPACK_H_
#define DLPACK_DLPACK_H_

#include <cstdint>

enum DLDeviceType : int32_t {
  kDLCPU = 1,
  kDLCUDA = 2,
  kDLCUDAHost = 3,  // pinned memory of the host
};

struct DLDevice {
  DLDeviceType device_type;
  int32_t device_id;
};

enum DLDataTypeCode : uint32_t {
  kDLInt = 0,
  kDLUInt = 1,
  kDLFloat = 2,
  kDLBfloat = 4,
  kDLBool = 6,
};

struct DLDataType {
  uint8_t code;    // a DLDataTypeCode
  uint8_t bits;    // of one lane
  uint16_t lanes;  // 1 unless elements are vectors
};

struct DLTensor {
  void* data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t* shape;
  int64_t* strides;      // in elements; null for row-major
  uint64_t byte_offset;  // of the first element from `data`
};

struct DLManagedTensor {
  DLTensor dl_tensor;
  void* manager_ctx;                       // the producer's own
  void (*deleter)(DLManagedTensor* self);  // null where nothing is to be freed
};

#endif  // DLPACK_DLPACK_H_

#include "mote/dlpack.h"

#include <fmt/format.h>

#include "mote/creation.h"
#include "mote/dlpack_abi.h"
#include "mote/error.h"
#include "ops/support.h"

namespace mote {

namespace {

// What keeps the memory alive for the other side.
struct Exported {
  Tensor tensor;
  Shape shape, strides;
  DLManagedTensor managed = {};
};

void delete_exported(DLManagedTensor* managed) { delete static_cast<Exported*>(managed->manager_ctx); }

DLDataType to_dl(DType dtype) {
  const auto bits = static_cast<uint8_t>(8 * size_of(dtype));
  if (dtype == DType::Bool) return {kDLBool, bits, 1};
  if (dtype == DType::UInt8) return {kDLUInt, bits, 1};
  if (dtype == DType::BFloat16) return {kDLBfloat, bits, 1};
  return {static_cast<uint8_t>(is_floating_point(dtype) ? kDLFloat : kDLInt), bits, 1};
}

DType from_dl(const DLDataType& type) {
  for (int i = 0; i < kDTypeCount; ++i) {
    const DLDataType known = to_dl(static_cast<DType>(i));
    if (known.code == type.code && known.bits == type.bits && type.lanes == 1) return static_cast<DType>(i);
  }
  throw DTypeError(fmt::format("from_dlpack: no dtype of mote matches type code {} with {} bits and {} lanes",
                               type.code, type.bits, type.lanes));
}

DLDevice to_dl(const Device& device) {
  if (device.is_meta()) throw DeviceError("to_dlpack: a tensor on meta has no data to share");
  return {device.is_cpu() ? kDLCPU : kDLCUDA, device.index()};
}

Device from_dl(const DLDevice& device) {
  switch (static_cast<int>(device.device_type)) {
    case kDLCPU:
    case kDLCUDAHost:
      return DeviceType::CPU;
    case kDLCUDA:
      return {DeviceType::CUDA, device.device_id};
    default:
      throw DeviceError(
          fmt::format("from_dlpack: device type {} is neither a CPU nor CUDA", static_cast<int>(device.device_type)));
  }
}

Shape strides_of(const DLTensor& source, const Shape& shape) {
  if (!source.strides) return contiguous_strides(shape);
  const Shape strides(source.strides, source.ndim);
  for (int i = 0; i < shape.rank(); ++i)
    if (strides[i] < 0 && shape[i] > 1)
      throw ShapeError(
          fmt::format("from_dlpack: expected strides of at least 0, but got {} for shape {}; copy the "
                      "array before sharing it",
                      strides.str(), shape.str()));
  return strides;
}

}  // namespace

void DlpackDeleter::operator()(DLManagedTensor* managed) const {
  if (managed->deleter) managed->deleter(managed);
}

Dlpack to_dlpack(const Tensor& x) {
  if (x.requires_grad())
    throw StateError(
        "to_dlpack: the other library would not see gradients of a tensor that requires grad; pass its "
        "detach()");
  x.get().storage->expose();
  auto exported = std::make_unique<Exported>();
  exported->tensor = x;
  exported->shape = x.shape();
  exported->strides = x.strides();
  DLManagedTensor& managed = exported->managed;
  managed.dl_tensor = {data_of(x),
                       to_dl(x.device()),
                       static_cast<int32_t>(x.dim()),
                       to_dl(x.dtype()),
                       exported->shape.begin(),
                       exported->strides.begin(),
                       0};
  managed.manager_ctx = exported.get();
  managed.deleter = delete_exported;
  backend_of(x).synchronize(x.device().index());
  return Dlpack(&exported.release()->managed);
}

Tensor from_dlpack(Dlpack managed) {
  if (!managed) throw ValueError("from_dlpack: expected a tensor to share, but got null");
  const DLTensor& source = managed->dl_tensor;
  const DType dtype = from_dl(source.dtype);
  const Device device = from_dl(source.device);
  backend_of(device);  // throws where this build does not have it
  const Shape shape(source.shape, source.ndim);
  const Shape strides = strides_of(source, shape);
  char* data = static_cast<char*>(source.data) + source.byte_offset;
  check_aligned("from_dlpack", data, dtype);
  const std::shared_ptr<DLManagedTensor> shared(std::move(managed));
  return from_blob(data, shape, strides, {.dtype = dtype, .device = device}, [shared](void*) {});
}

}  // namespace mote

// The CUDA backend as the rest of mote finds it.
#include "cuda_backend.h"

#include "cuda_check.h"
#include "mote/cuda.h"

namespace mote {

// Never destroyed: tensors of static lifetime may outlive any static of the backend.
Backend* cuda_backend() {
  static Backend* const backend = cuda::device_count() > 0 ? new CudaBackend : nullptr;
  return backend;
}

namespace cuda {

bool is_available() { return has_backend(DeviceType::CUDA); }

bool is_simulated() {
#ifdef MOTE_SIM
  return true;
#else
  return false;
#endif
}

// A build with CUDA on a machine without a GPU or driver has no devices; that is no error.
int device_count() {
  static const int count = [] {
    int found = 0;
    if (cudaGetDeviceCount(&found) == cudaSuccess) return found;
    cudaGetLastError();
    return 0;
  }();
  return count;
}

void synchronize(int device) {
  if (is_available()) backend_of(Device(DeviceType::CUDA, device)).synchronize(device);
}

}  // namespace cuda

}  // namespace mote

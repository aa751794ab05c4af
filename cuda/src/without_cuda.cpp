// MOTE_CUDA=OFF: the device does not exist, and says so.
#include "mote/backend.h"
#include "mote/cuda.h"

namespace mote {

Backend* cuda_backend() { return nullptr; }

namespace cuda {

bool is_available() { return has_backend(DeviceType::CUDA); }
bool is_simulated() { return false; }
int device_count() { return is_available() ? 1 : 0; }
void synchronize(int device) {
  if (is_available()) backend_of(Device(DeviceType::CUDA, device)).synchronize(device);
}

}  // namespace cuda

}  // namespace mote

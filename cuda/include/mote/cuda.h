// The CUDA backend seen from outside. No CUDA header is needed to include this.
#pragma once

namespace mote::cuda {

// Whether tensors can live on "cuda": the build has the backend and the machine a device, real or simulated.
bool is_available();
// Whether that device is the simulator on the CPU: right results, no speed.
bool is_simulated();
int device_count();
// Waits until everything that was asked of the device is done. Nothing to wait for without one.
void synchronize(int device = 0);

// Whether float32 matrix products may round their inputs to TF32 (10 bits of mantissa), as tensor cores take them:
// several times faster, at a relative error of about 1e-3 in place of 1e-6. Off unless set; for the whole process.
void set_allow_tf32(bool allow);
bool allow_tf32();

}  // namespace mote::cuda

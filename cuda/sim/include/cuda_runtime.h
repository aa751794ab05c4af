// Stands in for the CUDA Toolkit's header of this name when kernels are compiled for the simulator.
#pragma once

#include "simt/atomics.h"          // IWYU pragma: export
#include "simt/core.h"             // IWYU pragma: export
#include "simt/device_math.h"      // IWYU pragma: export
#include "simt/runtime_api.h"      // IWYU pragma: export
#include "simt/vector_types.h"     // IWYU pragma: export
#include "simt/warp_intrinsics.h"  // IWYU pragma: export

// The one table of built-in backends. Explicit calls, because a linker drops static registrars from an archive.
#pragma once

#include "mote/backend.h"

namespace mote {

Backend* cpu_backend();
Backend* meta_backend();
Backend* cuda_backend();  // null where the build or the machine has none

inline Backend* builtin_backend(DeviceType type) {
  switch (type) {
    case DeviceType::CPU:
      return cpu_backend();
    case DeviceType::CUDA:
      return cuda_backend();
    case DeviceType::Meta:
      break;
  }
  return meta_backend();
}

}  // namespace mote

// All of core: tensors, operations, autograd, files.
#pragma once

#include "mote/attention.h"        // IWYU pragma: export
#include "mote/autocast.h"         // IWYU pragma: export
#include "mote/autograd.h"         // IWYU pragma: export
#include "mote/cpu.h"              // IWYU pragma: export
#include "mote/cpu_capability.h"   // IWYU pragma: export
#include "mote/creation.h"         // IWYU pragma: export
#include "mote/custom_function.h"  // IWYU pragma: export
#include "mote/embedding.h"        // IWYU pragma: export
#include "mote/error.h"            // IWYU pragma: export
#include "mote/loss.h"             // IWYU pragma: export
#include "mote/normalization.h"    // IWYU pragma: export
#include "mote/random.h"           // IWYU pragma: export
#include "mote/serialize.h"        // IWYU pragma: export
#include "mote/state_dict.h"       // IWYU pragma: export
#include "mote/tensor.h"           // IWYU pragma: export
#include "mote/threads.h"          // IWYU pragma: export

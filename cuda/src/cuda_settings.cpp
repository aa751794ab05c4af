// What a user sets for the whole process.
#include <atomic>

#include "mote/cuda.h"

namespace mote::cuda {

namespace {
std::atomic<bool> tf32_allowed{false};
}

void set_allow_tf32(bool allow) { tf32_allowed = allow; }
bool allow_tf32() { return tf32_allowed; }

}  // namespace mote::cuda

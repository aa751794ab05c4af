// Writing past the caches: a line that is not read again soon need not be fetched before it is written.
#pragma once

#include "mote/backend.h"

namespace mote::cpu {

// Whether an operation writes its result `out` past the caches: where it is larger than the last of them, which would
// keep none of its beginning. What is also an input has its lines there already: the caller leaves that out.
bool is_streamed(const View& out);

// Every thread that has streamed calls this before another one reads.
void finish_streaming();

}  // namespace mote::cpu

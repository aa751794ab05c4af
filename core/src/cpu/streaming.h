// Writing past the caches: a line that is not read again soon need not be fetched before it is written.
#pragma once

#include "mote/backend.h"

namespace mote::cpu {

// Whether an operation writes its result `out` past the caches: where it is larger than the last of them, which would
// keep none of its beginning. What is also an input has its lines there already: the caller leaves that out.
bool is_streamed(const View& out);

// Every thread that has streamed calls this before another one reads.
void finish_streaming();

// How one operation writes its result: past the caches or not. The size of the whole result decides, and neither its
// strides nor the number of threads.
class Writing {
 public:
  Writing() = default;  // nothing
  template <class... Inputs>
  explicit Writing(const View& out, const Inputs&... in)
      : streamed_(is_streamed(out) && ((in.data != out.data) && ...)) {}

  bool streamed() const { return streamed_; }
  // The same where each row of `bytes` is written on its own: one that shares its first and its last line with
  // neighbours must be of `least` bytes, or what is written of these lines costs more than the others save.
  bool streams_rows_of(int64_t bytes, int64_t least = 1024) const {
    return streamed_ && (bytes % 64 == 0 || bytes >= least);
  }
  // At the end of each thread's part.
  void finish() const {
    if (streamed_) finish_streaming();
  }

 private:
  bool streamed_ = false;
};

}  // namespace mote::cpu

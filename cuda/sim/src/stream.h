// Streams as queues of work. Immediate streams run an operation when it is asked for; deferred ones when somebody
// waits, which shows missing waits.
#pragma once

#include <functional>

#include "simt/runtime_api.h"

namespace simt {

// Puts `work` (giving a cudaError_t) at the end of a stream, in the legacy ordering with the null stream.
cudaError_t enqueue(cudaStream_t stream, std::function<int()> work);
// An error for a stream that is capturing, whose capture then fails.
cudaError_t drain(cudaStream_t stream);
bool is_capturing(cudaStream_t stream);
cudaError_t drain_all();
// Remembers an error for cudaGetLastError, and gives it back.
cudaError_t remember(int error);

}  // namespace simt

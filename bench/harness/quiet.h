// Handing the cores over: a thread pool spins for a while after its last work, and would disturb whoever is next.
#pragma once

#include <sys/types.h>

namespace bench {

// Waits until no thread of process `pid` is running, the calling thread apart, at most about 50 ms. False where it was
// still busy.
bool wait_until_quiet(pid_t pid);

}  // namespace bench

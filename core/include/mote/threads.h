// How many threads the operations on the CPU may use.
#pragma once

namespace mote {

// For operations that the calling thread starts from now on, and for threads that have not used mote yet; at least 1,
// or a ValueError is thrown. Matrix products keep to it too: mote cuts them into parts and has the BLAS compute each on
// one thread. The result of no operation depends on the number.
//
// At first it is the number of cores that the process may run on, or what OMP_NUM_THREADS says. A program that uses
// OpenMP itself shares the threads and this setting, which is OpenMP's own. docs/cpu.md has more.
void set_num_threads(int threads);
int get_num_threads();

}  // namespace mote

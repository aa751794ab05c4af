// MOTE_HD marks functions that g++ compiles for the CPU and nvcc for both sides.
#pragma once

#ifdef __CUDACC__
#define MOTE_HD __host__ __device__
#else
#define MOTE_HD
#endif

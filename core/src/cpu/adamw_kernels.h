// One step of Adam or AdamW over a dense stretch of one parameter, for the vector unit of this machine's CPU.
#pragma once

#include <cstdint>

#include "mote/adamw_step.h"

namespace mote::cpu {

// C is float or double.
void adamw_step(const AdamWStep<float>& step, float* parameter, const float* gradient, float* exp_avg,
                float* exp_avg_sq, int64_t n);
void adamw_step(const AdamWStep<double>& step, double* parameter, const double* gradient, double* exp_avg,
                double* exp_avg_sq, int64_t n);
// The same for a bfloat16 parameter (the bits of its elements) with its float32 master copy. The step changes the
// master, which is rounded into the parameter; where the parameter is not what its master rounds to, somebody wrote it,
// and the master starts again from it.
void adamw_master_step(const AdamWStep<float>& step, uint16_t* parameter, const uint16_t* gradient, float* exp_avg,
                       float* exp_avg_sq, float* master, int64_t n);

}  // namespace mote::cpu

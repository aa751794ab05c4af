// One step of Adam or AdamW over a dense stretch of one parameter, for the vector unit of this machine's CPU.
#pragma once

#include <cstdint>

namespace mote::cpu {

// The constants of a step, as PyTorch rounds them.
template <class C>
struct AdamWStep {
  C decay;         // what the parameter is multiplied by first: 1 - lr * weight_decay, or 1
  C l2;            // weight_decay where it joins the gradient, or 0
  C beta1, rest1;  // beta1 and 1 - beta1
  C beta2, rest2;
  C root;  // sqrt(1 - beta2^step)
  C eps;
  C size;  // lr / (1 - beta1^step)
};

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

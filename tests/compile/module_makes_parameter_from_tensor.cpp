// must fail: (conversion from 'const mote::Tensor' to non-scalar type 'mote::nn::Parameter'|no viable conversion)
#include "mote/mote.h"

void make(const mote::Tensor& tensor) {
#ifdef WRONG
  mote::nn::Parameter parameter = tensor;
#else
  mote::Tensor parameter = tensor;
#endif
  static_cast<void>(parameter);
}

// must fail: (no match for 'operator='|no viable overloaded '=')
#include "mote/mote.h"

void assign(mote::nn::Linear& layer, const mote::Tensor& tensor) {
#ifdef WRONG
  layer.weight = tensor;
#else
  const mote::NoGradGuard no_grad;
  layer.weight.copy_(tensor);
#endif
}

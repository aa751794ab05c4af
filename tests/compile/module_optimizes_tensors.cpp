// must fail: no matching (function|constructor)
#include "mote/mote.h"

void optimize(mote::nn::Linear& layer, const std::vector<mote::Tensor>& tensors) {
#ifdef WRONG
  mote::optim::SGD optimizer(tensors, {.lr = 0.1});
#else
  mote::optim::SGD optimizer(layer.parameters(), {.lr = 0.1});
#endif
  static_cast<void>(layer);
  static_cast<void>(tensors);
}

// must fail: no matching (function|constructor)
#include "mote/mote.h"

void optimize(mote::nn::BatchNorm1d& layer) {
#ifdef WRONG
  mote::optim::SGD optimizer(layer.buffers(), {.lr = 0.1});
#else
  mote::optim::SGD optimizer(layer.parameters(), {.lr = 0.1});
#endif
}

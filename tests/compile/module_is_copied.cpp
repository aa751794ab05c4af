// must fail: deleted (function|constructor|copy constructor)
#include <utility>

#include "mote/mote.h"

mote::nn::Linear take(mote::nn::Linear& layer) {
#ifdef WRONG
  return layer;
#else
  return std::move(layer);
#endif
}

// must fail: mote/nn/module.h.*(No such file|not found)
#include "mote/cuda.h"
#ifdef WRONG
#include "mote/nn/module.h"
#endif

// must fail: mote/nn/module.h.*(No such file|not found)
#include "mote/core.h"
#ifdef WRONG
#include "mote/nn/module.h"
#endif

// must fail: mote/cuda.h.*(No such file|not found)
#include "mote/core.h"
#ifdef WRONG
#include "mote/cuda.h"
#endif

// Stands in for the CUDA Toolkit's header of this name: the functions that host code calls, graphs among them.
#pragma once

#include "simt/graph_api.h"
#include "simt/runtime_api.h"

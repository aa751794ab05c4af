// All of mote: tensors and autograd, modules and optimizers, and the CUDA backend seen from outside.
#pragma once

#include "mote/core.h"                    // IWYU pragma: export
#include "mote/cuda.h"                    // IWYU pragma: export
#include "mote/cuda_graph.h"              // IWYU pragma: export
#include "mote/cuda_stream.h"             // IWYU pragma: export
#include "mote/nn/activations.h"          // IWYU pragma: export
#include "mote/nn/batch_norm.h"           // IWYU pragma: export
#include "mote/nn/clip_grad.h"            // IWYU pragma: export
#include "mote/nn/embedding_layer.h"      // IWYU pragma: export
#include "mote/nn/functional.h"           // IWYU pragma: export
#include "mote/nn/init.h"                 // IWYU pragma: export
#include "mote/nn/linear.h"               // IWYU pragma: export
#include "mote/nn/losses.h"               // IWYU pragma: export
#include "mote/nn/make.h"                 // IWYU pragma: export
#include "mote/nn/module.h"               // IWYU pragma: export
#include "mote/nn/module_list.h"          // IWYU pragma: export
#include "mote/nn/multihead_attention.h"  // IWYU pragma: export
#include "mote/nn/norm_layers.h"          // IWYU pragma: export
#include "mote/nn/positional_encoding.h"  // IWYU pragma: export
#include "mote/nn/sequential.h"           // IWYU pragma: export
#include "mote/optim/adam.h"              // IWYU pragma: export
#include "mote/optim/grad_scaler.h"       // IWYU pragma: export
#include "mote/optim/lr_scheduler.h"      // IWYU pragma: export
#include "mote/optim/optimizer.h"         // IWYU pragma: export
#include "mote/optim/sgd.h"               // IWYU pragma: export

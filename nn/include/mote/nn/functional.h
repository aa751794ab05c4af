// torch.nn.functional: the operations that layers are made of, under the names that a PyTorch user looks for.
#pragma once

#include "mote/attention.h"
#include "mote/elementwise.h"
#include "mote/embedding.h"
#include "mote/loss.h"
#include "mote/matmul.h"
#include "mote/normalization.h"
#include "mote/softmax.h"

namespace mote::nn::functional {

using mote::batch_norm;
using mote::binary_cross_entropy_with_logits;
using mote::cross_entropy;
using mote::dropout;
using mote::elu;
using mote::embedding;
using mote::gelu;
using mote::l1_loss;
using mote::layer_norm;
using mote::leaky_relu;
using mote::linear;
using mote::log_softmax;
using mote::masked_softmax;
using mote::mse_loss;
using mote::nll_loss;
using mote::one_hot;
using mote::relu;
using mote::rms_norm;
using mote::scaled_dot_product_attention;
using mote::sigmoid;
using mote::silu;
using mote::softmax;
using mote::softplus;
using mote::tanh;

}  // namespace mote::nn::functional

// The chapter on modules: causal attention whose mask is first a plain tensor and then a buffer.
#include <mote/mote.h>

#include <cmath>
#include <iostream>

namespace nn = mote::nn;
using mote::Slice, mote::Tensor;

// softmax(q k^T, with the future masked) v for x [batch, tokens, d_in].
static Tensor attend(const Tensor& x, nn::Linear& query, nn::Linear& key, nn::Linear& value, const Tensor& mask) {
  const int64_t tokens = x.size(1);
  Tensor keys = key(x);
  Tensor scores = mote::matmul(query(x), keys.transpose(1, 2));
  scores.masked_fill_(mask.to(mote::bool_).index({Slice(0, tokens), Slice(0, tokens)}), -INFINITY);
  return mote::matmul(mote::softmax(scores / std::sqrt(keys.size(-1)), -1), value(x));
}

class CausalAttentionWithoutBuffer : public nn::Module {
 public:
  CausalAttentionWithoutBuffer(int64_t d_in, int64_t d_out, int64_t context_length)
      : W_query(register_module("W_query", nn::Linear(d_in, d_out, {.bias = false}))),
        W_key(register_module("W_key", nn::Linear(d_in, d_out, {.bias = false}))),
        W_value(register_module("W_value", nn::Linear(d_in, d_out, {.bias = false}))),
        mask(mote::triu(mote::ones({context_length, context_length}), 1)) {}

  Tensor forward(const Tensor& x) { return attend(x, W_query, W_key, W_value, mask); }

  nn::Linear W_query, W_key, W_value;
  Tensor mask;
};

class CausalAttention : public nn::Module {
 public:
  CausalAttention(int64_t d_in, int64_t d_out, int64_t context_length)
      : W_query(register_module("W_query", nn::Linear(d_in, d_out, {.bias = false}))),
        W_key(register_module("W_key", nn::Linear(d_in, d_out, {.bias = false}))),
        W_value(register_module("W_value", nn::Linear(d_in, d_out, {.bias = false}))),
        mask(register_buffer("mask", mote::triu(mote::ones({context_length, context_length}), 1))) {}

  Tensor forward(const Tensor& x) { return attend(x, W_query, W_key, W_value, mask); }

  nn::Linear W_query, W_key, W_value;
  nn::Buffer mask;
};

int main() {
  mote::NoGradGuard no_grad;
  mote::manual_seed(123);
  Tensor sentence = mote::tensor({{0.43, 0.15, 0.89},
                                  {0.55, 0.87, 0.66},
                                  {0.57, 0.85, 0.64},
                                  {0.22, 0.58, 0.33},
                                  {0.77, 0.25, 0.10},
                                  {0.05, 0.80, 0.55}});
  Tensor batch = mote::stack({sentence, sentence});

  CausalAttentionWithoutBuffer without_buffer(3, 2, 6);
  std::cout << without_buffer.forward(batch)[0] << "\n\n";

  without_buffer.to("meta");
  std::cout << "W_query.weight is on " << without_buffer.W_query.weight.device().str() << "\n";
  std::cout << "mask is on " << without_buffer.mask.device().str() << "\n\n";
  try {
    without_buffer.forward(batch.to("meta"));
  } catch (const mote::DeviceError& error) {
    std::cout << error.what() << "\n\n";
  }

  CausalAttention with_buffer(3, 2, 6);
  std::cout << with_buffer.forward(batch)[0] << "\n\n";
  std::cout << with_buffer << "\n\n";
  for (const auto& [name, tensor] : with_buffer.state_dict()) std::cout << name << "\n";

  with_buffer.to("meta");
  std::cout << "\nmask is on " << with_buffer.mask.device().str() << "\n";
  std::cout << "the result is " << with_buffer.forward(batch.to("meta")).shape().str() << "\n\n";

  try {
    nn::make<CausalAttentionWithoutBuffer>(3, 2, 6);
  } catch (const mote::StateError& error) {
    std::cout << error.what() << "\n";
  }
}

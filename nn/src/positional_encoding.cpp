#include "mote/nn/positional_encoding.h"

#include <fmt/format.h>

#include <cmath>

#include "mote/creation.h"
#include "mote/error.h"

namespace mote::nn {

namespace {

// pe[t][2i] = sin(t / 10000^(2i / d_model)), pe[t][2i + 1] = cos of the same.
Tensor table(int64_t d_model, int64_t max_len) {
  const Tensor pe = mote::zeros({max_len, d_model});
  const Tensor position = mote::arange(max_len).to(float32).unsqueeze(1);
  const Tensor frequency =
      mote::exp(mote::arange(0, d_model, 2).to(float32) * (-std::log(10000.0) / static_cast<double>(d_model)));
  const Tensor angle = position * frequency;
  pe.slice(1, 0, std::nullopt, 2).copy_(mote::sin(angle));
  if (d_model > 1) pe.slice(1, 1, std::nullopt, 2).copy_(mote::cos(angle.slice(1, 0, d_model / 2)));
  return pe.unsqueeze(0);
}

}  // namespace

PositionalEncoding::PositionalEncoding(int64_t d_model, int64_t max_len)
    : pe(register_buffer("pe", [=] { return table(d_model, max_len); }, {.persistent = false})) {}

Tensor PositionalEncoding::forward(const Tensor& x) const {
  if (x.dim() != 3 || x.size(1) > pe.size(1) || x.size(2) != pe.size(2))
    throw ShapeError(
        fmt::format("PositionalEncoding: expected x [batch, length, {}] with at most {} positions, but got {}",
                    pe.size(2), pe.size(1), x.shape().str()));
  return x + pe.narrow(1, 0, x.size(1));
}

std::string PositionalEncoding::extra_repr() const {
  return fmt::format("d_model={}, max_len={}", pe.size(2), pe.size(1));
}

}  // namespace mote::nn

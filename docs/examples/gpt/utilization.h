// Model FLOPs utilisation: the share of a card's peak that training uses, counting only the arithmetic that the model
// asks for (Chowdhery et al. 2022, "PaLM", appendix B).
#pragma once

#include <optional>
#include <string_view>

#include "model.h"

namespace gpt {

// Floating-point operations of training on one token, forward and backward.
double training_flops_per_token(const GPT& model);

// Dense products per second of a card, in floating-point operations: in bfloat16 on tensor cores, or in float32, which
// mote computes without TF32. Nothing for a card that is not in the table.
std::optional<double> card_peak_flops(std::string_view card, std::string_view dtype);
// That of the card behind `device`. Nothing on the CPU and in the simulator.
std::optional<double> peak_flops(const mote::Device& device, std::string_view dtype);

}  // namespace gpt

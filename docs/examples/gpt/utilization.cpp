#include "utilization.h"

#include <mote/cuda.h>

#include <cctype>

namespace gpt {

namespace {

struct Card {
  std::string_view name;     // whole words of what the driver calls the card
  double bfloat16, float32;  // TFLOP/s, without sparsity
};

// From NVIDIA's data sheets of these cards, and for the GeForce cards the white papers of GA102 and AD102 (bfloat16
// with float32 accumulation). Data sheets that give only the number with sparsity give twice the dense one.
constexpr Card kCards[] = {
    {"B200", 2250.0, 75.0},    {"H200", 989.4, 66.9},      {"GH200", 989.4, 66.9},
    {"H100 NVL", 835.5, 60.0}, {"H100 PCIe", 756.0, 51.0}, {"H100", 989.4, 66.9},  // SXM: "NVIDIA H100 80GB HBM3"
    {"A100", 312.0, 19.5},     {"L40S", 362.0, 91.6},      {"L40", 181.0, 90.5},
    {"L4", 121.0, 30.3},       {"RTX 4090", 165.2, 82.6},  {"RTX 3090", 71.0, 35.6},
};

// Whether `name` holds `words` and not as part of longer ones: "A100-SXM4-80GB" holds "A100", "L40" does not hold "L4".
bool has_words(std::string_view name, std::string_view words) {
  const auto is_edge = [&](size_t i) { return i >= name.size() || !std::isalnum(static_cast<unsigned char>(name[i])); };
  for (size_t at = name.find(words); at != std::string_view::npos; at = name.find(words, at + 1))
    if ((at == 0 || is_edge(at - 1)) && is_edge(at + words.size())) return true;
  return false;
}

}  // namespace

// A parameter of a matrix takes part in a multiplication and an addition for each token, and in two of each going back:
// 6 in all. Position embeddings are only added; the token embedding is also the head. Attention multiplies queries with
// keys and weights with values: 12 * width for each position looked at, of which a causal mask leaves half.
double training_flops_per_token(const GPT& model) {
  const ModelConfig& config = model.config();
  const int64_t parameters = model.num_parameters() - model.transformer.wpe.weight.numel();
  return 6.0 * static_cast<double>(parameters) +
         6.0 * static_cast<double>(config.layers * config.context * config.width);
}

std::optional<double> card_peak_flops(std::string_view card, std::string_view dtype) {
  if (has_words(card, "MIG")) return std::nullopt;  // a part of a card
  for (const Card& known : kCards)
    if (has_words(card, known.name)) return 1e12 * (dtype == "bfloat16" ? known.bfloat16 : known.float32);
  return std::nullopt;
}

std::optional<double> peak_flops(const mote::Device& device, std::string_view dtype) {
  if (!device.is_cuda() || mote::cuda::is_simulated()) return std::nullopt;
  return card_peak_flops(mote::cuda::get_device_properties(device.index()).name, dtype);
}

}  // namespace gpt

// The shape of a model and the recipe of a training run. Both are saved in a checkpoint.
#pragma once

#include <cstdint>
#include <string>

namespace gpt {

struct ModelConfig {
  int64_t vocabulary = 0;  // number of different tokens
  int64_t context = 64;    // positions the model can look at
  int64_t layers = 4;
  int64_t heads = 4;
  int64_t width = 128;
  double dropout = 0.0;
};

struct Recipe {
  int64_t batch = 12;
  int64_t steps = 2000;
  double lr = 2e-3;  // the peak; it warms up to it and decays to a tenth of it
  int64_t seed = 1337;
  int64_t eval_every = 250;
  std::string dtype = "float32";  // of matrix products and attention; one of kDtypes
};

inline constexpr const char* kDtypes[] = {"float32", "bfloat16"};

inline constexpr int64_t kWarmupSteps = 100;
inline constexpr double kFinalLrFraction = 0.1;
inline constexpr double kBeta1 = 0.9;
inline constexpr double kBeta2 = 0.99;
inline constexpr double kWeightDecay = 0.1;  // of matrices; biases and LayerNorm weights are left alone
inline constexpr double kGradientClip = 1.0;

}  // namespace gpt

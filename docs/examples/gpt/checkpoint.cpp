#include "checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "user_error.h"

namespace gpt {

namespace {

constexpr const char* kFormat = "mote-gpt 1";
constexpr std::string_view kOptimizerPrefix = "optimizer.";
constexpr std::string_view kGeneratorName = "generator", kDeviceGeneratorName = "device_generator";

// Calls f(name, field) for every number of a checkpoint, so that saving and loading cannot disagree.
template <class CheckpointType, class F>
void for_each_number(CheckpointType& checkpoint, F f) {
  f("step", checkpoint.step);
  f("vocabulary", checkpoint.model.vocabulary);
  f("context", checkpoint.model.context);
  f("layers", checkpoint.model.layers);
  f("heads", checkpoint.model.heads);
  f("width", checkpoint.model.width);
  f("dropout", checkpoint.model.dropout);
  f("batch", checkpoint.recipe.batch);
  f("steps", checkpoint.recipe.steps);
  f("lr", checkpoint.recipe.lr);
  f("seed", checkpoint.recipe.seed);
  f("eval_every", checkpoint.recipe.eval_every);
}

template <class CheckpointType, class F>
void for_each_text(CheckpointType& checkpoint, F f) {
  f("data", checkpoint.data);
  f("fingerprint", checkpoint.fingerprint);
  f("characters", checkpoint.characters);
}

[[noreturn]] void throw_foreign(const std::string& path, const std::string& why) {
  throw UserError(fmt::format("{} is no checkpoint of mote-gpt: {}", path, why));
}

// Reads the metadata of a file, and refuses numbers that no run can have.
void read_metadata(Checkpoint& checkpoint, const mote::Metadata& metadata, const std::string& path) {
  const auto value_of = [&](const char* name) -> const std::string& {
    const auto found = metadata.find(name);
    if (found == metadata.end()) throw_foreign(path, fmt::format("its metadata has no '{}'", name));
    return found->second;
  };
  if (value_of("format") != kFormat)
    throw_foreign(path, fmt::format("its format is '{}' and not '{}'", value_of("format"), kFormat));
  for_each_number(checkpoint, [&](const char* name, auto& field) {
    const std::string& text = value_of(name);
    const auto result = std::from_chars(text.data(), text.data() + text.size(), field);
    if (result.ec != std::errc() || result.ptr != text.data() + text.size() || !(field >= 0))
      throw_foreign(path, fmt::format("its {} is '{}'", name, text));
  });
  for_each_text(checkpoint, [&](const char* name, std::string& field) { field = value_of(name); });
  if (metadata.contains("dtype")) checkpoint.recipe.dtype = value_of("dtype");  // older files were all in float32
  if (std::ranges::find(kDtypes, checkpoint.recipe.dtype) == std::end(kDtypes))
    throw_foreign(path, fmt::format("its dtype is '{}'", checkpoint.recipe.dtype));
  const ModelConfig& model = checkpoint.model;
  if (model.vocabulary < 1 || model.context < 1 || model.layers < 1 || model.heads < 1 || model.width < 1 ||
      model.width % model.heads != 0 || model.dropout >= 1 || checkpoint.recipe.batch < 1 ||
      checkpoint.recipe.eval_every < 1)
    throw_foreign(path, "its metadata describes no possible model");
}

}  // namespace

std::string checkpoint_path(const std::string& dir) {
  return (std::filesystem::path(dir) / "checkpoint.safetensors").string();
}

void save_checkpoint(const std::string& dir, const Checkpoint& checkpoint) {
  mote::StateDict tensors = checkpoint.weights;
  for (const auto& [name, tensor] : checkpoint.optimizer) tensors.insert(std::string(kOptimizerPrefix) + name, tensor);
  tensors.insert(std::string(kGeneratorName), checkpoint.generator);
  if (checkpoint.device_generator.defined())
    tensors.insert(std::string(kDeviceGeneratorName), checkpoint.device_generator);
  mote::Metadata metadata{{"format", kFormat}, {"dtype", checkpoint.recipe.dtype}};
  for_each_number(checkpoint, [&](const char* name, const auto& field) { metadata[name] = fmt::format("{}", field); });
  for_each_text(checkpoint, [&](const char* name, const std::string& field) { metadata[name] = field; });
  mote::save_safetensors(checkpoint_path(dir), tensors, metadata);
}

Checkpoint load_checkpoint(const std::string& dir) {
  const std::string path = checkpoint_path(dir);
  if (!std::filesystem::exists(path))
    throw UserError(fmt::format("there is no checkpoint in {}: {} does not exist", dir, path));
  const mote::SafetensorsFile file = mote::load_safetensors_file(path);
  Checkpoint checkpoint;
  read_metadata(checkpoint, file.metadata, path);
  for (const auto& [name, tensor] : file.tensors) {
    if (name == kGeneratorName)
      checkpoint.generator = tensor;
    else if (name == kDeviceGeneratorName)
      checkpoint.device_generator = tensor;
    else if (name.starts_with(kOptimizerPrefix))
      checkpoint.optimizer.insert(name.substr(kOptimizerPrefix.size()), tensor);
    else
      checkpoint.weights.insert(name, tensor);
  }
  if (!checkpoint.generator.defined()) throw_foreign(path, "it holds no generator state");
  return checkpoint;
}

void throw_misfit(const std::string& dir, const std::string& why) {
  std::string one_line;
  for (const char c : why) one_line += c == '\n' ? ' ' : c;
  throw UserError(fmt::format("{} does not fit the shape it describes: {}", checkpoint_path(dir), one_line));
}

}  // namespace gpt

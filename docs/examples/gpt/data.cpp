#include "data.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "documentation.h"
#include "user_error.h"

namespace gpt {

namespace {

constexpr int64_t kEvaluationCharacters = 32768;
constexpr int64_t kEvaluationBatchCharacters = 4096;

}  // namespace

Source load_source(const std::string& path) {
  if (path.empty()) return {"mote's documentation", documentation()};
  std::error_code error;
  const auto status = std::filesystem::status(path, error);
  if (!std::filesystem::exists(status)) throw UserError(fmt::format("{} does not exist", path));
  if (std::filesystem::is_directory(status)) throw UserError(fmt::format("{} is a directory, not a text file", path));
  Source source{path, mote::read_file(path)};
  if (source.text.empty()) throw UserError(fmt::format("{} is empty: there is nothing to learn from", path));
  return source;
}

std::string fingerprint(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return fmt::format("{:016x}", hash);
}

Dataset::Dataset(const Source& source, const Tokenizer& tokenizer, int64_t context) : context_(context) {
  const std::vector<int64_t> ids = tokenizer.encode(source.name, source.text);
  const auto total = static_cast<int64_t>(ids.size());
  const int64_t for_training = total * 9 / 10;
  if (total - for_training < context + 1)
    throw UserError(fmt::format("{} is too short: it has {} characters, and a context of {} needs {}", source.name,
                                total, context, 10 * (context + 1)));
  const mote::Tensor tokens = mote::tensor(ids);
  train_ = tokens.slice(0, 0, for_training);
  validation_ = tokens.slice(0, for_training);
}

Batch Dataset::windows_at(const mote::Tensor& tokens, const mote::Tensor& starts, const mote::Device& device) const {
  const mote::Tensor positions = starts.unsqueeze(1) + mote::arange(context_);
  return {tokens.index({positions}).to(device), tokens.index({positions + 1}).to(device)};
}

Batch Dataset::random_batch(int64_t windows, const mote::Device& device) const {
  return windows_at(train_, mote::randint(train_.numel() - context_, {windows}), device);
}

std::vector<Batch> Dataset::evaluation_batches(Split split, const mote::Device& device) const {
  const mote::Tensor& tokens = split == Split::Train ? train_ : validation_;
  const int64_t last = tokens.numel() - context_ - 1;  // where the last window can start
  const int64_t windows = std::clamp<int64_t>(kEvaluationCharacters / context_, 1, last / context_ + 1);
  const int64_t per_batch = std::max<int64_t>(1, kEvaluationBatchCharacters / context_);
  std::vector<Batch> batches;
  for (int64_t first = 0; first < windows; first += per_batch) {
    std::vector<int64_t> starts;
    for (int64_t i = first; i < std::min(windows, first + per_batch); ++i)
      starts.push_back(windows == 1 ? 0 : i * last / (windows - 1));
    batches.push_back(windows_at(tokens, mote::tensor(starts), device));
  }
  return batches;
}

}  // namespace gpt

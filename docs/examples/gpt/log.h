// DIR/log.csv: one row for each evaluation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gpt {

struct LogRow {
  int64_t step = 0;
  double train_loss = 0;
  double val_loss = 0;
  double lr = 0;
  double tokens_per_second = 0;
  std::optional<double> peak_share = std::nullopt;  // model FLOPs utilisation, where the card's peak is known
};

class Log {
 public:
  // An empty log in `dir`. Nothing is written before the first row.
  explicit Log(const std::string& dir);
  // The log of `dir` up to `step`: rows after it were written by a run that did not live to save its checkpoint, and
  // are dropped, as is a last row that was cut off.
  static Log resume(const std::string& dir, int64_t step);

  const std::vector<LogRow>& rows() const { return rows_; }
  bool has(int64_t step) const { return !rows_.empty() && rows_.back().step == step; }
  // Appends a row and replaces the file.
  void add(const LogRow& row);

 private:
  std::string path_;
  std::vector<LogRow> rows_;
};

}  // namespace gpt

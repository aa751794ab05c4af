#include "log.h"

#include <fmt/format.h>
#include <mote/serialize.h>

#include <cstdio>
#include <filesystem>
#include <sstream>

namespace gpt {

Log::Log(const std::string& dir) : path_((std::filesystem::path(dir) / "log.csv").string()) {}

Log Log::resume(const std::string& dir, int64_t step) {
  Log log(dir);
  if (!std::filesystem::exists(log.path_)) return log;
  std::istringstream lines(mote::read_file(log.path_));
  std::string line;
  std::getline(lines, line);  // the names of the columns
  while (std::getline(lines, line)) {
    LogRow row;
    long long at = 0;
    double share = 0;
    const int cells = std::sscanf(line.c_str(), "%lld,%lf,%lf,%lf,%lf,%lf", &at, &row.train_loss, &row.val_loss,
                                  &row.lr, &row.tokens_per_second, &share);
    if (cells < 5) break;
    row.step = at;
    if (cells == 6) row.peak_share = share;
    if (row.step > step) break;
    log.rows_.push_back(row);
  }
  return log;
}

void Log::add(const LogRow& row) {
  rows_.push_back(row);
  std::string text = "step,train_loss,val_loss,lr,tokens_per_second,peak_share\n";
  for (const LogRow& r : rows_)
    text += fmt::format("{},{:.6f},{:.6f},{:.6g},{:.0f},{}\n", r.step, r.train_loss, r.val_loss, r.lr,
                        r.tokens_per_second, r.peak_share ? fmt::format("{:.4f}", *r.peak_share) : "");
  mote::write_file_atomically(path_, text);
}

}  // namespace gpt

#include "progress.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace gpt {

namespace {

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  return isatty(STDOUT_FILENO) == 1 && kind && std::string_view(kind) != "dumb";
}

int terminal_width() {
  winsize size{};
  return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 80;
}

// `width` columns, filled to `fraction` in eighths of a column.
std::string bar(double fraction, int width) {
  static constexpr const char* kEighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = static_cast<int>(std::clamp(fraction, 0.0, 1.0) * width * 8);
  std::string text;
  for (int i = 0; i < width; ++i) {
    const int filled = eighths - 8 * i;
    text += filled >= 8 ? "█" : kEighths[std::max(0, filled)];
  }
  return text;
}

}  // namespace

std::string duration(double seconds) {
  const auto whole = static_cast<int64_t>(std::lround(seconds));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{} min {:02} s", whole / 60, whole % 60);
  return fmt::format("{} h {:02} min", whole / 3600, whole / 60 % 60);
}

Progress::Progress(int64_t first, int64_t total)
    : terminal_(is_terminal()), first_(first), total_(total), start_(Clock::now()), last_shown_(start_) {}

Progress::~Progress() { clear(); }

bool Progress::due() const {
  return Clock::now() - last_shown_ >= (terminal_ ? std::chrono::milliseconds(100) : std::chrono::seconds(10));
}

std::string Progress::time_left(int64_t step) const {
  if (step == first_) return "";
  const double elapsed = std::chrono::duration<double>(Clock::now() - start_).count();
  return ", " + duration(elapsed / static_cast<double>(step - first_) * static_cast<double>(total_ - step)) + " left";
}

void Progress::show(int64_t step, double loss, double lr, const std::string& speed) {
  const std::string counter = fmt::format("step {:>{}}/{}", step, fmt::formatted_size("{}", total_), total_);
  const std::string facts = fmt::format("loss {:.3f}, lr {:.2e}, {}{}", loss, lr, speed, time_left(step));
  if (!terminal_) return note(counter + ": " + facts);
  const int room = terminal_width() - static_cast<int>(counter.size() + facts.size()) - 6;
  const double fraction = static_cast<double>(step) / static_cast<double>(std::max<int64_t>(total_, 1));
  const std::string middle = room >= 8 ? " │" + bar(fraction, std::min(room, 32)) + "│ " : "  ";
  last_shown_ = Clock::now();
  fmt::print("\r\033[K{}{}{}", counter, middle, facts);
  std::fflush(stdout);
  drawn_ = true;
}

void Progress::note(const std::string& line) {
  clear();
  last_shown_ = Clock::now();
  fmt::print("{}\n", line);
  std::fflush(stdout);
}

void Progress::clear() {
  if (!drawn_) return;
  fmt::print("\r\033[K");
  std::fflush(stdout);
  drawn_ = false;
}

}  // namespace gpt

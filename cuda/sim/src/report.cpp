#include "report.h"

#include <atomic>
#include <cstdio>
#include <mutex>

namespace simt {

namespace {

constexpr unsigned kShown = 50;

std::mutex mutex;
std::string last;
unsigned count = 0;
std::atomic<int> sticky{0};

}  // namespace

void report(const std::string& message) {
  const std::lock_guard lock(mutex);
  if (++count <= kShown) std::fprintf(stderr, "simt: %s\n", message.c_str());
  last = message;
}

void set_sticky_error(int error) { sticky = error; }
int sticky_error() { return sticky; }

unsigned report_count() {
  const std::lock_guard lock(mutex);
  return count;
}

std::string last_report() {
  const std::lock_guard lock(mutex);
  return last;
}

void reset_reports() {
  const std::lock_guard lock(mutex);
  count = 0;
  last.clear();
  sticky = 0;
}

}  // namespace simt

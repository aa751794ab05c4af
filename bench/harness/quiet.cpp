#include "quiet.h"

#include <dirent.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <memory>
#include <string>
#include <thread>

namespace bench {

namespace {

constexpr auto kPause = std::chrono::microseconds(200);
constexpr int kPauses = 250;

// The state of a thread stands behind its name, which is in brackets and may itself hold some.
bool is_running(const std::string& stat_path) {
  std::ifstream file(stat_path);
  std::string line;
  if (!std::getline(file, line)) return false;  // it has ended
  const size_t bracket = line.rfind(')');
  return bracket != std::string::npos && bracket + 2 < line.size() && line[bracket + 2] == 'R';
}

bool any_running(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir(tasks.c_str()), closedir);
  if (!directory) return false;
  const std::string self = std::to_string(gettid());
  while (const dirent* entry = readdir(directory.get())) {
    const std::string thread = entry->d_name;
    if (thread[0] == '.' || thread == self) continue;
    std::string path = tasks;
    path.append("/").append(thread).append("/stat");
    if (is_running(path)) return true;
  }
  return false;
}

}  // namespace

bool wait_until_quiet(pid_t pid) {
  for (int i = 0; i < kPauses; ++i) {
    if (!any_running(pid)) return true;
    std::this_thread::sleep_for(kPause);
  }
  return false;
}

}  // namespace bench

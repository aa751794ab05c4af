// A child process that answers lines with lines.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace bench {

struct ProcessError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The process has ended, or does not speak the protocol: there is nothing more to be had from it.
struct ProcessEnded : ProcessError {
  using ProcessError::ProcessError;
};

class Process {
 public:
  // Starts `command[0]`, found as a shell finds it. ProcessError where that fails.
  explicit Process(const std::vector<std::string>& command);
  // Closes its input and output, which ends it, and waits for that.
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Writes a line and reads one. ProcessEnded where the process has ended.
  std::string ask(const std::string& line);
  pid_t pid() const { return pid_; }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  using File = std::unique_ptr<std::FILE, Close>;

  std::string name_;
  pid_t pid_ = -1;
  File to_;
  File from_;
};

}  // namespace bench

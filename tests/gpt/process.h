// Runs mote-gpt as a user does.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>
#include <vector>

namespace gpt::testing {

using Arguments = std::vector<std::string>;

// A directory that goes with the object.
class TemporaryDirectory {
 public:
  TemporaryDirectory();
  ~TemporaryDirectory();
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  // Makes a file of that content and gives its path.
  std::string write(const std::string& name, const std::string& content) const;

 private:
  std::filesystem::path path_;
};

struct Result {
  int code = -1;  // exit code, or 128 + the signal that ended the program
  std::string out;
  std::string err;
};

// A mote-gpt that is running.
class Process {
 public:
  explicit Process(const Arguments& arguments);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void signal(int number) const;
  bool running();
  Result wait();

 private:
  TemporaryDirectory files_;
  pid_t pid_ = -1;
  int status_ = 0;
  bool ended_ = false;
};

// Runs it to its end.
Result run(const Arguments& arguments);

std::string read(const std::string& path);

// Some English-like text of `characters` letters, the same at every call.
std::string some_text(size_t characters);

}  // namespace gpt::testing

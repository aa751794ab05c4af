#include "gpt/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>

namespace gpt::testing {

TemporaryDirectory::TemporaryDirectory() {
  static std::atomic<int> count = 0;
  path_ = std::filesystem::temp_directory_path() /
          ("mote-gpt-test-" + std::to_string(getpid()) + "-" + std::to_string(count++));
  std::filesystem::create_directories(path_);
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TemporaryDirectory::write(const std::string& name, const std::string& content) const {
  const std::string path = *this / name;
  std::ofstream(path, std::ios::binary) << content;
  return path;
}

Process::Process(const Arguments& arguments) {
  std::vector<const char*> argv = {MOTE_GPT};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  argv.push_back(nullptr);
  const std::string out = files_ / "out", err = files_ / "err";
  pid_ = fork();
  if (pid_ == 0) {
    const int flags = O_WRONLY | O_CREAT | O_TRUNC;
    dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
    dup2(open(out.c_str(), flags, 0600), STDOUT_FILENO);
    dup2(open(err.c_str(), flags, 0600), STDERR_FILENO);
    setenv("OMP_WAIT_POLICY", "passive", 1);  // other tests run at the same time
    execv(MOTE_GPT, const_cast<char**>(argv.data()));
    _exit(126);
  }
}

Process::~Process() {
  if (!ended_) {
    signal(SIGKILL);
    wait();
  }
}

void Process::signal(int number) const { kill(pid_, number); }

bool Process::running() {
  if (!ended_ && waitpid(pid_, &status_, WNOHANG) == pid_) ended_ = true;
  return !ended_;
}

Result Process::wait() {
  if (!ended_) waitpid(pid_, &status_, 0);
  ended_ = true;
  return {WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_), read(files_ / "out"),
          read(files_ / "err")};
}

Result run(const Arguments& arguments) { return Process(arguments).wait(); }

std::string read(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

std::string some_text(size_t characters) {
  static const char* const words[] = {"the", "tensor", "moves", "with", "its", "module", "and", "a", "buffer", "stays"};
  std::mt19937 random(5);
  std::string text;
  while (text.size() < characters) text += std::string(words[random() % 10]) + (random() % 12 == 0 ? ".\n" : " ");
  return text.substr(0, characters);
}

}  // namespace gpt::testing

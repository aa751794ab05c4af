#include "child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>

namespace bench {

Process::Process(const std::vector<std::string>& command) : name_(command.at(0)) {
  int input[2], output[2];
  if (pipe2(input, O_CLOEXEC) != 0) throw ProcessError(name_ + ": " + std::strerror(errno));
  if (pipe2(output, O_CLOEXEC) != 0) {
    close(input[0]);
    close(input[1]);
    throw ProcessError(name_ + ": " + std::strerror(errno));
  }
  to_.reset(fdopen(input[1], "w"));
  from_.reset(fdopen(output[0], "r"));
  std::vector<std::string> words = command;
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
  const int error = posix_spawnp(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  close(input[0]);
  close(output[1]);
  if (error != 0) throw ProcessError(name_ + ": " + std::strerror(error));
  std::signal(SIGPIPE, SIG_IGN);  // a peer that has died is an error of its row
}

Process::~Process() {
  to_.reset();
  from_.reset();
  waitpid(pid_, nullptr, 0);
}

std::string Process::ask(const std::string& line) {
  if (std::fputs((line + "\n").c_str(), to_.get()) < 0 || std::fflush(to_.get()) != 0)
    throw ProcessEnded(name_ + " has ended");
  char* text = nullptr;
  size_t capacity = 0;
  const ssize_t length = getline(&text, &capacity, from_.get());
  const std::unique_ptr<char, void (*)(void*)> owner(text, std::free);
  if (length <= 0) throw ProcessEnded(name_ + " has ended");
  return {text, static_cast<size_t>(length)};
}

}  // namespace bench

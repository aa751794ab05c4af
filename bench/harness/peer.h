// PyTorch in a process of its own: bench/peers/torch_peer.py under some Python, or bench/peers/libtorch_peer.cpp. Both
// speak the protocol that stands at the head of torch_peer.py.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include <memory>
#include <string>
#include <vector>

#include "child_process.h"
#include "contender.h"

namespace bench {

class Peer {
 public:
  // ProcessError where it cannot be started, has no PyTorch or answers something else.
  Peer(std::vector<std::string> command, int threads, const mote::Device& device);

  const std::string& name() const { return name_; }        // "PyTorch 2.1.0"
  const std::string& version() const { return version_; }  // "2.1.0"
  const std::string& build() const { return build_; }
  bool is_python() const { return is_python_; }
  // 0 where the process has ended.
  pid_t pid() const { return process_ ? process_->pid() : 0; }
  // ProcessError with the peer's words where it cannot; ProcessEnded where it has ended or answers no JSON.
  nlohmann::json ask(const nlohmann::json& request);
  // Frees all rows that it holds. A peer that has ended is started anew, once after each end; where that fails it is
  // given up, and each row says so. Throws nothing.
  void release();

 private:
  void start();

  std::vector<std::string> command_;
  int threads_;
  std::string device_;
  std::unique_ptr<Process> process_;  // null where it has ended
  bool given_up_ = false;
  bool is_python_ = true;
  std::string name_;
  std::string version_;
  std::string build_;
};

// What came of preparing a row.
struct PreparedPeer {
  std::unique_ptr<Contender> contender;  // null where the peer cannot do this row, or computes something else
  std::string why;
};

// `form` in Python; in LibTorch the row of the name `row.libtorch`. A result whose checksum is another is refused.
PreparedPeer prepare_peer(Peer& peer, const Row& row, const TorchForm& form, const std::vector<double>& checksum);

}  // namespace bench

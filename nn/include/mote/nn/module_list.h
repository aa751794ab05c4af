// A list of modules of one class.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "mote/nn/module.h"

namespace mote::nn {

// Holds modules of class M, named "0", "1", …, for a loop in forward: `for (Block& block : blocks) x = block(x);`
template <std::derived_from<Module> M>
class ModuleList : public Module {
 public:
  ModuleList() = default;
  explicit ModuleList(std::vector<M> modules) {
    for (M& module : modules) push_back(std::move(module));
  }

  void push_back(M module) { modules_.push_back(register_module(std::to_string(modules_.size()), std::move(module))); }
  template <class... Args>
  M& emplace_back(Args&&... args) {
    push_back(M(std::forward<Args>(args)...));
    return modules_.back();
  }

  size_t size() const { return modules_.size(); }
  bool empty() const { return modules_.empty(); }
  // Without a check, as in std::vector.
  M& operator[](size_t index) { return modules_[index]; }
  const M& operator[](size_t index) const { return modules_[index]; }
  M& front() { return modules_.front(); }
  M& back() { return modules_.back(); }
  auto begin() { return modules_.begin(); }
  auto end() { return modules_.end(); }
  auto begin() const { return modules_.begin(); }
  auto end() const { return modules_.end(); }

 private:
  std::vector<M> modules_;
};

}  // namespace mote::nn

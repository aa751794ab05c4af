// nn::make: construction with an audit of the two registries.
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include "mote/nn/module.h"

namespace mote::nn {

namespace detail {

// Watches the tensors and modules that this thread makes while it lives.
class Audit {
 public:
  Audit();
  ~Audit();
  Audit(const Audit&) = delete;
  Audit& operator=(const Audit&) = delete;

  // Throws StateError if anything made since is still alive and in no registry of `module` or its children.
  void check(const Module& module);

 private:
  size_t first_module_;
  bool watching_ = true;
};

}  // namespace detail

// Makes an M(args...) and looks for what its constructor forgot: every tensor and every child module that was made
// meanwhile, is still held and is in no registry. A StateError lists each with its shape, the operation that made it
// and where, and the line to write. Tensors made elsewhere and passed in are not looked at.
template <std::derived_from<Module> M, class... Args>
M make(Args&&... args) {
  detail::Audit audit;
  M module(std::forward<Args>(args)...);
  audit.check(module);
  return module;
}

}  // namespace mote::nn

// How the result of an operation is computed again from what its gradient rule saves. An operation that needs this
// result for its own gradient can keep the recipe in place of the memory: linear(gelu(x)) keeps x, and not gelu(x)
// besides.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "mote/ref.h"
#include "mote/tensor.h"

namespace mote {

class Recipe : public RefCounted {
 public:
  // `version` is that of the result's memory while it holds what `make` gives.
  Recipe(uint32_t version, std::function<Tensor()> make) : version_(version), make_(std::move(make)) {}

  uint32_t version() const { return version_; }
  // The result once more, without history. Each of those that keep the recipe has it made for himself.
  Tensor result() const;

 private:
  uint32_t version_;
  std::function<Tensor()> make_;
};

}  // namespace mote

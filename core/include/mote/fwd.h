// Names that the headers of the operations need before Tensor itself is defined.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <type_traits>
#include <vector>

#include "mote/device.h"
#include "mote/dtype.h"
#include "mote/scalar.h"
#include "mote/shape.h"

namespace mote {

class Tensor;
class TensorIndex;
struct TensorOptions;
struct ValuesAndIndices;

// One dimension or several: `sum(x, 0)`, `sum(x, {0, -1})`. None at all means every dimension.
class Dims : public Shape {
 public:
  Dims() = default;
  template <std::integral T>
  requires(!std::is_same_v<T, bool>) Dims(T dim) : Shape({static_cast<int64_t>(dim)}) {}
  Dims(std::initializer_list<int64_t> dims) : Shape(dims) {}
  Dims(const Shape& dims) : Shape(dims) {}
};

}  // namespace mote

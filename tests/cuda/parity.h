// An operation on a CUDA device beside the same on the CPU.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "mote/backend.h"
#include "mote/core.h"
#include "mote/cuda.h"
#include "support/catch.h"

namespace mote::testing {

using Tensors = std::vector<Tensor>;
using Run = std::function<Tensors(const Tensors&)>;

inline constexpr DType kAllDTypes[] = {bool_, uint8, int32, int64, float16, bfloat16, float32, float64};
inline constexpr DType kFloatDTypes[] = {float16, bfloat16, float32, float64};

// Whether there is a device to test. A build for GPUs passes on a machine without one.
inline bool has_cuda() { return cuda::is_available(); }

// What a backend sees of a tensor.
inline View view_of(const Tensor& x) { return {x.data_ptr(), x.dtype(), x.shape(), x.strides(), x.device().index()}; }

// What the IndexError of `call` says, without the sentence that a device adds to it which has found it later.
template <class Call>
std::string index_error(const Call& call) {
  const std::string message = message_of<IndexError>([&] {
    call();
    cuda::synchronize();
  });
  return message.substr(0, message.find('\n'));
}

// `run` on inputs on the CPU and on the device: shapes, dtypes, and values within `tolerance` (absolute, and relative
// to what the CPU gives), NaN equal to NaN.
inline void check_parity(const Tensors& inputs, const Run& run, double tolerance = 0.0) {
  Tensors moved;
  for (const Tensor& x : inputs) moved.push_back(x.to("cuda"));
  const Tensors want = run(inputs), got = run(moved);
  REQUIRE(got.size() == want.size());
  for (size_t i = 0; i < got.size(); ++i) {
    INFO("result " << i << " of shape " << want[i].shape().str() << " and dtype " << name_of(want[i].dtype()));
    CHECK(got[i].device().is_cuda());
    REQUIRE(got[i].shape() == want[i].shape());
    REQUIRE(got[i].dtype() == want[i].dtype());
    const Tensor here = got[i].to("cpu");
    CHECK(allclose(here.to(float64), want[i].to(float64), tolerance, tolerance, true));
  }
}

// Whole numbers from `low` on, below `high`, in no obvious order and with repetitions; the same each time.
inline Tensor mixed_integers(const Shape& shape, int64_t low, int64_t high, uint64_t seed = 1) {
  Generator generator(seed);
  return randint(low, high, shape, {}, &generator);
}

}  // namespace mote::testing

// For rows that are no function of tensors: how their work is repeated and checked.
#pragma once

#include <benchmark/benchmark.h>

#include <utility>
#include <vector>

#include "bench_row.h"
#include "checksum.h"
#include "verify.h"

namespace bench {

// Calls it so many times.
template <class Body>
Loop repeated(Body body) {
  return [body = std::move(body)](int64_t repetitions) {
    for (int64_t i = 0; i < repetitions; ++i) benchmark::DoNotOptimize(body());
  };
}

// A loop whose results are `got` and ought to be `want`. Peers give those of `shown`.
inline Prepared checked(const Row& row, Loop loop, const std::vector<Tensor>& got, const std::vector<Tensor>& want,
                        const std::vector<Tensor>& shown, const Costs& costs = {}) {
  const Verdict verdict = verify(got, want, row.tolerance);
  return {.loop = std::move(loop),
          .wrong = verdict.wrong,
          .error = verdict.error,
          .checksum = checksum_of(shown),
          .costs = costs};
}

}  // namespace bench

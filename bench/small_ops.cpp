// What an operation costs apart from its arithmetic: additions of tensors of 4 elements. `per_op` is the CPU time
// of one addition, and `allocations` how often it calls operator new.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <new>

#include "mote/mote.h"

namespace {
size_t allocation_count = 0;
}

// Not inlined: the compiler would take the pair of new and free for a mistake.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocation_count;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }

namespace {

using mote::Tensor;

// Reports per operation where one iteration of the loop runs `ops` of them.
void report(benchmark::State& state, int64_t ops, size_t allocations_before) {
  const double total = static_cast<double>(state.iterations()) * static_cast<double>(ops);
  state.counters["per_op"] = benchmark::Counter(total, benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
  state.counters["allocations"] = static_cast<double>(allocation_count - allocations_before) / total;
}

void empty(benchmark::State& state) {
  const size_t before = allocation_count;
  for (auto _ : state) benchmark::DoNotOptimize(mote::empty({4}));
  report(state, 1, before);
}
BENCHMARK(empty);

void add_without_grad(benchmark::State& state) {
  const Tensor a = mote::randn({4}), b = mote::randn({4});
  const size_t before = allocation_count;
  for (auto _ : state) benchmark::DoNotOptimize(a + b);
  report(state, 1, before);
}
BENCHMARK(add_without_grad);

void add_with_grad(benchmark::State& state) {
  const Tensor a = mote::randn({4}, {.requires_grad = true}), b = mote::randn({4}, {.requires_grad = true});
  const size_t before = allocation_count;
  for (auto _ : state) benchmark::DoNotOptimize(a + b);
  report(state, 1, before);
}
BENCHMARK(add_with_grad);

void chain_of_100_adds_forward_and_backward(benchmark::State& state) {
  const Tensor x = mote::randn({4}, {.requires_grad = true}), step = mote::randn({4});
  const Tensor direction = mote::ones({4});
  const size_t before = allocation_count;
  for (auto _ : state) {
    Tensor y = x;
    for (int i = 0; i < 100; ++i) y = y + step;
    mote::backward({y}, {direction});
  }
  report(state, 100, before);
}
BENCHMARK(chain_of_100_adds_forward_and_backward);

}  // namespace

BENCHMARK_MAIN();

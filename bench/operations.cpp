// Every operation of the operation table that has a shape to time, in float32: forward, and forward with backward where
// it has a gradient. GB/s counts the bytes of inputs and outputs once.
#include <benchmark/benchmark.h>

#include "op_table/compare.h"

namespace {

using mote::DType;
using mote::Tensor;
using mote::op_table::Gradient;
using mote::op_table::Row;

int64_t bytes_of(const std::vector<Tensor>& tensors) {
  int64_t bytes = 0;
  for (const Tensor& tensor : tensors) bytes += tensor.numel() * static_cast<int64_t>(size_of(tensor.dtype()));
  return bytes;
}

void forward(benchmark::State& state, const Row& row) {
  const std::vector<Tensor> inputs = inputs_of(row, row.bench, DType::Float32);
  int64_t bytes = bytes_of(inputs) + bytes_of(row.run(inputs));
  for (auto _ : state) benchmark::DoNotOptimize(row.run(inputs));
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) * bytes);
}

void forward_and_backward(benchmark::State& state, const Row& row) {
  std::vector<Tensor> inputs = inputs_of(row, row.bench, DType::Float32), leaves;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (row.inputs[i].differentiable && !row.inputs[i].dtype) leaves.push_back(inputs[i].requires_grad_());
  const Tensor direction = mote::ones_like(row.run(inputs)[0]);
  for (auto _ : state) {
    const Tensor output = row.run(inputs)[0];
    benchmark::DoNotOptimize(mote::grad({output}, leaves, {.grad_outputs = {direction}, .allow_unused = true}));
  }
}

}  // namespace

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  for (const Row& row : mote::op_table::rows()) {
    if (row.bench.empty()) continue;
    benchmark::RegisterBenchmark((row.name + "/forward").c_str(), forward, row)->UseRealTime();
    if (row.gradient != Gradient::None)
      benchmark::RegisterBenchmark((row.name + "/both").c_str(), forward_and_backward, row)->UseRealTime();
  }
  benchmark::RunSpecifiedBenchmarks();
}

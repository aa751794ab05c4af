// The page on CUDA. Exits with 77 where there is no CUDA device, neither a GPU nor the simulator.
#include <mote/cuda.h>
#include <mote/cuda_stream.h>
#include <mote/mote.h>

#include <iostream>

namespace {

void memory(const mote::Tensor& x) {
  mote::cuda::reset_peak_memory_stats();
  const size_t before = mote::cuda::memory_stats().allocated_bytes;
  {
    const mote::Tensor y = x * 2.0;
    const mote::Tensor z = y + 1.0;
  }
  const mote::cuda::MemoryStats stats = mote::cuda::memory_stats();
  std::cout << (stats.peak_allocated_bytes - before) / 1024 << " KiB at most, "
            << (stats.allocated_bytes - before) / 1024 << " KiB now\n";
}

void copies(const mote::Device& device) {
  const mote::Tensor batch = mote::ones({256, 784}, {.pinned_memory = true});
  const mote::Tensor x = batch.to(device, {.non_blocking = true});     // does not wait
  const mote::Tensor sum = x.sum().to("cpu", {.non_blocking = true});  // nor does this
  std::cout << sum.is_pinned() << " " << x.device().str() << "\n";
  mote::cuda::Stream::current().synchronize();  // before the host reads sum, or writes batch
  std::cout << sum.item<float>() << "\n";
}

void streams(const mote::Tensor& x) {
  const mote::cuda::Stream side;
  mote::cuda::Event ready, done;
  ready.record();    // on this thread's stream: x is computed
  side.wait(ready);  // the other stream begins when it is
  mote::Tensor sum;
  {
    const mote::cuda::StreamGuard guard(side);
    sum = x.sum();  // on the other stream
    done.record();
  }
  x.record_stream(side);  // x may be freed now, although the other stream may still read it
  done.synchronize();
  std::cout << sum.item<float>() << " on " << sum.device().str() << "\n";
}

void errors(const mote::Tensor& x) {
  try {
    mote::index_select(x, 0, mote::tensor({3, 1024}).to("cuda"));
    mote::cuda::synchronize();
  } catch (const mote::IndexError& error) {
    std::cout << error.what() << "\n";
  }
  try {
    x + mote::ones({256});
  } catch (const mote::DeviceError& error) {
    std::cout << error.what() << "\n";
  }
}

}  // namespace

int main() {
  const mote::Device device = mote::cuda::is_available() ? "cuda" : "cpu";
  if (!device.is_cuda()) return 77;
  const mote::Tensor x = mote::ones({1024, 256}, {.device = device});
  memory(x);
  copies(device);
  streams(x);
  errors(x);
}

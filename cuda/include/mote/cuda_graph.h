// A step of work on a CUDA device, captured once and then replayed: the host asks for all of it in one call, which pays
// where a step is many small kernels.
//
//   cuda::Graph graph;
//   graph.capture([&] {
//     optimizer.zero_grad();
//     loss = mse_loss(model(x), y);
//     loss.backward();
//     optimizer.step();  // SGD, or Adam and AdamW with {.capturable = true}
//   });
//   for (const Batch& batch : batches) {
//     x.copy_(batch.x);
//     y.copy_(batch.y);
//     graph.replay();
//   }
//
// Where the build or the machine has no CUDA device, making one throws DeviceError.
#pragma once

#include <functional>
#include <memory>

namespace mote::cuda {

// Copies are the same graph. What a capture allocates belongs to the graph alone until its last copy is gone; tensors
// that live longer than that stay valid.
class Graph {
 public:
  explicit Graph(int device = 0);

  // Calls step() once, on a stream of the graph's own. What it asks of the device is recorded and not done: tensors
  // made there have no values before the first replay. Work on the CPU is done, this once. Tensors from before the
  // capture that step() uses must live as long as the graph is replayed; those that are freed in step() are kept for
  // it. A second capture takes the place of the first.
  //
  // What a replay could not repeat throws a StateError that names the operation: values read by the host (item(), a
  // copy to the CPU, nonzero), copies from the CPU, Adam and AdamW unless they are capturable, the first step of an
  // optimizer that keeps state, and work on another stream or CUDA device. After any exception from step(), which is
  // passed on, the graph is empty.
  void capture(const std::function<void()>& step);

  // Puts the captured work into this thread's stream of the device. Random numbers go on where the device's generator
  // stands, as if the step were run anew; what is written in place counts as changed. Throws StateError before a
  // capture, and where an option of a captured optimizer is no longer what it was, but for the learning rate of a
  // capturable one; CudaError where the launch fails; IndexError for a bad index in this replay or before it.
  void replay();

  bool is_captured() const;
  int device() const;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

// Whether this thread is inside of Graph::capture.
bool is_capturing();

}  // namespace mote::cuda

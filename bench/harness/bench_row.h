// A row of the bench: one operation at one shape, dtype, device and direction, with what its result is checked against
// and how others compute the same.
#pragma once

#include <mote/mote.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace bench {

using mote::DType;
using mote::Shape;
using mote::Tensor;

enum class Direction { Forward, Both };  // Both: forward and backward

// Does the work of a row so many times.
using Loop = std::function<void(int64_t repetitions)>;

// What one repetition has to do whoever does it: floating-point operations, and bytes that cross memory when every
// tensor is read or written once (docs/benchmarking.md).
struct Costs {
  double flops = 0;
  double bytes = 0;
};

// The same work in PyTorch, as Python source. `inputs` are evaluated in order after torch.manual_seed(kSeed), and so
// are the tensors that mote drew; a repetition evaluates `run`.
struct TorchForm {
  std::string form = {};  // what sets it apart from other forms: "SDPA"; empty for the plain one
  std::vector<std::pair<std::string, std::string>> inputs = {};  // name and expression
  std::vector<std::string> leaves = {};                          // inputs that require grad
  std::string setup = {};                                        // statements, run once after the inputs
  std::string run = {};                                          // an expression
  std::string release = {};                                      // a statement: as Prepared::release
  bool grad = false;                                             // record although nothing is in `leaves`
  bool forward_only = false;                                     // has no gradient
};

// The same work in a library of this process, on data of its own.
struct Library {
  std::string name;
  // Gives the loop, and in `result` what it computes; nothing where the library cannot do it.
  std::function<Loop(Tensor& result)> prepare;
};

// A row that is ready to be timed.
struct Prepared {
  Loop loop;
  std::string wrong = {};             // empty where the result was right
  double error = 0;                   // of the verdict (verify.h)
  std::vector<double> checksum = {};  // of the results, for peers; empty: peers are not compared
  Costs costs = {};
  // Lets go of what a repetition leaves to the next one and the next one frees: gradients. Before memory is measured.
  std::function<void()> release = {};
};

struct Row {
  std::string family = {};     // the file in bench/rows: "softmax"
  std::string operation = {};  // "masked_softmax"
  std::string shape = {};      // "12288x256"
  DType dtype = DType::Float32;
  Direction direction = Direction::Forward;
  bool headline = true;   // timed without --sweep
  double operations = 1;  // a repetition is so many; times are those of one
  double tolerance = 1e-5;
  std::function<Prepared(const Row&)> prepare = {};
  std::vector<TorchForm> torch = {};
  std::string libtorch = {};  // its name in bench/peers/libtorch_peer.cpp, if it is there
  std::vector<Library> libraries = {};
};

inline constexpr uint64_t kSeed = 1;  // of the tensors of every row

const char* name_of(Direction direction);
// "softmax/masked_softmax/12288x256/float32/cpu/forward"
std::string name_of(const Row& row, const mote::Device& device);

}  // namespace bench

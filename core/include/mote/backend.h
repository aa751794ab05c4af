// The seam between the operations and the devices that run them. A Backend computes on plain views: it knows no
// Tensor, no broadcasting, no type promotion and no autograd. The operations in ops/ check, promote, allocate and
// broadcast (stride 0) before they call it, so that a backend only loops. docs/backend.md is its contract, page by
// page.
//
// A method that a backend does not override throws NotImplementedError "<op> is not implemented on <device>".
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "mote/device.h"
#include "mote/dtype.h"
#include "mote/functors.h"
#include "mote/scalar.h"
#include "mote/shape.h"

namespace mote {

class Generator;

// A strided array in the memory of one device. Strides count elements and may be 0 (broadcast) or in any order.
struct View {
  void* data = nullptr;
  DType dtype = DType::Float32;
  Shape shape;
  Shape strides;
  int device = 0;  // the index of the device, as in "cuda:1"

  int64_t numel() const { return shape.numel(); }
  bool is_contiguous() const { return mote::is_contiguous(shape, strides); }
  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// Norm is the Euclidean one. Sum and Prod may be asked to widen bool and integers to int64, and Any and All give bool;
// otherwise the dtype stays.
enum class ReduceOp : uint8_t { Sum, Mean, Prod, Max, Min, Any, All, Norm };
enum class RandomOp : uint8_t { Uniform, Normal, Bernoulli, Integer, Exponential };

// scaled_dot_product_attention: q [B, H, Q, D], k [B, H, K, D], v [B, H, K, Dv], out [B, H, Q, Dv], all floating-point
// of one dtype, any strides.
struct AttentionArgs {
  View q, k, v;
  std::optional<View> mask;  // bool [B, H, Q, K] by strides; true where a query may look at a key
  bool causal = false;       // key j only where j <= i
  double scale = 1.0;
  double dropout_p = 0.0;
  uint64_t seed = 0;                        // of the dropout mask, a pure function of (seed, position)
  const uint64_t* recorded_seed = nullptr;  // in its place: memory of the device that dropout_seed wrote
};

// Of layer_norm, and of rms_norm, which has no bias.
struct LayerNormArgs {
  View x;                      // [rows, width]
  std::optional<View> weight;  // [width]
  std::optional<View> bias;    // [width]
  double eps = 1e-5;
};

struct AdamWArgs {
  double lr, beta1, beta2, eps, weight_decay;
  bool decoupled = true;  // AdamW; false is Adam with L2 regularisation
  int64_t step;           // counts from 1
  // In the place of `step` and `lr`: for each parameter a number of float32 on the device, how many steps it has taken,
  // which grows by one; and a number of float64 there.
  std::span<const View> steps = {};
  const View* device_lr = nullptr;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual DeviceType type() const = 0;

  // --- memory ---
  // 64-byte aligned, not cleared. Throws OutOfMemoryError.
  virtual void* allocate(size_t bytes, int device) = 0;
  virtual void deallocate(void* data, size_t bytes, int device) noexcept = 0;
  // Bytes between this device and the host. The host's memory may be changed, or read, once the call has returned.
  virtual void copy_from_host(void* device_data, const void* host, size_t bytes, int device);
  virtual void copy_to_host(void* host, const void* device_data, size_t bytes, int device);

  // Pinned memory: the host's, but never moved by the system, so that the device copies to and from it by itself. For
  // the devices that have such a thing. 64-byte aligned, not cleared. Throws OutOfMemoryError.
  virtual bool pins_memory() const { return false; }
  virtual void* allocate_pinned(size_t bytes);
  // Also while a copy is under way, which is then done as if nothing had happened.
  virtual void deallocate_pinned(void*) noexcept {}
  // Whether this memory of the host is pinned, whoever did it.
  virtual bool is_pinned(const void*) const { return false; }
  // The copies of before with pinned memory, without waiting: the host may touch it when the device is done. Unless
  // overridden, they wait.
  virtual void copy_from_pinned(void* device_data, const void* pinned, size_t bytes, int device);
  virtual void copy_to_pinned(void* pinned, const void* device_data, size_t bytes, int device);
  // Waits until everything that was asked of the device is done.
  virtual void synchronize(int) {}
  // Throws what work that was asked for earlier has found wrong, an index out of range, and waits for it where it has
  // to; not while the thread records. Nothing to do for a backend whose calls throw all of it themselves.
  virtual void raise_pending_errors(int) {}

  // --- fill, copy, cast ---
  virtual void fill(const View& out, const Scalar& value);
  // out[i] = in[i] with a cast; same shape, any strides and dtypes.
  virtual void copy(const View& out, const View& in);
  virtual void arange(const View& out, const Scalar& start, const Scalar& step);
  virtual void linspace(const View& out, double start, double end);

  // --- element-wise; operands have the shape of out. Comparisons and tests write bool, others their operand's dtype
  // ---
  virtual void unary(UnaryOp op, const View& out, const View& in);
  virtual void binary(BinaryOp op, const View& out, const View& a, const View& b);
  virtual void binary(BinaryOp op, const View& out, const View& a, const Scalar& b);
  virtual void binary(BinaryOp op, const View& out, const Scalar& a, const View& b);
  virtual void where(const View& out, const View& condition, const View& a, const View& b);
  virtual void masked_fill(const View& out, const View& in, const View& mask, const Scalar& value);
  // Keeps column - row >= diagonal (upper) or <= diagonal of the last two dimensions and writes 0 elsewhere.
  virtual void triangle(const View& out, const View& in, int64_t diagonal, bool upper);

  // --- reductions; out has the rank of in, with size 1 where it is reduced ---
  virtual void reduce(ReduceOp op, const View& out, const View& in);
  // Mean square deviation divided by (n - correction), two passes.
  virtual void variance(const View& out, const View& in, double correction);
  // int64 position of the first extreme along dim.
  virtual void arg_reduce(bool largest, const View& out, const View& in, int64_t dim);
  virtual void cumsum(const View& out, const View& in, int64_t dim);

  // --- softmax over the last dimension ---
  virtual void softmax(const View& out, const View& in, bool log);
  virtual void softmax_backward(const View& grad_in, const View& grad_out, const View& out, bool log);
  // out = softmax(scale * in) with -inf where mask (bool, true = filled) holds; a wholly filled row gives zeros.
  virtual void masked_softmax(const View& out, const View& in, const View& mask, double scale);
  virtual void masked_softmax_backward(const View& grad_in, const View& grad_out, const View& out, double scale);

  // --- products: out [batch..., n, m] = a [batch..., n, k] b [batch..., k, m] (+ out where accumulate) ---
  virtual void matmul(const View& out, const View& a, const View& b, bool accumulate);
  // out = a b + bias [m] in every row. Unless overridden, the bias is copied into out and the product added to it.
  virtual void matmul_bias(const View& out, const View& a, const View& b, const View& bias);

  // --- fused layers ---
  // mean and rstd are [rows] in the compute type.
  virtual void layer_norm(const View& out, const View& mean, const View& rstd, const LayerNormArgs& args);
  // Writes those gradients that are present.
  virtual void layer_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight,
                                   std::optional<View> grad_bias, const View& grad_out, const View& mean,
                                   const View& rstd, const LayerNormArgs& args);
  // out = x rstd weight with rstd = 1 / sqrt(mean of x^2 + eps) [rows] in the compute type.
  virtual void rms_norm(const View& out, const View& rstd, const LayerNormArgs& args);
  // Writes those gradients that are present.
  virtual void rms_norm_backward(std::optional<View> grad_x, std::optional<View> grad_weight, const View& grad_out,
                                 const View& rstd, const LayerNormArgs& args);
  // loss[i] = weight[t_i] * ((1 - s) * nll_i + s * mean over classes), 0 where target is ignore_index; logits
  // [rows, classes], target int64 [rows], log_sum_exp [rows, 2] for backward. Throws IndexError for a wild target.
  virtual void cross_entropy(const View& loss, const View& log_sum_exp, const View& logits, const View& target,
                             int64_t ignore_index, double label_smoothing);
  // grad_logits from each row's gradient; log_sum_exp is the row's maximum m and log(sum e^(x - m)), not yet added up.
  virtual void cross_entropy_backward(const View& grad_logits, const View& grad_loss, const View& log_sum_exp,
                                      const View& logits, const View& target, int64_t ignore_index,
                                      double label_smoothing);
  // log_sum_exp [B, H, Q] float32 (float64 for float64), +inf for a row that may look at nothing.
  virtual void attention(const View& out, const View& log_sum_exp, const AttentionArgs& args);
  virtual void attention_backward(const View& grad_q, const View& grad_k, const View& grad_v, const View& grad_out,
                                  const View& out, const View& log_sum_exp, const AttentionArgs& args);

  // --- positions: every index is int64; one outside its dimension is an error with the text of throw_out_of_range, and
  // nothing of what is changed in place is written then. A backend whose calls return before they are done throws it
  // when it knows, at the latest where the host waits (docs/backend.md). Equal positions are written, or add up, in
  // ascending order of the index, whatever the number of threads; 16-bit sums are rounded once ---
  // out[i][j] = in[index[i][j]][j] for dim 0; out has the shape of index, and in is at least as large elsewhere.
  virtual void gather(const View& out, const View& in, int64_t dim, const View& index);
  // out[index[i][j]][j] = (or +=) source[i][j] for dim 0; source has the shape of index.
  virtual void scatter(const View& out, int64_t dim, const View& index, const View& source, bool add);
  // out along dim at i is in along dim at index[i]; index [n] may be negative and counts from the end then.
  virtual void index_select(const View& out, const View& in, int64_t dim, const View& index);
  // out along dim at index[i] = (or +=) source along dim at i; index [n] may be negative.
  virtual void index_add(const View& out, int64_t dim, const View& index, const View& source, bool add);
  // out[i] = sum over k of strides[k] * indices[k][i], where indices[k], of the shape of out, may be negative and
  // counts positions in dimension dims[k] of size sizes[k].
  virtual void index_positions(const View& out, std::span<const View> indices, const Shape& dims, const Shape& sizes,
                               const Shape& strides);
  // The elements that are not zero: their number, and their positions in row-major order, dense [n, rank].
  virtual int64_t count_nonzero(const View& in);
  virtual void nonzero(const View& out, const View& in);

  // --- order along the last dimension; stable, NaN greatest ---
  virtual void sort(const View& values, const View& indices, const View& in, bool descending);
  virtual void topk(const View& values, const View& indices, const View& in, int64_t k, bool largest);

  // --- random; Uniform [a, b), Normal mean a deviation b, Bernoulli p = a, Integer [a, b), Exponential rate a ---
  virtual void random(RandomOp op, const View& out, const Scalar& a, const Scalar& b, Generator& generator);
  // out[i] = 1 / (1 - p) with probability 1 - p, else 0, as dropout multiplies.
  virtual void dropout_mask(const View& out, double p, Generator& generator);
  // out [1], int64, gets the bits of generator.random64(); for attention whose work is recorded (recording.h), where
  // each repetition needs another one.
  virtual void dropout_seed(const View& out, Generator& generator);

  // --- optimizers: one step over a list of parameters in place ---
  // `masters` is empty, or has a float32 copy of each parameter, which is of a 16-bit type then, as its gradient is;
  // the averages are float32. The step is taken on the master, and the result rounded once into the parameter. Where
  // the parameter is not what its master rounds to, the step starts from the parameter: somebody wrote it.
  virtual void adamw(std::span<const View> parameters, std::span<const View> gradients, std::span<const View> exp_avg,
                     std::span<const View> exp_avg_sq, std::span<const View> masters, const AdamWArgs& args);

 protected:
  [[noreturn]] void not_implemented(const char* op) const;
};

// The operation of this thread that has a backend look up positions, as its index errors name it: a string literal, or
// null where none has said so. A backend that finds a bad position later than the call keeps it.
const char* index_error_name();
// Throws IndexError "embedding: index 7 is out of range for dimension 0 of size 5", with index_error_name().
[[noreturn]] void throw_out_of_range(int64_t index, int64_t dim, int64_t size);
// The text of that error.
std::string out_of_range_message(const char* name, int64_t index, int64_t dim, int64_t size);

// Says which operation it is until the scope ends.
class IndexErrorName {
 public:
  explicit IndexErrorName(const char* op);
  ~IndexErrorName();
  IndexErrorName(const IndexErrorName&) = delete;
  IndexErrorName& operator=(const IndexErrorName&) = delete;

 private:
  const char* previous_;
};

// The backend of a device. Throws DeviceError where this build or machine does not have it.
Backend& backend_of(Device device);
// Whether backend_of would succeed.
bool has_backend(DeviceType type);

// Puts `backend` in the place of a device type's own until the guard ends: for tests, and for trying a new backend.
class BackendOverride {
 public:
  BackendOverride(DeviceType type, Backend& backend);
  ~BackendOverride();
  BackendOverride(const BackendOverride&) = delete;
  BackendOverride& operator=(const BackendOverride&) = delete;

 private:
  DeviceType type_;
  Backend* previous_;
};

}  // namespace mote

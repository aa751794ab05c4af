// Matrix products by cuBLASLt: C = A B (+ C) over a batch.
//
// cuBLASLt's matrices are column-major, so the row-major C [n, m] is computed as its transpose, C' = B' A' [m, n]. A
// matrix whose rows or columns are dense goes in as it lies; any other is copied first. What the heuristics choose for
// a problem is kept with its descriptors, one list to a thread, and the workspace is mote's own, which makes the
// products deterministic. A bias [m] is added by the product itself (an epilogue), where cuBLASLt can.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <vector>

#include "cublas_lt.h"
#include "cuda_backend.h"
#include "cuda_check.h"
#include "cuda_device.h"
#include "device_buffer.h"
#include "kernels/matmul_integer.h"
#include "mote/cuda.h"
#include "mote/error.h"

namespace mote {

namespace cuda {

namespace {

constexpr size_t kWorkspaceBytes = size_t{32} << 20;
constexpr size_t kMaxPlans = 4096;

// A matrix [rows, columns] as cuBLASLt sees it: dense rows ("transposed" is false) are its columns.
struct Operand {
  const char* data;
  int64_t leading_dimension;
  bool transposed;
};

// The last two dimensions and the element size of a view.
struct Geometry {
  int64_t rows, columns, row_stride, column_stride;

  explicit Geometry(const View& view) {
    const int rank = view.shape.rank();
    rows = view.shape[rank - 2];
    columns = view.shape[rank - 1];
    row_stride = view.strides[rank - 2];
    column_stride = view.strides[rank - 1];
  }
  bool has_dense_rows() const { return (columns == 1 || column_stride == 1) && (rows == 1 || row_stride >= columns); }
  bool has_dense_columns() const { return (rows == 1 || row_stride == 1) && (columns == 1 || column_stride >= rows); }
};

Operand operand_of(const View& view) {
  const Geometry g(view);
  if (g.has_dense_rows()) return {view.as<const char>(), g.rows == 1 ? g.columns : g.row_stride, false};
  return {view.as<const char>(), g.columns == 1 ? g.rows : g.column_stride, true};
}

bool is_dense(const View& view) {
  const Geometry g(view);
  return g.has_dense_rows() || g.has_dense_columns();
}

void transpose_last(View& view) {
  const int rank = view.shape.rank();
  std::swap(view.shape[rank - 1], view.shape[rank - 2]);
  std::swap(view.strides[rank - 1], view.strides[rank - 2]);
}

// The batch dimensions, merged where all three operands allow it. Element strides; outermost first.
struct Batch {
  struct Dim {
    int64_t size;
    std::array<int64_t, 3> strides;  // of out, a, b
  };
  std::vector<Dim> dims;

  Batch(const View& out, const View& a, const View& b) {
    for (int d = 0; d < out.shape.rank() - 2; ++d) {
      if (out.shape[d] == 1) continue;
      const Dim dim{out.shape[d], {out.strides[d], a.strides[d], b.strides[d]}};
      if (!dims.empty() && merges(dims.back(), dim)) {
        dims.back() = {dims.back().size * dim.size, dim.strides};
      } else {
        dims.push_back(dim);
      }
    }
    if (dims.empty()) dims.push_back({1, {0, 0, 0}});
  }

  static bool merges(const Dim& outer, const Dim& inner) {
    for (size_t k = 0; k < 3; ++k)
      if (outer.strides[k] != inner.strides[k] * inner.size) return false;
    return true;
  }
};

// What distinguishes one problem from another, all of it 64-bit so that it can be compared byte by byte.
struct Problem {
  int64_t dtype, device, m, n, k, batch, tf32, transposed_a, transposed_b, with_bias;
  std::array<int64_t, 3> leading_dimensions, batch_strides, alignments;  // of out, a, b

  bool operator==(const Problem& other) const { return std::memcmp(this, &other, sizeof *this) == 0; }
};

struct ProblemHash {
  size_t operator()(const Problem& problem) const {
    uint64_t words[sizeof(Problem) / 8], hash = 0xcbf29ce484222325u;  // FNV-1a
    std::memcpy(words, &problem, sizeof problem);
    for (const uint64_t word : words) hash = (hash ^ word) * 0x100000001b3u;
    return hash;
  }
};

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::Float16:
      return CUDA_R_16F;
    case DType::BFloat16:
      return CUDA_R_16BF;
    case DType::Float64:
      return CUDA_R_64F;
    default:
      return CUDA_R_32F;
  }
}

// Owns an object of cuBLASLt.
template <class T>
using Owned = std::unique_ptr<std::remove_pointer_t<T>, cublasStatus_t (*)(T)>;

Owned<cublasLtMatrixLayout_t> make_layout(cudaDataType_t type, int64_t rows, int64_t columns, int64_t leading,
                                          int64_t batch, int64_t batch_stride) {
  const CublasLt& lt = cublas_lt();
  cublasLtMatrixLayout_t layout = nullptr;
  check(lt.layout_create(&layout, type, static_cast<uint64_t>(rows), static_cast<uint64_t>(columns), leading),
        "matmul");
  Owned<cublasLtMatrixLayout_t> owned(layout, lt.layout_destroy);
  const auto count = static_cast<int32_t>(batch);
  check(lt.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof count), "matmul");
  check(lt.layout_set(layout, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &batch_stride, sizeof batch_stride),
        "matmul");
  return owned;
}

// Descriptors and the chosen algorithm. cuBLASLt's A is b, its B is a.
class Plan {
 public:
  explicit Plan(const Problem& p)
      : desc_(nullptr, cublas_lt().desc_destroy),
        a_(operand(p, p.k, p.n, p.transposed_a, 1)),
        b_(operand(p, p.m, p.k, p.transposed_b, 2)),
        out_(operand(p, p.m, p.n, false, 0)) {
    const CublasLt& lt = cublas_lt();
    const bool wide = p.dtype == static_cast<int64_t>(DType::Float64);
    cublasLtMatmulDesc_t desc = nullptr;
    const cublasComputeType_t compute =
        wide ? CUBLAS_COMPUTE_64F : (p.tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F);
    check(lt.desc_create(&desc, compute, wide ? CUDA_R_64F : CUDA_R_32F), "matmul");
    desc_.reset(desc);
    const cublasOperation_t first = p.transposed_b ? CUBLAS_OP_T : CUBLAS_OP_N;
    const cublasOperation_t second = p.transposed_a ? CUBLAS_OP_T : CUBLAS_OP_N;
    check(lt.desc_set(desc, CUBLASLT_MATMUL_DESC_TRANSA, &first, sizeof first), "matmul");
    check(lt.desc_set(desc, CUBLASLT_MATMUL_DESC_TRANSB, &second, sizeof second), "matmul");
    if (p.with_bias) {
      const cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
      check(lt.desc_set(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue), "matmul");
    }
    choose(p);
  }

  // Whether cuBLASLt has an algorithm for the problem.
  bool exists() const { return exists_; }

  void run(const Problem& p, char* out, const char* a, const char* b, const void* bias, bool accumulate) const {
    if (bias) check(cublas_lt().desc_set(desc_.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias), "matmul");
    const auto device = static_cast<int>(p.device);
    const DeviceBuffer workspace(chosen_.workspaceSize, device);
    const float one = 1.0f, beta = accumulate ? 1.0f : 0.0f;
    const double wide_one = 1.0, wide_beta = beta;
    const bool wide = p.dtype == static_cast<int64_t>(DType::Float64);
    check(cublas_lt().matmul(cublas_lt_handle(device), desc_.get(), wide ? static_cast<const void*>(&wide_one) : &one,
                             b, b_.get(), a, a_.get(), wide ? static_cast<const void*>(&wide_beta) : &beta, out,
                             out_.get(), out, out_.get(), &chosen_.algo, workspace.data(), chosen_.workspaceSize,
                             current_stream(device)),
          "matmul");
  }

 private:
  // The layout in memory of an operand that enters the product as [rows, columns], column-major.
  static Owned<cublasLtMatrixLayout_t> operand(const Problem& p, int64_t rows, int64_t columns, int64_t transposed,
                                               size_t which) {
    if (transposed) std::swap(rows, columns);
    return make_layout(data_type(static_cast<DType>(p.dtype)), rows, columns, p.leading_dimensions[which], p.batch,
                       p.batch_strides[which]);
  }

  void choose(const Problem& p) {
    const CublasLt& lt = cublas_lt();
    cublasLtMatmulPreference_t made = nullptr;
    check(lt.preference_create(&made), "matmul");
    const Owned<cublasLtMatmulPreference_t> preference(made, lt.preference_destroy);
    check(lt.preference_set(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspaceBytes, sizeof kWorkspaceBytes),
          "matmul");
    const auto promise = [&](cublasLtMatmulPreferenceAttributes_t attribute, int64_t alignment) {
      const auto bytes = static_cast<uint32_t>(alignment);
      check(lt.preference_set(made, attribute, &bytes, sizeof bytes), "matmul");
    };
    promise(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, p.alignments[2]);
    promise(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, p.alignments[1]);
    promise(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, p.alignments[0]);
    promise(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, p.alignments[0]);
    int found = 0;
    const cublasStatus_t status = lt.find_algorithm(cublas_lt_handle(static_cast<int>(p.device)), desc_.get(), b_.get(),
                                                    a_.get(), out_.get(), out_.get(), made, 1, &chosen_, &found);
    if (status != CUBLAS_STATUS_NOT_SUPPORTED) check(status, "matmul");
    exists_ = status == CUBLAS_STATUS_SUCCESS && found > 0;
  }

  Owned<cublasLtMatmulDesc_t> desc_;
  Owned<cublasLtMatrixLayout_t> a_, b_, out_;
  cublasLtMatmulHeuristicResult_t chosen_{};
  bool exists_ = false;
};

// Of this thread: a plan's descriptors are written when it runs.
const Plan& plan_for(const Problem& problem) {
  thread_local std::unordered_map<Problem, Plan, ProblemHash> plans;
  if (const auto found = plans.find(problem); found != plans.end()) return found->second;
  if (plans.size() >= kMaxPlans) plans.clear();
  return plans.try_emplace(problem, problem).first->second;
}

using Alignments = std::array<int64_t, 3>;  // of out, a, b, in bytes

// What all calls for the outer batch dimensions have in common, so that they are one problem.
Alignments alignments_of(const std::array<Operand, 3>& first, const Batch& batch, int64_t element) {
  Alignments result;
  for (size_t k = 0; k < 3; ++k) {
    uint64_t bits = reinterpret_cast<uintptr_t>(first[k].data) | 256;
    for (size_t d = 0; d + 1 < batch.dims.size(); ++d)
      bits |= static_cast<uint64_t>(batch.dims[d].strides[k] * element);
    result[k] = int64_t{1} << std::countr_zero(bits);
  }
  return result;
}

// One strided batch, the innermost dimension of `batch`. False where cuBLASLt has no algorithm for it.
bool multiply_batch(const Operand& out, const Operand& a, const Operand& b, const Batch::Dim& batch, const View& shape,
                    int64_t k, const Alignments& alignments, const void* bias, bool accumulate) {
  const Geometry g(shape);
  Problem p{};
  p.dtype = static_cast<int64_t>(shape.dtype);
  p.device = shape.device;
  p.m = g.columns;
  p.n = g.rows;
  p.k = k;
  p.batch = batch.size;
  p.tf32 = shape.dtype == DType::Float32 && allow_tf32();
  p.transposed_a = a.transposed;
  p.transposed_b = b.transposed;
  p.with_bias = bias != nullptr;
  p.leading_dimensions = {out.leading_dimension, a.leading_dimension, b.leading_dimension};
  p.batch_strides = batch.strides;
  p.alignments = alignments;
  const Plan& plan = plan_for(p);
  if (!plan.exists()) return false;
  plan.run(p, const_cast<char*>(out.data), a.data, b.data, bias, accumulate);
  return true;
}

// The outer batch dimensions one by one, the innermost as one call. All are the same problem; false, and
// nothing was done, where it has no algorithm.
bool multiply(const View& out, const View& a, const View& b, const void* bias, bool accumulate) {
  const Batch batch(out, a, b);
  const auto element = static_cast<int64_t>(size_of(out.dtype));
  const size_t outer = batch.dims.size() - 1;
  int64_t calls = 1;
  for (size_t d = 0; d < outer; ++d) calls *= batch.dims[d].size;
  const std::array<Operand, 3> first{operand_of(out), operand_of(a), operand_of(b)};
  const Alignments alignments = alignments_of(first, batch, element);
  for (int64_t call = 0; call < calls; ++call) {
    std::array<Operand, 3> at = first;
    int64_t rest = call;
    for (size_t d = outer; d-- > 0;) {
      const int64_t index = rest % batch.dims[d].size;
      rest /= batch.dims[d].size;
      for (size_t k = 0; k < 3; ++k) at[k].data += index * batch.dims[d].strides[k] * element;
    }
    if (!multiply_batch(at[0], at[1], at[2], batch.dims.back(), out, a.shape.back(), alignments, bias, accumulate))
      return false;
  }
  return true;
}

[[noreturn]] void throw_no_algorithm(const View& a, const View& b) {
  throw CudaError(fmt::format("matmul: cuBLASLt has no algorithm for {} times {} in {} on cuda:{}", a.shape.str(),
                              b.shape.str(), name_of(a.dtype), a.device));
}

// Whether the product itself can add the bias: one dense vector of a dtype that the epilogue takes.
bool takes_bias(const View& out, const View& a, const View& b, const View& bias) {
  const bool plain = out.dtype == DType::Float32 || out.dtype == DType::Float16 || out.dtype == DType::BFloat16;
  const bool dense_bias = bias.shape[0] == 1 || bias.strides[0] == 1;
  return plain && dense_bias && reinterpret_cast<uintptr_t>(bias.data) % 16 == 0 && a.shape.back() > 0 && is_dense(a) &&
         is_dense(b) && Geometry(out).has_dense_rows();
}

// `view` where its rows or columns are dense, else a dense copy kept in `memory`.
View dense(CudaBackend& backend, const View& view, DeviceBuffer& memory, bool copy_values) {
  if (is_dense(view)) return view;
  memory = DeviceBuffer(static_cast<size_t>(view.numel()) * size_of(view.dtype), view.device);
  const View copied{memory.data(), view.dtype, view.shape, contiguous_strides(view.shape), view.device};
  if (copy_values) backend.copy(copied, view);
  return copied;
}

}  // namespace

}  // namespace cuda

void CudaBackend::matmul(const View& out, const View& a, const View& b, bool accumulate) {
  if (out.numel() == 0) return;
  if (!is_floating_point(out.dtype)) return cuda::multiply_integers(out, a, b, accumulate);
  if (a.shape.back() == 0) {
    if (!accumulate) fill(out, 0);
    return;
  }
  const cuda::DeviceGuard guard(out.device);
  cuda::DeviceBuffer memory[3];
  View left = cuda::dense(*this, a, memory[0], true), right = cuda::dense(*this, b, memory[1], true);
  View result = cuda::dense(*this, out, memory[2], accumulate);
  const bool copied = result.data != out.data;
  if (!cuda::Geometry(result).has_dense_rows()) {  // C' = B' A' has
    cuda::transpose_last(result);
    cuda::transpose_last(left);
    cuda::transpose_last(right);
    std::swap(left, right);
  }
  if (!cuda::multiply(result, left, right, nullptr, accumulate)) cuda::throw_no_algorithm(a, b);
  if (copied) copy(out, View{memory[2].data(), out.dtype, out.shape, contiguous_strides(out.shape), out.device});
}

void CudaBackend::matmul_bias(const View& out, const View& a, const View& b, const View& bias) {
  if (out.numel() == 0) return;
  const cuda::DeviceGuard guard(out.device);
  if (cuda::takes_bias(out, a, b, bias) && cuda::multiply(out, a, b, bias.data, false)) return;
  Backend::matmul_bias(out, a, b, bias);
}

}  // namespace mote

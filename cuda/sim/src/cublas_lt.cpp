// cuBLASLt over the CPU's BLAS: D = alpha op(A) op(B) + beta C, column-major, batched by strides, with an optional bias
// along the rows. Operands are copied out of device memory, which the BLAS's own threads cannot touch; 16-bit ones are
// widened on the way.
#include <cblas.h>
#include <cublasLt.h>

#include <atomic>
#include <cstring>
#include <type_traits>
#include <vector>

#include "checker.h"
#include "device_memory.h"
#include "mote/half.h"
#include "report.h"
#include "simt/refusals.h"
#include "stream.h"

struct cublasLtContext {};
struct cublasLtMatmulPreferenceOpaque_t {
  uint32_t alignment[4] = {256, 256, 256, 256};
};
struct cublasLtMatmulDescOpaque_t {
  cublasComputeType_t compute;
  cudaDataType_t scale;
  cublasOperation_t transposed[2] = {CUBLAS_OP_N, CUBLAS_OP_N};
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void* bias = nullptr;
};
struct cublasLtMatrixLayoutOpaque_t {
  cudaDataType_t type;
  uint64_t rows, columns;
  int64_t leading_dimension;
  int32_t batch = 1;
  int64_t batch_stride = 0;
};

namespace simt {

namespace {

size_t element_bytes(cudaDataType_t type) { return type == CUDA_R_64F ? 8 : (type == CUDA_R_32F ? 4 : 2); }

template <class T>
T read_element(const void* data, int64_t i, cudaDataType_t type) {
  switch (type) {
    case CUDA_R_64F:
      return static_cast<T>(static_cast<const double*>(data)[i]);
    case CUDA_R_32F:
      return static_cast<T>(static_cast<const float*>(data)[i]);
    case CUDA_R_16F:
      return static_cast<T>(mote::Half::to_float(static_cast<const uint16_t*>(data)[i]));
    case CUDA_R_16BF:
      break;
  }
  return static_cast<T>(static_cast<float>(static_cast<const mote::BFloat16*>(data)[i]));
}

template <class T>
void write_element(void* data, int64_t i, cudaDataType_t type, T value) {
  switch (type) {
    case CUDA_R_64F:
      static_cast<double*>(data)[i] = value;
      return;
    case CUDA_R_32F:
      static_cast<float*>(data)[i] = static_cast<float>(value);
      return;
    case CUDA_R_16F:
      static_cast<uint16_t*>(data)[i] = mote::Half::from_float(static_cast<float>(value));
      return;
    case CUDA_R_16BF:
      static_cast<uint16_t*>(data)[i] = mote::BFloat16::from_float(static_cast<float>(value));
  }
}

using Layout = cublasLtMatrixLayoutOpaque_t;

// Bytes from the first element of one matrix to the last.
size_t span_bytes(const Layout& m) {
  if (m.rows == 0 || m.columns == 0) return 0;
  return ((m.columns - 1) * static_cast<uint64_t>(m.leading_dimension) + m.rows) * element_bytes(m.type);
}

const char* at_batch(const void* data, const Layout& m, int32_t i) {
  return static_cast<const char*>(data) + i * m.batch_stride * static_cast<int64_t>(element_bytes(m.type));
}

template <class T>
std::vector<T> dense(const void* data, const Layout& m) {
  std::vector<T> values(m.rows * m.columns);
  for (uint64_t j = 0; j < m.columns; ++j)
    for (uint64_t i = 0; i < m.rows; ++i)
      values[j * m.rows + i] =
          read_element<T>(data, static_cast<int64_t>(j) * m.leading_dimension + static_cast<int64_t>(i), m.type);
  return values;
}

// Everything that a product needs, copied when it is asked for: descriptors may be destroyed before it runs.
struct Product {
  cublasLtMatmulDescOpaque_t desc;
  double alpha, beta;
  const void *a, *b, *c;
  void* d;
  Layout a_layout, b_layout, c_layout, d_layout;

  bool memory_ok() const {
    const auto ok = [](const void* data, const Layout& m) {
      for (int32_t i = 0; i < m.batch; ++i)
        if (!device_range_ok(at_batch(data, m, i), span_bytes(m))) return false;
      return true;
    };
    return ok(a, a_layout) && ok(b, b_layout) && (beta == 0.0 || ok(c, c_layout)) && ok(d, d_layout);
  }

  template <class T>
  void run_one(int32_t i) const {
    const auto m = static_cast<int>(d_layout.rows), n = static_cast<int>(d_layout.columns);
    const bool ta = desc.transposed[0] == CUBLAS_OP_T, tb = desc.transposed[1] == CUBLAS_OP_T;
    const int k = static_cast<int>(ta ? a_layout.rows : a_layout.columns);
    const std::vector<T> left = dense<T>(at_batch(a, a_layout, i), a_layout);
    const std::vector<T> right = dense<T>(at_batch(b, b_layout, i), b_layout);
    std::vector<T> result =
        beta == 0.0 ? std::vector<T>(size_t(m) * size_t(n)) : dense<T>(at_batch(c, c_layout, i), c_layout);
    const auto op = [](bool t) { return t ? CblasTrans : CblasNoTrans; };
    const int lda = static_cast<int>(a_layout.rows), ldb = static_cast<int>(b_layout.rows);
    if constexpr (std::is_same_v<T, float>)
      cblas_sgemm(CblasColMajor, op(ta), op(tb), m, n, k, static_cast<float>(alpha), left.data(), lda, right.data(),
                  ldb, static_cast<float>(beta), result.data(), m);
    else
      cblas_dgemm(CblasColMajor, op(ta), op(tb), m, n, k, alpha, left.data(), lda, right.data(), ldb, beta,
                  result.data(), m);
    void* const out = const_cast<char*>(at_batch(d, d_layout, i));
    for (int column = 0; column < n; ++column)
      for (int row = 0; row < m; ++row) {
        T value = result[size_t(column) * size_t(m) + size_t(row)];
        if (desc.epilogue == CUBLASLT_EPILOGUE_BIAS) value += read_element<T>(desc.bias, row, d_layout.type);
        write_element(out, column * d_layout.leading_dimension + row, d_layout.type, value);
      }
    checker_host_write(out, span_bytes(d_layout));
  }

  int run() const {
    if (!memory_ok()) {
      report("cublasLtMatmul: an operand does not lie inside one device allocation");
      return cudaErrorIllegalAddress;
    }
    const OpenDeviceMemory open;
    for (int32_t i = 0; i < d_layout.batch; ++i) {
      if (desc.compute == CUBLAS_COMPUTE_64F)
        run_one<double>(i);
      else
        run_one<float>(i);
    }
    return cudaSuccess;
  }
};

template <class T>
void set(T& member, const void* value) {
  std::memcpy(&member, value, sizeof(T));
}

std::atomic<Refusal> refusal{nullptr};

}  // namespace

Refusal refuse_products(Refusal refuse) { return refusal.exchange(refuse); }

}  // namespace simt

extern "C" {

const char* cublasLtGetStatusString(cublasStatus_t status) {
  return status == CUBLAS_STATUS_SUCCESS ? "success" : "the cuBLASLt call failed";
}

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* desc, cublasComputeType_t compute, cudaDataType_t scale) {
  *desc = new cublasLtMatmulDescOpaque_t{compute, scale};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  delete desc;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t desc, cublasLtMatmulDescAttributes_t attribute,
                                              const void* value, size_t) {
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      simt::set(desc->transposed[0], value);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_DESC_TRANSB:
      simt::set(desc->transposed[1], value);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      simt::set(desc->epilogue, value);
      return CUBLAS_STATUS_SUCCESS;
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      simt::set(desc->bias, value);
      return CUBLAS_STATUS_SUCCESS;
  }
  return CUBLAS_STATUS_INVALID_VALUE;
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType_t type, uint64_t rows,
                                          uint64_t columns, int64_t leading_dimension) {
  *layout = new cublasLtMatrixLayoutOpaque_t{type, rows, columns, leading_dimension};
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute, const void* value, size_t) {
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT)
    simt::set(layout->batch, value);
  else
    simt::set(layout->batch_stride, value);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute, const void* value,
                                                    size_t) {
  if (attribute >= CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES)
    simt::set(preference->alignment[attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES], value);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t desc, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int wanted,
                                              cublasLtMatmulHeuristicResult_t* results, int* found) {
  *found = wanted > 0 ? 1 : 0;
  if (*found == 0) return CUBLAS_STATUS_INVALID_VALUE;
  const simt::Refusal refuse = simt::refusal;
  if (refuse && refuse({desc->epilogue, d->type, d->rows, d->columns, d->batch})) {
    *found = 0;
    return CUBLAS_STATUS_NOT_SUPPORTED;
  }
  *results = {};
  // The algorithm remembers the alignment that it was promised, so that cublasLtMatmul can hold the caller to it.
  for (int i = 0; i < 4; ++i) results->algo.data[i] = preference->alignment[i];
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t desc, const void* alpha, const void* a,
                              cublasLtMatrixLayout_t a_layout, const void* b, cublasLtMatrixLayout_t b_layout,
                              const void* beta, const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, const cublasLtMatmulAlgo_t* algo, void*, size_t,
                              cudaStream_t stream) {
  const auto number = [&](const void* value) {
    return desc->scale == CUDA_R_64F ? *static_cast<const double*>(value) : *static_cast<const float*>(value);
  };
  const void* const operands[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if (algo && reinterpret_cast<uintptr_t>(operands[i]) % algo->data[i] != 0) {
      simt::report("cublasLtMatmul: an operand is not aligned as the algorithm was promised");
      return CUBLAS_STATUS_INVALID_VALUE;
    }
  for (const cublasLtMatrixLayoutOpaque_t* m : {a_layout, b_layout, c_layout, d_layout})
    if (m->leading_dimension < static_cast<int64_t>(m->rows)) return CUBLAS_STATUS_INVALID_VALUE;
  const simt::Product product{*desc, number(alpha), number(beta), a,         b,        c,
                              d,     *a_layout,     *b_layout,    *c_layout, *d_layout};
  const cudaError_t error = simt::enqueue(stream, [product] { return product.run(); });
  return error == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"

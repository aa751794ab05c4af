#include "products.h"

#include <cblas.h>
#include <omp.h>

#include <oneapi/dnnl/dnnl.hpp>

#ifdef MOTE_BENCH_EIGEN
#include <Eigen/Core>
#endif

namespace bench {

namespace {

struct Problem {
  Product product;
  Tensor a, b, c;

  const float* a_at(int64_t i) const { return a.data_ptr<float>() + i * product.n * product.k; }
  const float* b_at(int64_t i) const { return b.data_ptr<float>() + i * product.k * product.m; }
  float* c_at(int64_t i) const { return c.data_ptr<float>() + i * product.n * product.m; }
  int64_t lda() const { return product.transpose_a ? product.n : product.k; }
  int64_t ldb() const { return product.transpose_b ? product.k : product.m; }
};

// One product by a library, on as many threads as it likes.
using One = void (*)(const Problem& problem, int64_t index);

void openblas(const Problem& p, int64_t i) {
  cblas_sgemm(CblasRowMajor, p.product.transpose_a ? CblasTrans : CblasNoTrans,
              p.product.transpose_b ? CblasTrans : CblasNoTrans, static_cast<int>(p.product.n),
              static_cast<int>(p.product.m), static_cast<int>(p.product.k), 1.0F, p.a_at(i), static_cast<int>(p.lda()),
              p.b_at(i), static_cast<int>(p.ldb()), 0.0F, p.c_at(i), static_cast<int>(p.product.m));
}

void onednn_sgemm(const Problem& p, int64_t i) {
  dnnl_sgemm(p.product.transpose_a ? 'T' : 'N', p.product.transpose_b ? 'T' : 'N', p.product.n, p.product.m,
             p.product.k, 1.0F, p.a_at(i), p.lda(), p.b_at(i), p.ldb(), 0.0F, p.c_at(i), p.product.m);
}

#ifdef MOTE_BENCH_EIGEN
using EigenMatrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

void eigen(const Problem& p, int64_t i) {
  const Product& s = p.product;
  const Eigen::Map<const EigenMatrix> a(p.a_at(i), s.transpose_a ? s.k : s.n, p.lda());
  const Eigen::Map<const EigenMatrix> b(p.b_at(i), s.transpose_b ? s.m : s.k, p.ldb());
  Eigen::Map<EigenMatrix> c(p.c_at(i), s.n, s.m);
  if (s.transpose_a && s.transpose_b)
    c.noalias() = a.transpose() * b.transpose();
  else if (s.transpose_a)
    c.noalias() = a.transpose() * b;
  else if (s.transpose_b)
    c.noalias() = a * b.transpose();
  else
    c.noalias() = a * b;
}
#endif

Loop loop_of(const Problem& problem, One one) {
  return [problem, one](int64_t repetitions) {
    for (int64_t r = 0; r < repetitions; ++r) {
      if (problem.product.batch == 1) {
        one(problem, 0);
        continue;
      }
#pragma omp parallel for schedule(static)
      for (int64_t i = 0; i < problem.product.batch; ++i) one(problem, i);
    }
  };
}

// oneDNN's primitive takes the batch as a dimension, and is made once.
Loop primitive_loop(const Problem& problem) {
  using dnnl::memory;
  const Product& p = problem.product;
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const auto strides = [](bool transposed, int64_t rows, int64_t columns) {
    return transposed ? memory::dims{rows * columns, 1, rows} : memory::dims{rows * columns, columns, 1};
  };
  const memory::desc a({p.batch, p.n, p.k}, memory::data_type::f32, strides(p.transpose_a, p.n, p.k));
  const memory::desc b({p.batch, p.k, p.m}, memory::data_type::f32, strides(p.transpose_b, p.k, p.m));
  const memory::desc c({p.batch, p.n, p.m}, memory::data_type::f32, strides(false, p.n, p.m));
#if DNNL_VERSION_MAJOR >= 3
  const dnnl::matmul::primitive_desc description(engine, a, b, c);
#else
  const dnnl::matmul::primitive_desc description(dnnl::matmul::desc(a, b, c), engine);
#endif
  const dnnl::matmul matmul(description);
  const memory a_memory(a, engine, problem.a.data_ptr()), b_memory(b, engine, problem.b.data_ptr());
  const memory c_memory(c, engine, problem.c.data_ptr());
  return [problem, matmul, a_memory, b_memory, c_memory, stream = dnnl::stream(engine)](int64_t repetitions) mutable {
    for (int64_t r = 0; r < repetitions; ++r)
      matmul.execute(stream, {{DNNL_ARG_SRC, a_memory}, {DNNL_ARG_WEIGHTS, b_memory}, {DNNL_ARG_DST, c_memory}});
    stream.wait();
  };
}

Problem problem_of(const Product& product, const Operands& make) {
  const auto [a, b] = make();
  return {product, a.contiguous(), b.contiguous(), mote::zeros({product.batch, product.n, product.m})};
}

Library library(const char* name, const Product& product, const Operands& make, One one) {
  return {name, [=](Tensor& result) {
            const Problem problem = problem_of(product, make);
            result = problem.c;
            return loop_of(problem, one);
          }};
}

}  // namespace

double Product::flops() const {
  return 2.0 * static_cast<double>(batch) * static_cast<double>(n) * static_cast<double>(m) * static_cast<double>(k);
}

std::vector<Library> libraries_for(const Product& product, const Operands& make) {
  std::vector<Library> libraries = {library("OpenBLAS", product, make, openblas),
                                    library("oneDNN sgemm", product, make, onednn_sgemm),
                                    {"oneDNN primitive", [=](Tensor& result) {
                                       const Problem problem = problem_of(product, make);
                                       result = problem.c;
                                       return primitive_loop(problem);
                                     }}};
#ifdef MOTE_BENCH_EIGEN
  libraries.push_back(library("Eigen", product, make, eigen));
#endif
  return libraries;
}

}  // namespace bench

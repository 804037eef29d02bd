#include "tandem/math/matmul.h"

#include <dnnl.h>
#include <omp.h>

#include <cstdio>
#include <cstdlib>
#include <new>

namespace tandem::math {
namespace {

[[noreturn]] void Die(const char* what) {
  std::fprintf(stderr, "MatMul: %s\n", what);
  std::abort();
}

size_t Rows(Transpose transpose, ConstMatrixView x) {
  return transpose == Transpose::kNo ? x.rows : x.cols;
}

size_t Cols(Transpose transpose, ConstMatrixView x) {
  return transpose == Transpose::kNo ? x.cols : x.rows;
}

char Letter(Transpose transpose) { return transpose == Transpose::kNo ? 'N' : 'T'; }

dnnl_dim_t Dim(size_t n) { return static_cast<dnnl_dim_t>(n); }

// c = beta c, where the product adds nothing.
void ScaleOnly(float beta, MatrixView c) {
  for (size_t row = 0; row < c.rows; ++row) {
    float* values = c.data + row * c.stride;
    for (size_t i = 0; i < c.cols; ++i) values[i] = beta == 0 ? 0 : beta * values[i];
  }
}

// Keeps oneDNN, which asks OpenMP, on this thread, and gives the thread its setting back.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads()) { omp_set_num_threads(1); }
  ~OneThread() { omp_set_num_threads(before_); }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  const int before_;
};

}  // namespace

void MatMul(Transpose transpose_a, Transpose transpose_b, float alpha, ConstMatrixView a,
            ConstMatrixView b, float beta, MatrixView c) {
  const size_t m = Rows(transpose_a, a);
  const size_t k = Cols(transpose_a, a);
  const size_t n = Cols(transpose_b, b);
  if (Rows(transpose_b, b) != k || c.rows != m || c.cols != n) Die("shapes do not fit");
  if (m == 0 || n == 0) return;
  if (k == 0) return ScaleOnly(beta, c);
  const OneThread one_thread;
  const dnnl_status_t status =
      dnnl_sgemm(Letter(transpose_a), Letter(transpose_b), Dim(m), Dim(n), Dim(k), alpha, a.data,
                 Dim(a.stride), b.data, Dim(b.stride), beta, c.data, Dim(c.stride));
  if (status == dnnl_out_of_memory) throw std::bad_alloc();
  if (status != dnnl_success) Die("dnnl_sgemm refused its arguments");
}

}  // namespace tandem::math

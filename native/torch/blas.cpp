// Debian's libtorch calls the Fortran BLAS of libblas.so.3, which may be the slow reference implementation or a threaded OpenBLAS that
// fights libtorch's threads. .NET opens this library first, so its symbols come before those of libblas for everything that it
// loads: the sgemm_ below takes every float32 matrix product to oneDNN, a dependency of libtorch already, on the same threads.
// Not compiled for PyTorch's wheels, which carry their own BLAS.

#include <stddef.h>
#include <stdint.h>

extern "C" {

int dnnl_sgemm(char trans_a, char trans_b, int64_t m, int64_t n, int64_t k, float alpha, const float* a, int64_t lda, const float* b, int64_t ldb, float beta,
               float* c, int64_t ldc);

// C = alpha op(A) op(B) + beta C, column-major. oneDNN is row-major: the transposed product has the operands exchanged.
__attribute__((visibility("default"))) void sgemm_(const char* trans_a, const char* trans_b, const int* m, const int* n, const int* k, const float* alpha,
                                                   const float* a, const int* lda, const float* b, const int* ldb, const float* beta, float* c, const int* ldc) {
  if (*m <= 0 || *n <= 0) return;
  if (*k <= 0 || *alpha == 0) {      // BLAS: C = beta C, and C is not read when beta is zero
    for (int j = 0; j < *n; j++)
      for (int i = 0; i < *m; i++) {
        float& x = c[(size_t)j * *ldc + i];
        x = *beta == 0 ? 0 : x * *beta;
      }
    return;
  }
  auto flag = [](char t) { return (t | 32) == 'n' ? 'N' : 'T'; };      // for real numbers conjugate transpose is transpose
  dnnl_sgemm(flag(*trans_b), flag(*trans_a), *n, *m, *k, *alpha, b, *ldb, a, *lda, *beta, c, *ldc);
}

}

// Debian's libtorch 1.13 calls Fortran BLAS (libblas.so.3). The shim is the root of the dlopen scope, so a symbol exported here wins:
// every fp32 GEMM goes to oneDNN's JIT (libdnnl.so.2, already a libtorch dependency, same libgomp pool). Not compiled for pip wheels (MKL inside).
#include <stdint.h>
#include <stddef.h>
extern "C" {
int dnnl_sgemm(char transa, char transb, int64_t M, int64_t N, int64_t K, float alpha, const float* A, int64_t lda, const float* B, int64_t ldb, float beta, float* C, int64_t ldc);
__attribute__((visibility("default"))) long kn_sgemm_calls = 0;
__attribute__((visibility("default"))) void sgemm_(const char* ta, const char* tb, const int* m, const int* n, const int* k, const float* alpha, const float* A, const int* lda, const float* B, const int* ldb, const float* beta, float* C, const int* ldc) {
  kn_sgemm_calls++;
  if (*m <= 0 || *n <= 0) return;
  auto up = [](char c) { return (char)((c | 32) == 'n' ? 'N' : 'T'); };
  if (*k <= 0 || *alpha == 0.f) { for (int j = 0; j < *n; j++) for (int i = 0; i < *m; i++) { float& c = C[(size_t)j * *ldc + i]; c = *beta == 0.f ? 0.f : c * *beta; } return; }
  dnnl_sgemm(up(*tb), up(*ta), *n, *m, *k, *alpha, B, *ldb, A, *lda, *beta, C, *ldc);
}
}

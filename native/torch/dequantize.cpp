// kinora::dequantize: a stored weight decoded for the layer that uses it (kernels/dequantize.h).

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "cpu_level.h"

namespace {

using at::Tensor;

struct Form {
  int64_t block, bytes;
};

Form form_of(int64_t type) {
  switch (type) {
    case KN_STORED_INT8: case KN_STORED_E4M3: case KN_STORED_E5M2: return {1, 1};
    case KN_STORED_F16: case KN_STORED_BF16: return {1, 2};
    case KN_STORED_F32: return {1, 4};
    case KN_STORED_Q4_0: return {32, 18};
    case KN_STORED_Q5_0: return {32, 22};
    case KN_STORED_Q8_0: return {32, 34};
    case KN_STORED_Q4_K: return {256, 144};
    case KN_STORED_Q5_K: return {256, 176};
    case KN_STORED_Q6_K: return {256, 210};
    case KN_STORED_Q4_1: return {32, 20};
    case KN_STORED_Q5_1: return {32, 24};
    case KN_STORED_Q2_K: return {256, 84};
    case KN_STORED_Q3_K: return {256, 110};
    case KN_STORED_IQ4_NL: return {32, 18};
    case KN_STORED_IQ4_XS: return {256, 136};
    default: TORCH_CHECK(false, "kinora::dequantize: ", type, " is no stored form that it decodes");
  }
}

// data: the bytes of `rows` rows, whatever its element type says; the result is one-dimensional.
Tensor dequantize_cpu(const Tensor& data, const c10::optional<Tensor>& scales, int64_t type, int64_t rows, at::ScalarType dtype) {
  const Form form = form_of(type);
  TORCH_CHECK(data.is_contiguous(), "kinora::dequantize: the data must be contiguous");
  TORCH_CHECK(dtype == at::kFloat || dtype == at::kBFloat16, "kinora::dequantize: decodes to float32 and bfloat16, asked for ", dtype);
  const int64_t bytes = (int64_t)data.nbytes();
  TORCH_CHECK(bytes % form.bytes == 0, "kinora::dequantize: ", bytes, " bytes are no whole blocks of ", form.bytes);
  const int64_t elements = bytes / form.bytes * form.block;
  TORCH_CHECK(rows > 0 && elements % rows == 0, "kinora::dequantize: ", elements, " elements do not make ", rows, " rows");
  Tensor out = at::empty({elements}, data.options().dtype(dtype));
  if (elements == 0) return out;
  kn_dequantize_args a{};
  a.type = (int)type;
  a.out_bf16 = dtype == at::kBFloat16;
  a.columns = elements;
  a.data = data.data_ptr();
  a.out = out.data_ptr();
  if (scales && scales->defined()) {
    const int64_t n = scales->numel();
    TORCH_CHECK(scales->scalar_type() == at::kFloat && scales->is_contiguous() && scales->device().is_cpu() && (n == 1 || n == rows), "kinora::dequantize: scales must be float32 [1] or [", rows, "], got ", scales->sizes());
    a.scales = scales->data_ptr<float>();
    a.scale_per_row = n > 1;
    if (a.scale_per_row) a.columns = elements / rows;
    TORCH_CHECK(a.columns % form.block == 0, "kinora::dequantize: rows of ", a.columns, " elements do not divide into blocks of ", form.block);
  }
  const auto kernel = kn_active_kernels().dequantize;
  constexpr int64_t kUnit = 64 << 10;                      // elements: large against the cost of handing out work
  kn_parallel_units((elements + kUnit - 1) / kUnit, [&](int64_t u) { kernel(&a, u * kUnit, std::min(elements, (u + 1) * kUnit)); });
  return out;
}

}  // namespace

TORCH_LIBRARY_FRAGMENT(kinora, m) { m.def("dequantize(Tensor data, Tensor? scales, int type, int rows, ScalarType dtype) -> Tensor"); }

TORCH_LIBRARY_IMPL(kinora, CPU, m) { m.impl("dequantize", dequantize_cpu); }

// All CPU kernels for one instruction set. CMake compiles this file once per set, with the flags that enable it and
// KN_LEVEL = generic, avx2, avx512 or avx512_bf16. Nothing here may run before cpu_level.cpp has asked the processor.

#include "adamw.h"
#include "attention.h"
#include "dequantize.h"
#include "fused.h"
#include "winograd.h"

#define KN_JOIN_(a, b) a##b
#define KN_JOIN(a, b) KN_JOIN_(a, b)
#define KN_TEXT_(a) #a
#define KN_TEXT(a) KN_TEXT_(a)

namespace {

const kn_kernels kTable = {
    KN_TEXT(KN_LEVEL),
    layer_norm_modulate,
    layer_norm_modulate_backward,
    gated_residual,
    gated_residual_backward,
    rms_norm,
    rms_norm_backward,
    group_norm_sums,
    group_norm_apply,
    gated_gelu,
    qk_norm_rope,
    qk_norm_rope_backward,
    activation,
    column_sums,
    kQueryBlock,
    kKeyTile,
    attention_packed_bytes,
    attention_forward_scratch_bytes,
    attention_backward_scratch_bytes,
    attention_pack,
    attention_forward,
    attention_backward,
    kFilterGroup,
    winograd_scratch_floats,
    winograd_group_floats,
    winograd_filters,
    winograd_tiles,
    winograd_products,
    adamw,
    dequantize,
};

}  // namespace

extern "C" const kn_kernels* KN_JOIN(kn_kernels_, KN_LEVEL)(void) { return &kTable; }

/* 32 registers of 512 bits: 24 hold sums. 12 x 2 vectors fit square sizes best; in fp64, where packing
   and C weigh twice as much, 8 x 3 was measured 2 % faster from n = 1024 on (Zen 5). */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#ifdef __AVX512F__
#define REAL float
#define V(name) f32_##name
#define LANES F32_LANES
#define ROWS 12
#define VECTORS 2
#define NAME(name) fp32_##name
#include "gemm/kernel.inc"

#define REAL double
#define V(name) f64_##name
#define LANES F64_LANES
#define ROWS 8
#define VECTORS 3
#define NAME(name) fp64_##name
#include "gemm/kernel.inc"

const zb_gemm_kernel *zb_gemm_kernel_avx512(int dtype)
{
    return dtype == ZB_FP32 ? &fp32_kernel : dtype == ZB_FP64 ? &fp64_kernel : NULL;
}
#else
const zb_gemm_kernel *zb_gemm_kernel_avx512(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif

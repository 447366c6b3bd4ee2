/* 16 registers of 128 bits: 6 x 2 vectors of sums, 2 of B, 1 of A. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#define REAL float
#define V(name) f32_##name
#define LANES F32_LANES
#define ROWS 6
#define VECTORS 2
#define NAME(name) fp32_##name
#include "gemm/kernel.inc"

#define REAL double
#define V(name) f64_##name
#define LANES F64_LANES
#define ROWS 6
#define VECTORS 2
#define NAME(name) fp64_##name
#include "gemm/kernel.inc"

const zb_gemm_kernel *zb_gemm_kernel_portable(int dtype)
{
    return dtype == ZB_FP32 ? &fp32_kernel : dtype == ZB_FP64 ? &fp64_kernel : NULL;
}

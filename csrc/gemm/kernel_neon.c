/* 32 registers of 128 bits: 8 x 3 vectors of sums, 3 of B, the rest for A, whose elements NEON multiplies from within a
   register. Integers one by one as int32. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#ifdef __aarch64__
#define FP32_ROWS 8
#define FP32_VECTORS 3
#define FP64_ROWS 8
#define FP64_VECTORS 3
#define DOT_ROWS 8
#define DOT_LINES 3
#include "gemm/floats.inc"

#define ROWS 8
#define VECTORS 3
#define NAME(name) ones_##name
#include "gemm/ones.inc"

#include "gemm/find.inc"

const zb_gemm_kernel *zb_gemm_kernel_neon(int dtype)
{
    return find(dtype);
}
#else
const zb_gemm_kernel *zb_gemm_kernel_neon(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif

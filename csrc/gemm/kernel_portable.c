/* 16 registers of 128 bits: 6 x 2 vectors of sums, 2 of B, 1 of A. Integers one by one as int32. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#define FP32_ROWS 6
#define FP32_VECTORS 2
#define FP64_ROWS 6
#define FP64_VECTORS 2
#define DOT_ROWS 4
#define DOT_LINES 2
#include "gemm/floats.inc"

#define ROWS 6
#define VECTORS 2
#define NAME(name) ones_##name
#include "gemm/ones.inc"

#include "gemm/find.inc"

const zb_gemm_kernel *zb_gemm_kernel_portable(int dtype)
{
    return find(dtype);
}

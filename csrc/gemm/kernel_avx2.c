/* 16 registers of 256 bits: 6 x 2 vectors of sums, 2 of B, 1 of A. Integers as pairs of int16: the instruction
   for fours of bytes (_mm256_maddubs_epi16) saturates. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#ifdef __AVX2__
#define FP32_ROWS 6
#define FP32_VECTORS 2
#define FP64_ROWS 6
#define FP64_VECTORS 2
#define DOT_ROWS 4
#define DOT_LINES 2
#include "gemm/floats.inc"

#define ROWS 6
#define VECTORS 2
#define NAME(name) pairs_##name
#include "gemm/pairs.inc"

#include "gemm/find.inc"

const zb_gemm_kernel *zb_gemm_kernel_avx2(int dtype)
{
    return find(dtype);
}
#else
const zb_gemm_kernel *zb_gemm_kernel_avx2(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif

/* 32 registers of 512 bits: 24 hold sums. 12 x 2 vectors fit square sizes best; in fp64, where packing
   and C weigh twice as much, 8 x 3 was measured 2 % faster from n = 1024 on (Zen 5). Integers as pairs of
   int16, which this instruction set multiplies and adds exactly. */
#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "gemm/kernel.h"

#ifdef __AVX512F__
#define FP32_ROWS 12
#define FP32_VECTORS 2
#define FP64_ROWS 8
#define FP64_VECTORS 3
#define DOT_ROWS 8
#define DOT_LINES 3
#include "gemm/floats.inc"

#define ROWS 12
#define VECTORS 2
#define NAME(name) pairs_##name
#include "gemm/pairs.inc"

#include "gemm/find.inc"

const zb_gemm_kernel *zb_gemm_kernel_avx512(int dtype)
{
    return find(dtype);
}
#else
const zb_gemm_kernel *zb_gemm_kernel_avx512(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif

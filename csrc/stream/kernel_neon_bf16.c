#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "stream/kernel.h"

#ifdef __ARM_FEATURE_BF16_VECTOR_ARITHMETIC
#define CHAINS 12
#define PRODUCTS 4 /* 2 x 2 sums over fours of elements */
#define ADD(sum, a, b) ((f32_vec)vbfmmlaq_f32((float32x4_t)(sum), (bfloat16x8_t)(a), (bfloat16x8_t)(b)))
#include "stream/dots.inc"

const zb_peak *zb_peak_neon_bf16(int dtype)
{
    return dtype == ZB_BF16 ? &bf16_peak : NULL;
}
#else
const zb_peak *zb_peak_neon_bf16(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif

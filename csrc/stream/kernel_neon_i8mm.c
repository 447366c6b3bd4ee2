#include <stddef.h>

#include "core/simd.h"
#include "stream/kernel.h"

#if defined(__ARM_FEATURE_MATMUL_INT8)
static inline i32_vec multiply_add(i32_vec sum, i32_vec a, i32_vec b)
{
    return (i32_vec)vmmlaq_s32((int32x4_t)sum, (int8x16_t)a, (int8x16_t)b);
}

#define CHAINS 12
#define INTEGER_CHAINS 12
#define K_UNIT 4
#define PRODUCTS 8 /* of two words of A with two of B: a sum gets those of two words */
#define ADD(sum, a, b) multiply_add(sum, a, b)
#include "stream/kernel.inc"

const zb_stream_kernel *zb_stream_kernel_neon_i8mm(void)
{
    return &kernel;
}
#else
const zb_stream_kernel *zb_stream_kernel_neon_i8mm(void)
{
    return NULL;
}
#endif

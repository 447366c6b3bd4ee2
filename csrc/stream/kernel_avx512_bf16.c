#include <stddef.h>

#include "core/dtype.h"
#include "core/simd.h"
#include "stream/kernel.h"

#ifdef __AVX512BF16__
#define CHAINS 24
#define PRODUCTS 2
#define ADD(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#include "stream/dots.inc"

const zb_peak *zb_peak_avx512_bf16(int dtype)
{
    return dtype == ZB_BF16 ? &bf16_peak : NULL;
}
#else
const zb_peak *zb_peak_avx512_bf16(int dtype)
{
    (void)dtype;
    return NULL;
}
#endif

#include <stddef.h>

#include "core/simd.h"
#include "stream/kernel.h"

#ifdef __AVX512F__
#define CHAINS 24
#define INTEGER_CHAINS 8
#define K_UNIT 2
#define ADD(sum, a, b) i32_add(sum, i32_pairs(a, b))
#include "stream/kernel.inc"

const zb_stream_kernel *zb_stream_kernel_avx512(void)
{
    return &kernel;
}
#else
const zb_stream_kernel *zb_stream_kernel_avx512(void)
{
    return NULL;
}
#endif

#include <stddef.h>

#include "core/simd.h"
#include "stream/kernel.h"

#ifdef __AVX512F__
#define CHAINS 24
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

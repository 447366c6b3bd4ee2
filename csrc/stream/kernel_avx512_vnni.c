#include <stddef.h>

#include "core/simd.h"
#include "stream/kernel.h"

#ifdef __AVX512VNNI__
#define CHAINS 24
#define INTEGER_CHAINS 14 /* a latency of 5 on two units takes 10 */
#define K_UNIT 4
#define ADD(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#include "stream/kernel.inc"

const zb_stream_kernel *zb_stream_kernel_avx512_vnni(void)
{
    return &kernel;
}
#else
const zb_stream_kernel *zb_stream_kernel_avx512_vnni(void)
{
    return NULL;
}
#endif

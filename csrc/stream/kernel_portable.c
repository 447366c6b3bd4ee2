#include <stddef.h>

#include "core/simd.h"
#include "stream/kernel.h"

static inline i32_vec add_product(i32_vec sum, i32_vec a, i32_vec b)
{
    typedef uint32_t u32_vec __attribute__((vector_size(16))); /* wraps around, as hardware does */
    return (i32_vec)((u32_vec)sum + (u32_vec)a * (u32_vec)b);
}

#define CHAINS 12
#ifdef __aarch64__
#define INTEGER_CHAINS 12 /* one instruction, whose sum waits for the one before */
#else
#define INTEGER_CHAINS 3 /* SSE2 multiplies in five steps, with temporaries; a sum waits one cycle */
#endif
#define K_UNIT 1
#define ADD(sum, a, b) add_product(sum, a, b)
#include "stream/kernel.inc"

const zb_stream_kernel *zb_stream_kernel_portable(void)
{
    return &kernel;
}

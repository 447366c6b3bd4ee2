#include <stddef.h>

#include "core/simd.h"
#include "stream/kernel.h"

#define CHAINS 12
#include "stream/kernel.inc"

const zb_stream_kernel *zb_stream_kernel_portable(void)
{
    return &kernel;
}

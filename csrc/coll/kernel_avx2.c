#include "coll/kernel.h"

#include <stddef.h>

#ifdef __AVX2__
#include "coll/fp16.inc"
#include "coll/kernel.inc"

const zb_coll_kernel *zb_coll_kernel_avx2(void)
{
    return &kernel;
}
#else
const zb_coll_kernel *zb_coll_kernel_avx2(void)
{
    return NULL;
}
#endif

#include "coll/kernel.h"

#include <stddef.h>

#ifdef __aarch64__
#include "coll/fp16.inc"
#include "coll/kernel.inc"

const zb_coll_kernel *zb_coll_kernel_neon(void)
{
    return &kernel;
}
#else
const zb_coll_kernel *zb_coll_kernel_neon(void)
{
    return NULL;
}
#endif

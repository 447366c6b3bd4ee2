#include "coll/kernel.h"

#include "coll/loops.h"
#include "core/narrow.h"

COMBINE(fp16_sum, uint16_t, fp16_of_float(fp16_to_float(x) + fp16_to_float(y)))
COMBINE(fp16_prod, uint16_t, fp16_of_float(fp16_to_float(x) * fp16_to_float(y)))
DIVIDE(fp16_divide, uint16_t, float, 1 / (float)ranks, fp16_of_float(fp16_to_float(x) * by))
#include "coll/kernel.inc"

const zb_coll_kernel *zb_coll_kernel_portable(void)
{
    return &kernel;
}

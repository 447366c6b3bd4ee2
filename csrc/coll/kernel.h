/* What an instruction set brings to the reductions. */
#ifndef ZB_COLL_KERNEL_H
#define ZB_COLL_KERNEL_H

#include "coll/reduce.h"
#include "core/dtype.h"

/* NULL where there is no such combination. */
typedef struct {
    zb_coll_combine *combine[ZB_DTYPES][ZB_REDOPS];
    zb_coll_divide *divide[ZB_DTYPES];
} zb_coll_kernel;

/* NULL where the build cannot make it. */
const zb_coll_kernel *zb_coll_kernel_portable(void);
const zb_coll_kernel *zb_coll_kernel_avx2(void);
const zb_coll_kernel *zb_coll_kernel_avx512(void);
const zb_coll_kernel *zb_coll_kernel_neon(void);

#endif

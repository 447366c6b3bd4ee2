/* Data types: numbers that Python and C share. */
#ifndef ZB_CORE_DTYPE_H
#define ZB_CORE_DTYPE_H

/* public */
enum { ZB_FP32 = 0, ZB_FP64 = 1, ZB_INT32 = 2, ZB_INT64 = 3, ZB_BYTE = 4 };
/* end */

#endif

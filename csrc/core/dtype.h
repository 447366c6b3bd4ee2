/* Data types: numbers that Python and C share. */
#ifndef ZB_CORE_DTYPE_H
#define ZB_CORE_DTYPE_H

#include <stdint.h>

/* public */
enum {
    ZB_FP32 = 0,
    ZB_FP64 = 1,
    ZB_INT32 = 2,
    ZB_INT64 = 3,
    ZB_BYTE = 4,
    ZB_BF16 = 5,
    ZB_FP16 = 6,
    ZB_FP8E4M3 = 7, /* OCP's: no infinity, largest value 448 */
    ZB_FP8E5M2 = 8,
    ZB_INT8 = 9,
    ZB_U8S8 = 10, /* a product's operands: A uint8, B int8 */
    ZB_UINT8 = 11,
    ZB_UINT32 = 12,
    ZB_UINT64 = 13,
    ZB_DTYPES = 14
};
/* end */

/* Bytes of an element; ZB_U8S8 names two types of one byte. */
static inline int64_t zb_dtype_bytes(int dtype)
{
    switch (dtype) {
    case ZB_FP64:
    case ZB_INT64:
    case ZB_UINT64:
        return 8;
    case ZB_FP32:
    case ZB_INT32:
    case ZB_UINT32:
        return 4;
    case ZB_BF16:
    case ZB_FP16:
        return 2;
    default:
        return 1;
    }
}

#endif

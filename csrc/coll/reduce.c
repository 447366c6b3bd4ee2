#include "coll/reduce.h"

#include "core/dtype.h"
#include "core/status.h"

/* Unsigned arithmetic, because signed overflow is undefined in C and wraps in every other tool. */
#define DEFINE_SUM(name, type)                                                                     \
    static void name(type *dst, const type *a, const type *b, int64_t count)                       \
    {                                                                                              \
        for (int64_t i = 0; i < count; i++)                                                        \
            dst[i] = a[i] + b[i];                                                                  \
    }

DEFINE_SUM(sum_fp32, float)
DEFINE_SUM(sum_fp64, double)
DEFINE_SUM(sum_int32, uint32_t)
DEFINE_SUM(sum_int64, uint64_t)

int64_t zb_coll_item_bytes(int dtype)
{
    switch (dtype) {
    case ZB_FP32:
    case ZB_INT32:
        return 4;
    case ZB_FP64:
    case ZB_INT64:
        return 8;
    case ZB_BYTE:
        return 1;
    default:
        return 0;
    }
}

void zb_coll_sum_checked(int dtype, void *dst, const void *a, const void *b, int64_t bytes)
{
    switch (dtype) {
    case ZB_FP32:
        sum_fp32(dst, a, b, bytes / 4);
        break;
    case ZB_FP64:
        sum_fp64(dst, a, b, bytes / 8);
        break;
    case ZB_INT32:
        sum_int32(dst, a, b, bytes / 4);
        break;
    case ZB_INT64:
        sum_int64(dst, a, b, bytes / 8);
        break;
    default: /* whoever checked did not let it through */
        break;
    }
}

int zb_coll_sum(int dtype, void *dst, const void *a, const void *b, int64_t bytes)
{
    int64_t item = zb_coll_item_bytes(dtype);
    if (item == 0 || dtype == ZB_BYTE || bytes < 0 || bytes % item != 0)
        return ZB_EINVAL;
    zb_coll_sum_checked(dtype, dst, a, b, bytes);
    return ZB_OK;
}

/* Typed sums over messages. */
#ifndef ZB_COLL_REDUCE_H
#define ZB_COLL_REDUCE_H

#include <stdint.h>

/* public */
/* dst[i] = a[i] + b[i] over `bytes`; integers wrap; dst may be a or b, but must not overlap them otherwise.
   Returns ZB_EINVAL for a dtype without a sum or bytes that are no whole number of elements. */
int zb_coll_sum(int dtype, void *dst, const void *a, const void *b, int64_t bytes);
/* end */

/* The same where a plan has been checked already: a tiny message must not pay for it again. */
void zb_coll_sum_checked(int dtype, void *dst, const void *a, const void *b, int64_t bytes);

/* The size of one element, 0 for an unknown dtype. */
int64_t zb_coll_item_bytes(int dtype);

#endif

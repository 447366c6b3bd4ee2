/* Typed reductions over messages. */
#ifndef ZB_COLL_REDUCE_H
#define ZB_COLL_REDUCE_H

#include <stdint.h>

/* public */
enum {
    ZB_SUM = 0,
    ZB_PROD = 1,
    ZB_MIN = 2,
    ZB_MAX = 3,
    ZB_BAND = 4, /* this and those below: integers only */
    ZB_BOR = 5,
    ZB_BXOR = 6,
    ZB_REDOPS = 7
};

/* dst[i] = a[i] (redop) b[i] over `bytes`, at any address; dst may be a or b, but must not overlap them otherwise.

   Integers wrap. Sums and products of fp16 and bf16 are made in fp32 and rounded once, to nearest, ties to even;
   subnormals are kept. Minimum and maximum are the same bits in whatever order the operands come: -0 is less
   than +0, and where either is a NaN the result is the NaN 0x7fc00000 (fp64: 0x7ff8000000000000, fp16: 0x7e00,
   bf16: 0x7fc0). A NaN in a sum or a product gives a NaN, too, but which one depends on the order and on
   the CPU.

   ZB_EINVAL: no such combination of dtype and redop, or bytes that are no whole number of elements; ZB_EISA. */
int zb_coll_reduce(int isa, int dtype, int redop, void *dst, const void *a, const void *b, int64_t bytes);

/* dst[i] = src[i] / ranks, which makes an average of a sum. Floats are multiplied by 1 / ranks, fp16 and bf16 in
   fp32 and rounded once; integers are truncated towards zero, as in NCCL's average. Errors as above, ranks < 1. */
int zb_coll_scale(int isa, int dtype, void *dst, const void *src, int64_t bytes, int64_t ranks);

/* The instruction set whose loops reductions use where `isa` is asked for: it, or what it builds on. -1: this CPU
   or this build lacks it. */
int zb_coll_isa(int isa);
/* end */

/* The same without a check, looked up once: a tiny message must not pay for it again. NULL: there is none. */
typedef void zb_coll_combine(void *dst, const void *a, const void *b, int64_t bytes);
typedef void zb_coll_divide(void *dst, const void *src, int64_t bytes, int64_t ranks);
zb_coll_combine *zb_coll_combiner(int isa, int dtype, int redop);
zb_coll_divide *zb_coll_divider(int isa, int dtype);

#endif

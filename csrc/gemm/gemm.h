/* C = alpha op(A) op(B) + beta C in fp32 and fp64: row-major, with BLAS's semantics.

   op(A) is m x k, op(B) is k x n, C is m x n. beta = 0 does not read C; alpha = 0 or k = 0 does not
   read A and B; m = 0 or n = 0 touches nothing. NaN and Inf propagate. C must not overlap A or B.
   Results do not depend on the number of threads. */
#ifndef ZB_GEMM_GEMM_H
#define ZB_GEMM_GEMM_H

#include <stdint.h>

#include "core/cpu.h"

/* public */
enum { ZB_GEMM_PACKED = 0, ZB_GEMM_NAIVE = 1 };

/* Sizes of what is packed at a time: mc x kc of A and kc x nc of B, shared by the threads and meant
   for the last-level cache, and the nb columns of B that a thread works through, meant for its
   own L2. In a request, 0 lets the caches decide. */
typedef struct {
    int64_t mc;
    int64_t nc;
    int64_t kc;
    int64_t nb;
} zb_gemm_blocks;

typedef struct {
    int dtype;  /* ZB_FP32, ZB_FP64 */
    int isa;
    int kernel; /* ZB_GEMM_PACKED; ZB_GEMM_NAIVE is the plain triple loop, on one thread */
    int transa; /* A is stored as k x m */
    int transb; /* B is stored as n x k */
    int threads;
    int64_t m;
    int64_t n;
    int64_t k;
    zb_gemm_blocks blocks;
} zb_gemm_request;

/* One set of operands; leading dimensions count elements from row to row as stored. */
typedef struct {
    const void *a;
    const void *b;
    void *c;
    int64_t lda;
    int64_t ldb;
    int64_t ldc;
} zb_gemm_slot;

typedef struct zb_gemm zb_gemm;

/* ZB_EINVAL: an argument out of range, or sizes whose bytes overflow. ZB_EISA: not on this CPU.
   ZB_ENOMEM, ZB_ESYSTEM: no room for the work buffers, no threads. */
int zb_gemm_create(const zb_gemm_request *request, zb_gemm **plan);
void zb_gemm_destroy(zb_gemm *plan);

/* ZB_EINVAL: a leading dimension shorter than a row. */
int zb_gemm_run(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot);

/* rounds intervals of batch executions each; execution e uses slot e % slots. Chained stamps: a
   round starts where the last one ended, so that ns[0 .. rounds) adds up to the elapsed time. */
int zb_gemm_run_rounds(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot,
                       int64_t slots, int64_t rounds, int64_t batch, int64_t *ns);

/* What the plan settled on: the block sizes, and the register tile (0 x 0 for the naive kernel). */
void zb_gemm_describe(const zb_gemm *plan, zb_gemm_blocks *blocks, int *rows, int *columns);
/* end */

#endif

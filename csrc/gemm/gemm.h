/* C = alpha op(A) op(B) + beta C: row-major, with BLAS's semantics.

   op(A) is m x k, op(B) is k x n, C is m x n; a batch is that many of them at fixed strides. beta = 0 does
   not read C; alpha = 0 or k = 0 does not read A and B; m = 0 or n = 0 touches nothing. NaN and Inf
   propagate. C must not overlap A or B. Results do not depend on the number of threads.

   Sums are kept in fp64 for fp64, in int32 (modulo 2^32) for integers, in fp32 for all else, and rounded
   once where C is narrower. Integers take alpha = 1 and beta = 0 or 1. The instructions for bf16 (AVX512_BF16,
   AMX, NEON_BF16) take subnormal operands for zero and round in a way of their own. */
#ifndef ZB_GEMM_GEMM_H
#define ZB_GEMM_GEMM_H

#include <stdint.h>

#include "core/cpu.h"

/* public */
enum { ZB_GEMM_FAST = 0, ZB_GEMM_NAIVE = 1 };

/* How a plan goes about it, by its shape. PACKED: A and B are copied into panels, in blocks that fit the
   caches. SMALL: one thread a product, in place where that is possible. THIN: few rows, B is read once
   as it stands, and nothing is copied. */
enum { ZB_GEMM_PATH_NAIVE = 0, ZB_GEMM_PATH_PACKED = 1, ZB_GEMM_PATH_SMALL = 2, ZB_GEMM_PATH_THIN = 3 };

/* Sizes of what is packed at a time: mc x kc of A, shared by the threads and meant for the last-level
   cache, and kc x nb of B, each thread's own and meant for its L2. In a request, 0 lets the caches
   decide. */
typedef struct {
    int64_t mc;
    int64_t kc;
    int64_t nb;
} zb_gemm_blocks;

typedef struct {
    int dtype;  /* of A and B: a float, ZB_INT8, ZB_U8S8 */
    int out;    /* of C: that of the sums, or ZB_BF16 or ZB_FP16 where sums are fp32 */
    int isa;
    int kernel; /* ZB_GEMM_FAST; ZB_GEMM_NAIVE is the plain triple loop, on one thread */
    int transa; /* A is stored as k x m */
    int transb; /* B is stored as n x k */
    int prepacked; /* B is what zb_gemm_pack_weights left; not for a batch */
    int threads;
    int64_t m;
    int64_t n;
    int64_t k;
    int64_t batch;
    zb_gemm_blocks blocks;
} zb_gemm_request;

/* One set of operands; leading dimensions count elements from row to row as stored, strides those from
   product to product of a batch. */
typedef struct {
    const void *a;
    const void *b;
    void *c;
    int64_t lda;
    int64_t ldb;
    int64_t ldc;
    int64_t stride_a;
    int64_t stride_b;
    int64_t stride_c;
} zb_gemm_slot;

typedef struct zb_gemm zb_gemm;

/* ZB_EINVAL: an argument out of range, or sizes whose bytes overflow. ZB_EISA: not on this CPU.
   ZB_ENOMEM, ZB_ESYSTEM: no room for the work buffers, no threads. */
int zb_gemm_create(const zb_gemm_request *request, zb_gemm **plan);
void zb_gemm_destroy(zb_gemm *plan);

/* Bytes of B in the form that this plan computes with, 64-byte aligned, and B brought into it: for a plan
   with prepacked weights, as often as B changes. ZB_EINVAL: not such a plan, a short leading dimension. */
int64_t zb_gemm_weights_bytes(const zb_gemm *plan);
int zb_gemm_pack_weights(const zb_gemm *plan, const void *b, int64_t ldb, void *weights);

/* ZB_EINVAL: a leading dimension shorter than a row; of integers alpha other than 1, beta than 0 and 1. */
int zb_gemm_run(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot);

/* rounds intervals of batch executions each; execution e uses slot e % slots. Chained stamps: a
   round starts where the last one ended, so that ns[0 .. rounds) adds up to the elapsed time. */
int zb_gemm_run_rounds(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot,
                       int64_t slots, int64_t rounds, int64_t batch, int64_t *ns);

/* What the plan settled on: its path, whose kernel it is, the block sizes of a packed one, the register
   tile (0 x 0 for the naive kernel). */
typedef struct {
    int path;
    int isa;
    zb_gemm_blocks blocks;
    int rows;
    int columns;
} zb_gemm_description;
zb_gemm_description zb_gemm_describe(const zb_gemm *plan);
/* end */

#endif

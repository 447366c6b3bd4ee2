/* What an instruction set brings to the packed GEMM, for one element type. */
#ifndef ZB_GEMM_KERNEL_H
#define ZB_GEMM_KERNEL_H

#include <stdint.h>

#include "gemm/gemm.h"

/* Packed A is a row of panels, each `rows` rows of op(A): element (i, p) of a panel at p * rows + i.
   Packed B is a row of panels, each `columns` columns of op(B), stored alike. Panels at the edge
   are filled up with zeros, so that the kernel only ever sees full tiles. */
typedef struct {
    int rows, columns; /* the register tile */
    int size_bytes;    /* of one element */

    /* Pack k steps of `count` rows of op(A), columns of op(B); element (i, p) of the operand stands
       at from[i * step + p * k_step], and one of the steps is 1. */
    void (*pack_a)(int64_t count, int64_t k, const void *from, int64_t step, int64_t k_step, void *to);
    void (*pack_b)(int64_t count, int64_t k, const void *from, int64_t step, int64_t k_step, void *to);

    /* C (m x n, leading dimension ldc) = alpha A B + beta C over packed panels of k steps. */
    void (*multiply)(int64_t m, int64_t n, int64_t k, double alpha, const void *a, const void *b,
                     double beta, void *c, int64_t ldc);
} zb_gemm_kernel;

/* For dtype ZB_FP32 or ZB_FP64; NULL where the build cannot make it. */
const zb_gemm_kernel *zb_gemm_kernel_portable(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_avx2(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_avx512(int dtype);

/* Fill in the blocks that the request leaves to the caches; round all to the tile and the problem. */
zb_gemm_blocks zb_gemm_choose_blocks(const zb_gemm_kernel *kernel, zb_caches caches,
                                     const zb_gemm_request *request);

/* Pieces that the work between two barriers should fall into, at least: a thread that is held up
   then leaves the rest to the others. */
static inline int64_t zb_gemm_pieces(int threads)
{
    return threads == 1 ? 1 : (int64_t)threads * 4;
}

/* The reference: a triple loop on one thread, any steps. */
void zb_gemm_naive_fp32(const zb_gemm_request *request, double alpha, double beta, const zb_gemm_slot *slot);
void zb_gemm_naive_fp64(const zb_gemm_request *request, double alpha, double beta, const zb_gemm_slot *slot);

#endif

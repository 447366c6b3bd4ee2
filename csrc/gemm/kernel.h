/* What an instruction set brings to the GEMM, for one type of operands.

   Sums are kept in fp32, fp64 or int32. What a step adds to a sum is a *word* of A times a word of B:
   one element of either as the sum's type, or two or four narrow ones side by side where the
   instruction set multiplies and adds them at once; k_unit says how many. */
#ifndef ZB_GEMM_KERNEL_H
#define ZB_GEMM_KERNEL_H

#include "gemm/unroll.h"
#include <stdint.h>

#include "core/cpu.h"
#include "gemm/gemm.h"

/* An operand as it is stored: element (i, p), line i at step p of k, stands at from[i * step + p * k_step],
   and one of the two is 1. */
typedef struct {
    const void *from;
    int64_t step, k_step;
} zb_gemm_lines;

/* C or a part of it, in the type of the sums: C = alpha A B + beta C. */
typedef struct {
    double alpha, beta;
    void *c;
    int64_t ldc;
} zb_gemm_target;

/* Memory that will be wanted soon, which a kernel brings nearer while it computes: `lines` lines of `bytes` bytes,
   `stride` from one to the next. It moves on as that is done. */
typedef struct {
    const char *at;
    int64_t lines, bytes, stride;
    int64_t each; /* cache lines at a time */
    int64_t done; /* bytes of the first line */
} zb_gemm_ahead;

/* What a kernel fetches: the next panel of A, the next panels of B. */
typedef struct {
    zb_gemm_ahead a, b;
} zb_gemm_next;

/* It does so every few steps of k: many cache lines at once would fill the core's few line buffers and hold up the
   loop's own loads (measured at once: 2 % slower than without; spread: 2 % faster; Emerald Rapids). */
enum { ZB_GEMM_FETCH_STEPS = 8, ZB_GEMM_CACHE_LINE = 64 };

static inline __attribute__((always_inline)) void zb_gemm_fetch(zb_gemm_ahead *ahead)
{
    for (int64_t i = 0; i < ahead->each && ahead->lines > 0; i++) {
        __builtin_prefetch(ahead->at + ahead->done, 0, 2);
        ahead->done += ZB_GEMM_CACHE_LINE;
        if (ahead->done >= ahead->bytes) {
            ahead->done = 0;
            ahead->at += ahead->stride;
            ahead->lines--;
        }
    }
}

typedef struct {
    int rows, columns; /* the register tile */
    int k_unit;        /* steps of k in a word */
    int word_bytes;
    int tail_bytes; /* behind the words of a panel of B: what each column's sums start from; 0: zero */
    int sum;        /* ZB_FP32, ZB_FP64, ZB_INT32 */
    int size_a, size_b; /* bytes of an element as it is stored */

    /* Packed A is a row of panels, each `rows` lines of op(A): word p of line i of a panel at
       p * rows + i. Packed B is a row of panels, each `columns` lines of op(B), stored alike, and its
       tail. Panels at the edge are filled up with zeros. */
    void (*pack_a)(int64_t count, int64_t k, zb_gemm_lines a, void *to);
    void (*pack_b)(int64_t count, int64_t k, zb_gemm_lines b, void *to);
    /* C (m x n) over packed panels of that many words; meanwhile it may fetch what is wanted next. */
    void (*multiply)(int64_t m, int64_t n, int64_t words, const void *a, const void *b, const zb_gemm_target *to,
                     zb_gemm_next *next);

    /* Small products: op(A) in place, op(B) in place with b.step = 1 or packed (b.step = 0).
       NULL where an element is not a word. */
    void (*direct)(int64_t m, int64_t n, int64_t k, zb_gemm_lines a, zb_gemm_lines b, const zb_gemm_target *to);

    /* Few rows, m <= ZB_GEMM_THIN_ROWS: A's lines as words side by side, `lead` words from line to line,
       filled with zeros to `lead`, which is a multiple of `lanes` words. */
    int lanes;
    void (*spread)(int64_t m, int64_t k, zb_gemm_lines a, int64_t lead, void *to);
    /* B in panels as packed B's, but as narrow as it is stored: thin_bytes a word. */
    int thin_bytes;
    void (*pack_thin)(int64_t count, int64_t k, zb_gemm_lines b, void *to);
    void (*thin)(int64_t m, int64_t n, int64_t words, const void *a, int64_t lead, const void *b,
                 const zb_gemm_target *to);
    /* B in place, its lines running along k (k_step = 1). */
    void (*dot)(int64_t m, int64_t n, int64_t k, const void *a, int64_t lead, const void *b, int64_t ldb,
                const zb_gemm_target *to);

    /* fp32 sums: C as bf16 or fp16 from sums, and back. NULL for other sums. */
    void (*narrow)(int dtype, int64_t count, const float *from, void *to);
    void (*widen)(int dtype, int64_t count, const void *from, float *to);
} zb_gemm_kernel;

enum { ZB_GEMM_THIN_ROWS = 16 };

/* By type of the operands; NULL where this file has none for it, or the build cannot make it. */
const zb_gemm_kernel *zb_gemm_kernel_portable(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_avx2(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_avx512(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_avx512_vnni(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_avx512_bf16(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_amx(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_neon(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_neon_dotprod(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_neon_i8mm(int dtype);
const zb_gemm_kernel *zb_gemm_kernel_neon_bf16(int dtype);

/* The kernel of this instruction set, or of what it builds on; *from names whose it is. */
const zb_gemm_kernel *zb_gemm_kernel_find(int isa, int dtype, int *from);

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
void zb_gemm_naive(const zb_gemm_request *request, double alpha, double beta, const zb_gemm_slot *slot);

#endif

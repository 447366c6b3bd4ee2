/* A plan from the inside: what gemm.c prepares and the three paths run. */
#ifndef ZB_GEMM_PLAN_H
#define ZB_GEMM_PLAN_H

#include <stdatomic.h>
#include <stdint.h>

#include "core/dtype.h"
#include "core/pool.h"
#include "gemm/gemm.h"
#include "gemm/kernel.h"

/* So few rows take no longer to multiply with than B to fetch from memory: both at once. With more, what is fetched
   too early drives out what is in use (n = 2048, two threads, fp64: 10 % slower; Emerald Rapids). */
enum { ZB_GEMM_FEW_ROWS = 512 };

struct zb_gemm {
    zb_gemm_request request;
    int path, isa;
    const zb_gemm_kernel *kernel; /* NULL: naive */
    zb_gemm_blocks blocks;
    int64_t weights_k; /* steps of k in a panel of prepacked B */
    int64_t lead;      /* THIN: words of a line of A */
    int64_t parts;     /* SMALL: of each product */
    char *shared;      /* PACKED: A's panels; THIN: A's words */
    char *own;         /* own_bytes for each thread: B's panels, and A's of SMALL, then sums */
    int64_t own_bytes, own_sums; /* the offset of the sums */
    char *sums;        /* PACKED with a narrow C: mc x n of them */
    atomic_llong *progress; /* PACKED: of each of A's panels */
    long long turns;        /* PACKED: blocks worked on so far */
    zb_pool *pool;
};

/* One call: the plan and its operands. */
typedef struct {
    zb_gemm *plan;
    double alpha, beta;
    const zb_gemm_slot *slot;
    long long turns; /* of the plan, before this call */
} zb_gemm_call;

void zb_gemm_packed(void *call, int thread);
void zb_gemm_small(void *call, int thread);
void zb_gemm_thin(void *call, int thread);
/* Columns of C that a thread takes at a time on the thin path. */
int64_t zb_gemm_thin_columns(const zb_gemm *plan);

static inline int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static inline int64_t round_up(int64_t value, int64_t unit)
{
    return divide_up(value, unit) * unit;
}

/* Where one of so many pieces of `total` lines starts, as equal as whole tiles of `unit` allow; that of the piece behind
   the last is `total`. */
static inline int64_t zb_gemm_piece_start(int64_t total, int64_t unit, int64_t piece, int64_t pieces)
{
    return smaller(divide_up(total, unit) * piece / pieces * unit, total);
}

static inline int64_t zb_gemm_words(const zb_gemm_kernel *kernel, int64_t k)
{
    return divide_up(k, kernel->k_unit);
}

static inline int64_t zb_gemm_panel_a_bytes(const zb_gemm_kernel *kernel, int64_t k)
{
    return kernel->rows * zb_gemm_words(kernel, k) * kernel->word_bytes;
}

static inline int64_t zb_gemm_panel_b_bytes(const zb_gemm_kernel *kernel, int64_t k)
{
    return kernel->columns * zb_gemm_words(kernel, k) * kernel->word_bytes + kernel->tail_bytes;
}

/* Of weights that stay as narrow as they are stored. */
static inline int64_t zb_gemm_thin_panel_bytes(const zb_gemm_kernel *kernel, int64_t k)
{
    return kernel->columns * zb_gemm_words(kernel, k) * kernel->thin_bytes + kernel->tail_bytes;
}

/* The operands of one product of a batch, from a line and a step of k on. */
static inline zb_gemm_lines zb_gemm_lines_a(const zb_gemm_call *call, int64_t product, int64_t line, int64_t k)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_slot *slot = call->slot;
    int64_t step = plan->request.transa ? 1 : slot->lda, k_step = plan->request.transa ? slot->lda : 1;
    return (zb_gemm_lines){
        (const char *)slot->a + (product * slot->stride_a + line * step + k * k_step) * plan->kernel->size_a, step, k_step};
}

static inline zb_gemm_lines zb_gemm_lines_b(const zb_gemm_call *call, int64_t product, int64_t line, int64_t k)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_slot *slot = call->slot;
    int64_t step = plan->request.transb ? slot->ldb : 1, k_step = plan->request.transb ? 1 : slot->ldb;
    return (zb_gemm_lines){
        (const char *)slot->b + (product * slot->stride_b + line * step + k * k_step) * plan->kernel->size_b, step, k_step};
}

static inline char *zb_gemm_at_c(const zb_gemm_call *call, int64_t product, int64_t row, int64_t column)
{
    const zb_gemm_slot *slot = call->slot;
    return (char *)slot->c + (product * slot->stride_c + row * slot->ldc + column) * zb_dtype_bytes(call->plan->request.out);
}

/* Whether C is narrower than the sums. */
static inline int zb_gemm_narrows(const zb_gemm *plan)
{
    return plan->request.out != plan->kernel->sum;
}

/* rows x columns of C into sums that beta will scale, and sums into C. */
static inline void zb_gemm_fetch_c(const zb_gemm *plan, int64_t rows, int64_t columns, const char *c, int64_t ldc,
                                   float *sums, int64_t ld)
{
    for (int64_t i = 0; i < rows; i++)
        plan->kernel->widen(plan->request.out, columns, c + i * ldc * zb_dtype_bytes(plan->request.out), sums + i * ld);
}

static inline void zb_gemm_round_c(const zb_gemm *plan, int64_t rows, int64_t columns, const float *sums, int64_t ld,
                                   char *c, int64_t ldc)
{
    for (int64_t i = 0; i < rows; i++)
        plan->kernel->narrow(plan->request.out, columns, sums + i * ld, c + i * ldc * zb_dtype_bytes(plan->request.out));
}

#endif

/* The path of small products, in place where that is possible: a batch is shared out, a product cut into parts of C. */
#include <stddef.h>

#include "gemm/plan.h"

typedef struct {
    int64_t row, rows, column, columns;
} part;

/* Whole tiles along the side that has more of them. */
static part part_of_c(const zb_gemm *plan, int64_t index)
{
    int64_t m = plan->request.m, n = plan->request.n, height = plan->kernel->rows, width = plan->kernel->columns;
    if (plan->parts == 1) /* a product of 8 x 8 x 8 takes no longer than a few divisions */
        return (part){0, m, 0, n};
    if (divide_up(n, width) >= divide_up(m, height)) {
        int64_t start = zb_gemm_piece_start(n, width, index, plan->parts);
        return (part){0, m, start, zb_gemm_piece_start(n, width, index + 1, plan->parts) - start};
    }
    int64_t start = zb_gemm_piece_start(m, height, index, plan->parts);
    return (part){start, zb_gemm_piece_start(m, height, index + 1, plan->parts) - start, 0, n};
}

static void run_part(const zb_gemm_call *call, int64_t product, part now, char *own)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t k = plan->request.k, ldc = call->slot->ldc;
    zb_gemm_lines a = zb_gemm_lines_a(call, product, now.row, 0), b = zb_gemm_lines_b(call, product, now.column, 0);
    char *c = zb_gemm_at_c(call, product, now.row, now.column);
    int narrows = zb_gemm_narrows(plan);
    float *sums = (float *)(void *)(own + plan->own_sums);
    zb_gemm_target to = {call->alpha, call->beta, narrows ? (void *)sums : (void *)c, narrows ? now.columns : ldc};
    if (narrows && call->beta != 0)
        zb_gemm_fetch_c(plan, now.rows, now.columns, c, ldc, sums, now.columns);
    if (kernel->direct) {
        if (b.step != 1) {
            kernel->pack_b(now.columns, k, b, own);
            b = (zb_gemm_lines){own, 0, 0};
        }
        kernel->direct(now.rows, now.columns, k, a, b, &to);
    } else {
        char *packed_a = own + divide_up(now.columns, kernel->columns) * zb_gemm_panel_b_bytes(kernel, k);
        kernel->pack_b(now.columns, k, b, own);
        kernel->pack_a(now.rows, k, a, packed_a);
        kernel->multiply(now.rows, now.columns, zb_gemm_words(kernel, k), packed_a, own, &to, &(zb_gemm_next){0});
    }
    if (narrows)
        zb_gemm_round_c(plan, now.rows, now.columns, sums, now.columns, c, ldc);
}

/* Parts of products, counted through the batch. */
static void run_parts(const zb_gemm_call *call, int64_t from, int64_t to, char *own)
{
    int64_t parts = call->plan->parts, product = from / parts, index = from % parts;
    for (int64_t i = from; i < to; i++) {
        run_part(call, product, part_of_c(call->plan, index), own);
        if (++index == parts) {
            index = 0;
            product++;
        }
    }
}

void zb_gemm_small(void *argument, int thread)
{
    const zb_gemm_call *call = argument;
    const zb_gemm *plan = call->plan;
    int64_t total = plan->request.batch * plan->parts;
    char *own = plan->own + thread * plan->own_bytes;
    if (!plan->pool) {
        run_parts(call, 0, total, own);
        return;
    }
    /* A few claims a thread: each costs as much as a product of 8 x 8 x 8. */
    int64_t pieces = smaller(total, zb_gemm_pieces(plan->request.threads));
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, thread, pieces)) < pieces;)
        run_parts(call, total * piece / pieces, total * (piece + 1) / pieces, own);
}

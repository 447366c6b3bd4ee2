/* The packed path: Goto & van de Geijn's blocking (TOMS 2008), threads side by side over C.

   For each block of k the team packs A together; then each thread takes stretches of columns, packs what of B
   belongs to one into a buffer of its own, which stays in its L2, and multiplies with all of A. Nothing
   of B passes between cores. */
#include <stddef.h>

#include "gemm/plan.h"

/* Bytes packed for one claim: enough to hide its cost, too little to wait for. */
static const int64_t PACK_BYTES = 64 << 10;

/* The block that the team works on between two barriers: rows of one product, and the steps of k it adds. */
typedef struct {
    int64_t product, row, rows, k, steps;
} block;

static void pack_a(const zb_gemm_call *call, const block *now, int thread)
{
    const zb_gemm *plan = call->plan;
    int64_t panel_bytes = zb_gemm_panel_a_bytes(plan->kernel, now->steps);
    int64_t panels = PACK_BYTES > panel_bytes ? PACK_BYTES / panel_bytes : 1, lines = panels * plan->kernel->rows;
    int64_t pieces = divide_up(now->rows, lines);
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, 1, thread, pieces)) < pieces;)
        plan->kernel->pack_a(smaller(lines, now->rows - piece * lines), now->steps,
                             zb_gemm_lines_a(call, now->product, now->row + piece * lines, now->k),
                             plan->shared + piece * panels * panel_bytes);
}

/* Panels of B for `columns` columns from `column` on: packed ones of the user's, or packed now. */
static const char *panels_b(const zb_gemm_call *call, const block *now, int64_t column, int64_t columns, char *own)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t width = kernel->columns, k = plan->request.k;
    if (!plan->request.prepacked) {
        kernel->pack_b(columns, now->steps, zb_gemm_lines_b(call, now->product, column, now->k), own);
        return own;
    }
    const char *weights = call->slot->b;
    if (kernel->thin_bytes == kernel->word_bytes) /* blocks of k as they are used, all columns in each */
        return weights + divide_up(plan->request.n, width) * zb_gemm_panel_b_bytes(kernel, plan->weights_k) *
                             (now->k / plan->weights_k) +
               column / width * zb_gemm_panel_b_bytes(kernel, now->steps);
    int64_t panel_bytes = zb_gemm_panel_b_bytes(kernel, now->steps);
    for (int64_t j = 0; j < columns; j += width) {
        zb_gemm_lines panel = {weights + ((column + j) * k + now->k * width) * kernel->thin_bytes, 1, width};
        kernel->pack_b(width, now->steps, panel, own + j / width * panel_bytes);
    }
    return own;
}

/* Rows of one piece. Each stretch of columns is cut into a multiple of the threads, so that they end
   together. */
static int64_t piece_rows(const zb_gemm *plan, const block *now, int64_t column_pieces)
{
    int threads = plan->request.threads;
    if (column_pieces >= zb_gemm_pieces(threads))
        return now->rows;
    int64_t row_pieces = divide_up(zb_gemm_pieces(threads), column_pieces);
    return round_up(divide_up(now->rows, row_pieces), plan->kernel->rows);
}

static void multiply(const zb_gemm_call *call, const block *now, int thread)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t n = plan->request.n, nb = plan->blocks.nb, column_pieces = divide_up(n, nb);
    int64_t height = piece_rows(plan, now, column_pieces), row_pieces = divide_up(now->rows, height);
    int64_t pieces = row_pieces * column_pieces, ready = -1;
    int narrows = zb_gemm_narrows(plan), last = now->k + now->steps == plan->request.k;
    char *own = plan->own + thread * plan->own_bytes;
    const char *b = own;
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, 0, thread, pieces)) < pieces;) {
        int64_t row = piece % row_pieces * height, column = piece / row_pieces * nb;
        int64_t rows = smaller(height, now->rows - row), columns = smaller(nb, n - column);
        if (ready != column)
            b = panels_b(call, now, column, columns, own);
        ready = column;
        char *c = zb_gemm_at_c(call, now->product, now->row + row, column);
        float *sums = narrows ? (float *)(void *)plan->sums + row * n + column : NULL;
        /* Later steps of k add to what the first ones left. */
        zb_gemm_target to = {call->alpha, now->k == 0 ? call->beta : 1, narrows ? (void *)sums : (void *)c,
                             narrows ? n : call->slot->ldc};
        if (narrows && now->k == 0 && call->beta != 0)
            zb_gemm_fetch_c(plan, rows, columns, c, call->slot->ldc, sums, n);
        kernel->multiply(rows, columns, zb_gemm_words(kernel, now->steps),
                         plan->shared + row / kernel->rows * zb_gemm_panel_a_bytes(kernel, now->steps), b, &to);
        if (narrows && last)
            zb_gemm_round_c(plan, rows, columns, sums, n, c, call->slot->ldc);
    }
}

void zb_gemm_packed(void *argument, int thread)
{
    const zb_gemm_call *call = argument;
    const zb_gemm_request *request = &call->plan->request;
    const zb_gemm_blocks *blocks = &call->plan->blocks;
    for (int64_t product = 0; product < request->batch; product++)
        for (int64_t row = 0; row < request->m; row += blocks->mc)
            for (int64_t k = 0; k < request->k; k += blocks->kc) {
                block now = {
                    .product = product,
                    .row = row,
                    .rows = smaller(blocks->mc, request->m - row),
                    .k = k,
                    .steps = smaller(blocks->kc, request->k - k),
                };
                pack_a(call, &now, thread);
                zb_pool_barrier(call->plan->pool);
                multiply(call, &now, thread);
                if (product + 1 < request->batch || row + blocks->mc < request->m || k + blocks->kc < request->k)
                    zb_pool_barrier(call->plan->pool); /* A's panels are about to be written over */
            }
}

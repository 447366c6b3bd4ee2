/* The packed path: Goto & van de Geijn's blocking (TOMS 2008), threads side by side over C.

   For each block of k each thread takes stretches of columns, packs what of B belongs to one into a buffer of its own,
   which stays in its L2, and multiplies with all of A, whose panels the team shares. Nothing of B passes between
   cores. */
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>

#include "gemm/plan.h"

/* The block that the team works on between two barriers: rows of one product, and the steps of k it adds. */
typedef struct {
    int64_t product, row, rows, k, steps;
    long long turn; /* its number among all that the plan has worked on, from 1 */
} block;

/* How far a panel of A is: of which turn, and whether it is being packed or packed. */
static long long being_packed(long long turn)
{
    return 2 * turn - 1;
}

static long long is_packed(long long turn)
{
    return 2 * turn;
}

/* The panel of A from `row` of the block on. Who needs it first packs it, and multiplies with it at once: what is read
   was fetched during the panel before, and what is written is still near. */
static const char *panel_a(const zb_gemm_call *call, const block *now, int64_t row)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t panel = row / kernel->rows;
    char *to = plan->shared + panel * zb_gemm_panel_a_bytes(kernel, now->steps);
    atomic_llong *progress = &plan->progress[panel];
    long long seen = atomic_load_explicit(progress, memory_order_acquire);
    if (seen < being_packed(now->turn) && atomic_compare_exchange_strong(progress, &seen, being_packed(now->turn))) {
        kernel->pack_a(smaller(kernel->rows, now->rows - row), now->steps,
                       zb_gemm_lines_a(call, now->product, now->row + row, now->k), to);
        atomic_store_explicit(progress, is_packed(now->turn), memory_order_release);
    }
    while (atomic_load_explicit(progress, memory_order_acquire) != is_packed(now->turn))
        sched_yield(); /* another thread is about to be ready with it */
    return to;
}

/* So many lines of an operand as it is stored, to be fetched. */
static zb_gemm_ahead fetch_lines(zb_gemm_lines from, int64_t lines, int64_t steps, int64_t element_bytes)
{
    if (from.k_step == 1)
        return (zb_gemm_ahead){
            .at = from.from, .lines = lines, .bytes = steps * element_bytes, .stride = from.step * element_bytes};
    return (zb_gemm_ahead){
        .at = from.from, .lines = steps, .bytes = lines * element_bytes, .stride = from.k_step * element_bytes};
}

/* The same panel, packed or not, to be fetched. */
static zb_gemm_ahead fetch_a(const zb_gemm_call *call, const block *now, int64_t row)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t panel = row / kernel->rows, panel_bytes = zb_gemm_panel_a_bytes(kernel, now->steps);
    if (atomic_load_explicit(&plan->progress[panel], memory_order_relaxed) == is_packed(now->turn))
        return (zb_gemm_ahead){.at = plan->shared + panel * panel_bytes, .lines = 1, .bytes = panel_bytes, .each = 1};
    zb_gemm_ahead a = fetch_lines(zb_gemm_lines_a(call, now->product, now->row + row, now->k),
                                  smaller(kernel->rows, now->rows - row), now->steps, kernel->size_a);
    a.each = 1;
    return a;
}

/* Where the columns of one stretch start. */
static int64_t stretch_start(const zb_gemm *plan, int64_t stretch)
{
    int64_t n = plan->request.n;
    return zb_gemm_piece_start(n, plan->kernel->columns, stretch, divide_up(n, plan->blocks.nb));
}

/* Whether panels of the user's are what the kernel computes with. */
static int weights_ready(const zb_gemm *plan)
{
    return plan->request.prepacked && plan->kernel->thin_bytes == plan->kernel->word_bytes;
}

/* The user's panels from `column` on: blocks of k as they are used, all columns in each; or one for all of k. */
static const char *weights(const zb_gemm_call *call, int64_t k, int64_t steps, int64_t column)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t width = kernel->columns, index = column / width;
    if (!weights_ready(plan))
        return (const char *)call->slot->b + (column * plan->request.k + k * width) * kernel->thin_bytes;
    return (const char *)call->slot->b +
           k / plan->weights_k * divide_up(plan->request.n, width) * zb_gemm_panel_b_bytes(kernel, plan->weights_k) +
           index * zb_gemm_panel_b_bytes(kernel, steps);
}

/* Panels of B for `columns` columns from `column` on: packed ones of the user's, or packed now. */
static const char *panels_b(const zb_gemm_call *call, const block *now, int64_t column, int64_t columns, char *own)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t width = kernel->columns;
    if (weights_ready(plan))
        return weights(call, now->k, now->steps, column);
    if (plan->request.prepacked)
        for (int64_t j = 0; j < columns; j += width) {
            zb_gemm_lines panel = {weights(call, now->k, now->steps, column + j), 1, width};
            kernel->pack_b(width, now->steps, panel, own + j / width * zb_gemm_panel_b_bytes(kernel, now->steps));
        }
    else
        kernel->pack_b(columns, now->steps, zb_gemm_lines_b(call, now->product, column, now->k), own);
    return own;
}

/* B of one stretch and block of k, to be fetched on `times` occasions. */
static zb_gemm_ahead fetch_b(const zb_gemm_call *call, int64_t product, int64_t k, int64_t stretch, int64_t times)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t column = stretch_start(plan, stretch), columns = stretch_start(plan, stretch + 1) - column;
    int64_t steps = smaller(plan->blocks.kc, plan->request.k - k), width = kernel->columns;
    zb_gemm_ahead b;
    if (weights_ready(plan)) {
        int64_t bytes = divide_up(columns, width) * zb_gemm_panel_b_bytes(kernel, steps);
        b = (zb_gemm_ahead){.at = weights(call, k, steps, column), .lines = 1, .bytes = bytes};
    } else if (plan->request.prepacked) {
        int64_t step_bytes = width * kernel->thin_bytes;
        b = (zb_gemm_ahead){.at = weights(call, k, steps, column),
                            .lines = divide_up(columns, width),
                            .bytes = steps * step_bytes,
                            .stride = plan->request.k * step_bytes};
    } else
        b = fetch_lines(zb_gemm_lines_b(call, product, column, k), columns, steps, kernel->size_b);
    b.each = divide_up(b.lines * divide_up(b.bytes, ZB_GEMM_CACHE_LINE), times > 0 ? times : 1);
    return b;
}

/* What of B comes behind this stretch, while all rows of the block are multiplied with it: the next stretch, or the
   thread's first of the next block of k. */
static zb_gemm_ahead fetch_next_b(const zb_gemm_call *call, const block *now, int64_t stretch, int64_t stretches,
                                  int thread)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t columns = stretch_start(plan, stretch + 1) - stretch_start(plan, stretch);
    int64_t tiles = now->rows / kernel->rows * (columns / kernel->columns);
    int64_t times = tiles * (zb_gemm_words(kernel, now->steps) / ZB_GEMM_FETCH_STEPS);
    if (stretch + 1 < stretches)
        return fetch_b(call, now->product, now->k, stretch + 1, times);
    if (now->k + now->steps < plan->request.k)
        return fetch_b(call, now->product, now->k + now->steps, stretches * thread / plan->request.threads, times);
    return (zb_gemm_ahead){0};
}

/* Rows are cut as well where there are few stretches of columns, so that the threads end together. */
static int64_t row_pieces(const zb_gemm *plan, const block *now, int64_t stretches)
{
    int64_t tiles = divide_up(now->rows, plan->kernel->rows);
    return smaller(divide_up(zb_gemm_pieces(plan->request.threads), stretches), tiles);
}

static void multiply(const zb_gemm_call *call, const block *now, int thread)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t n = plan->request.n, stretches = divide_up(n, plan->blocks.nb), parts = row_pieces(plan, now, stretches);
    int64_t pieces = stretches * parts, ready = -1, sum_bytes = zb_dtype_bytes(kernel->sum);
    int narrows = zb_gemm_narrows(plan), last = now->k + now->steps == plan->request.k;
    char *own = plan->own + thread * plan->own_bytes;
    const char *b = own;
    zb_gemm_next next = {0};
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, thread, pieces)) < pieces;) {
        /* Threads start at different rows, so that each packs another part of A. */
        int64_t stretch = piece / parts, part = (piece + stretch * parts / stretches) % parts;
        int64_t row = zb_gemm_piece_start(now->rows, kernel->rows, part, parts);
        int64_t rows = zb_gemm_piece_start(now->rows, kernel->rows, part + 1, parts) - row;
        int64_t column = stretch_start(plan, stretch), columns = stretch_start(plan, stretch + 1) - column;
        if (ready != stretch) {
            b = panels_b(call, now, column, columns, own);
            if (plan->request.m <= ZB_GEMM_FEW_ROWS)
                next.b = fetch_next_b(call, now, stretch, stretches, thread);
        }
        ready = stretch;
        char *c = zb_gemm_at_c(call, now->product, now->row + row, column);
        float *sums = narrows ? (float *)(void *)plan->sums + row * n + column : NULL;
        /* Later steps of k add to what the first ones left. */
        zb_gemm_target to = {call->alpha, now->k == 0 ? call->beta : 1, narrows ? (void *)sums : (void *)c,
                             narrows ? n : call->slot->ldc};
        if (narrows && now->k == 0 && call->beta != 0)
            zb_gemm_fetch_c(plan, rows, columns, c, call->slot->ldc, sums, n);
        for (int64_t done = 0; done < rows; done += kernel->rows) {
            const char *a = panel_a(call, now, row + done);
            next.a = (zb_gemm_ahead){0};
            if (done + kernel->rows < rows)
                next.a = fetch_a(call, now, row + done + kernel->rows);
            kernel->multiply(smaller(kernel->rows, rows - done), columns, zb_gemm_words(kernel, now->steps), a, b, &to,
                             &next);
            to.c = (char *)to.c + kernel->rows * to.ldc * sum_bytes;
        }
        if (narrows && last)
            zb_gemm_round_c(plan, rows, columns, sums, n, c, call->slot->ldc);
    }
}

void zb_gemm_packed(void *argument, int thread)
{
    const zb_gemm_call *call = argument;
    const zb_gemm_request *request = &call->plan->request;
    const zb_gemm_blocks *blocks = &call->plan->blocks;
    long long turn = call->turns;
    for (int64_t product = 0; product < request->batch; product++)
        for (int64_t row = 0; row < request->m; row += blocks->mc)
            for (int64_t k = 0; k < request->k; k += blocks->kc) {
                block now = {
                    .product = product,
                    .row = row,
                    .rows = smaller(blocks->mc, request->m - row),
                    .k = k,
                    .steps = smaller(blocks->kc, request->k - k),
                    .turn = ++turn,
                };
                multiply(call, &now, thread);
                if (product + 1 < request->batch || row + blocks->mc < request->m || k + blocks->kc < request->k)
                    zb_pool_barrier(call->plan->pool); /* A's panels are about to be written over */
            }
}

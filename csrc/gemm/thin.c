/* The path of few rows: A is small and stays in the caches, B comes from memory once, as it is stored. */
#include "gemm/plan.h"

/* Bytes of B for one claim: long streams, and few enough left to wait for at the end. */
static const int64_t CLAIM_BYTES = 512 << 10;

int64_t zb_gemm_thin_columns(const zb_gemm *plan)
{
    int64_t line_bytes = plan->request.k * plan->kernel->size_b, unit = plan->kernel->columns;
    int64_t columns = round_up(divide_up(CLAIM_BYTES, line_bytes > 0 ? line_bytes : 1), unit);
    int64_t fair = round_up(divide_up(plan->request.n, zb_gemm_pieces(plan->request.threads)), unit);
    return columns < fair ? columns : fair;
}

static void run_columns(const zb_gemm_call *call, int64_t column, int64_t columns, float *sums)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t m = plan->request.m, k = plan->request.k, ldc = call->slot->ldc;
    char *c = zb_gemm_at_c(call, 0, 0, column);
    int narrows = zb_gemm_narrows(plan);
    zb_gemm_target to = {call->alpha, call->beta, narrows ? (void *)sums : (void *)c, narrows ? columns : ldc};
    if (narrows && call->beta != 0)
        zb_gemm_fetch_c(plan, m, columns, c, ldc, sums, columns);
    if (plan->request.prepacked) {
        int64_t panel_bytes = zb_gemm_thin_panel_bytes(kernel, k);
        kernel->thin(m, columns, zb_gemm_words(kernel, k), plan->shared, plan->lead,
                     (const char *)call->slot->b + column / kernel->columns * panel_bytes, &to);
    } else {
        zb_gemm_lines b = zb_gemm_lines_b(call, 0, column, 0);
        kernel->dot(m, columns, k, plan->shared, plan->lead, b.from, b.step, &to);
    }
    if (narrows)
        zb_gemm_round_c(plan, m, columns, sums, columns, c, ldc);
}

void zb_gemm_thin(void *argument, int thread)
{
    const zb_gemm_call *call = argument;
    const zb_gemm *plan = call->plan;
    if (thread == 0)
        plan->kernel->spread(plan->request.m, plan->request.k, zb_gemm_lines_a(call, 0, 0, 0), plan->lead, plan->shared);
    zb_pool_barrier(plan->pool);
    int64_t n = plan->request.n, columns = zb_gemm_thin_columns(plan), pieces = divide_up(n, columns);
    float *sums = (float *)(void *)(plan->own + thread * plan->own_bytes);
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, thread, pieces)) < pieces;)
        run_columns(call, piece * columns, smaller(columns, n - piece * columns), sums);
}

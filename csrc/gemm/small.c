/* The path of small products: each is one thread's, a batch is shared out. */
#include "gemm/plan.h"

static void run_product(const zb_gemm_call *call, int64_t product, char *own)
{
    const zb_gemm *plan = call->plan;
    const zb_gemm_kernel *kernel = plan->kernel;
    int64_t m = plan->request.m, n = plan->request.n, k = plan->request.k, ldc = call->slot->ldc;
    zb_gemm_lines a = zb_gemm_lines_a(call, product, 0, 0), b = zb_gemm_lines_b(call, product, 0, 0);
    char *c = zb_gemm_at_c(call, product, 0, 0), *packed_a = own + divide_up(n, kernel->columns) *
                                                                       zb_gemm_panel_b_bytes(kernel, k);
    int narrows = zb_gemm_narrows(plan);
    float *sums = (float *)(void *)(own + plan->own_sums);
    zb_gemm_target to = {call->alpha, call->beta, narrows ? (void *)sums : (void *)c, narrows ? n : ldc};
    if (narrows && call->beta != 0)
        zb_gemm_fetch_c(plan, m, n, c, ldc, sums, n);
    if (kernel->direct) {
        if (b.step != 1) {
            kernel->pack_b(n, k, b, own);
            b = (zb_gemm_lines){own, 0, 0};
        }
        kernel->direct(m, n, k, a, b, &to);
    } else {
        kernel->pack_b(n, k, b, own);
        kernel->pack_a(m, k, a, packed_a);
        kernel->multiply(m, n, zb_gemm_words(kernel, k), packed_a, own, &to);
    }
    if (narrows)
        zb_gemm_round_c(plan, m, n, sums, n, c, ldc);
}

void zb_gemm_small(void *argument, int thread)
{
    const zb_gemm_call *call = argument;
    const zb_gemm *plan = call->plan;
    int64_t products = plan->request.batch;
    char *own = plan->own + thread * plan->own_bytes;
    if (!plan->pool) {
        for (int64_t product = 0; product < products; product++)
            run_product(call, product, own);
        return;
    }
    /* A few claims a thread: each costs as much as a product of 8 x 8 x 8. */
    int64_t pieces = smaller(products, zb_gemm_pieces(plan->request.threads));
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, 0, thread, pieces)) < pieces;)
        for (int64_t product = products * piece / pieces; product < products * (piece + 1) / pieces; product++)
            run_product(call, product, own);
}

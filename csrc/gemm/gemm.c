#include "gemm/gemm.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/dtype.h"
#include "core/memory.h"
#include "core/status.h"
#include "gemm/plan.h"

/* Below this volume (m n k) waking others costs more than they save. */
static const int64_t ALONE_VOLUME = 96 * 96 * 96;
/* In a batch that gives every thread several products each may be larger, while it fits the core's cache. */
static const int64_t BATCH_VOLUME = 256 * 256 * 256;
enum { PRODUCTS_A_THREAD = 4 };

/* A scale as the type that computes has it, the same by every path: 1e-60 is 0 in fp32. */
static double as_computed(const zb_gemm_request *request, double x)
{
    return request->dtype == ZB_FP64 ? x : (double)(float)x;
}

static void execute(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot)
{
    const zb_gemm_request *request = &plan->request;
    double scale = request->k == 0 ? 0 : as_computed(request, alpha); /* of no terms: not even a NaN */
    zb_gemm_call call = {plan, scale, as_computed(request, beta), slot, plan->turns};
    if (request->m == 0 || request->n == 0)
        return;
    if (!plan->kernel || scale == 0)
        zb_gemm_naive(request, call.alpha, call.beta, slot);
    else if (plan->path == ZB_GEMM_PATH_SMALL && !plan->pool)
        zb_gemm_small(&call, 0);
    else
        zb_pool_run(plan->pool,
                    plan->path == ZB_GEMM_PATH_PACKED  ? zb_gemm_packed
                    : plan->path == ZB_GEMM_PATH_SMALL ? zb_gemm_small
                                                       : zb_gemm_thin,
                    &call);
    if (plan->path == ZB_GEMM_PATH_PACKED)
        plan->turns += request->batch * divide_up(request->m, plan->blocks.mc) * divide_up(request->k, plan->blocks.kc);
}

static int integers(const zb_gemm_request *request)
{
    return request->dtype == ZB_INT8 || request->dtype == ZB_U8S8;
}

static int valid_slot(const zb_gemm_request *request, const zb_gemm_slot *slot)
{
    return slot->lda >= (request->transa ? request->m : request->k) &&
           (request->prepacked || slot->ldb >= (request->transb ? request->k : request->n)) &&
           slot->ldc >= request->n && slot->stride_a >= 0 && slot->stride_b >= 0 && slot->stride_c >= 0;
}

int zb_gemm_run(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot)
{
    int64_t ns;
    return zb_gemm_run_rounds(plan, alpha, beta, slot, 1, 1, 1, &ns);
}

int zb_gemm_run_rounds(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot, int64_t slots,
                       int64_t rounds, int64_t batch, int64_t *ns)
{
    if (slots < 1 || rounds < 0 || batch < 1 ||
        (integers(&plan->request) && (alpha != 1 || (beta != 0 && beta != 1))))
        return ZB_EINVAL;
    for (int64_t i = 0; i < slots; i++)
        if (!valid_slot(&plan->request, &slot[i]))
            return ZB_EINVAL;
    int64_t next = 0, start = zb_clock_ns();
    for (int64_t round = 0; round < rounds; round++) {
        for (int64_t i = 0; i < batch; i++) {
            execute(plan, alpha, beta, &slot[next]);
            next = next + 1 < slots ? next + 1 : 0;
        }
        int64_t end = zb_clock_ns();
        ns[round] = end - start;
        start = end;
    }
    return ZB_OK;
}

/* Whether offsets within `batch` rows x columns operands fit an int64 in bytes, panels' padding included. */
static int addressable(int64_t batch, int64_t rows, int64_t columns)
{
    enum { PADDING = 64 };
    int64_t bytes;
    return rows <= INT64_MAX - PADDING && columns <= INT64_MAX - PADDING &&
           !__builtin_mul_overflow(rows + PADDING, columns + PADDING, &bytes) &&
           !__builtin_mul_overflow(bytes, batch, &bytes) &&
           !__builtin_mul_overflow(bytes, 2 * (int64_t)sizeof(double), &bytes);
}

static int sum_of(int dtype)
{
    switch (dtype) {
    case ZB_FP64:
        return ZB_FP64;
    case ZB_FP32:
    case ZB_BF16:
    case ZB_FP16:
    case ZB_FP8E4M3:
    case ZB_FP8E5M2:
        return ZB_FP32;
    case ZB_INT8:
    case ZB_U8S8:
        return ZB_INT32;
    default:
        return -1;
    }
}

static int valid_request(const zb_gemm_request *request)
{
    const zb_gemm_blocks *blocks = &request->blocks;
    int64_t m = request->m, n = request->n, k = request->k, batch = request->batch;
    int sum = sum_of(request->dtype), out = request->out;
    return sum >= 0 && (out == sum || (sum == ZB_FP32 && (out == ZB_BF16 || out == ZB_FP16))) &&
           (request->kernel == ZB_GEMM_FAST || request->kernel == ZB_GEMM_NAIVE) && request->threads >= 1 &&
           request->threads <= ZB_POOL_THREADS_MAX &&
           (request->kernel == ZB_GEMM_FAST || (request->threads == 1 && !request->prepacked)) && m >= 0 && n >= 0 &&
           k >= 0 && batch >= 1 && (batch == 1 || !request->prepacked) && blocks->mc >= 0 && blocks->kc >= 0 &&
           blocks->nb >= 0 && addressable(batch, m, k) && addressable(batch, k, n) && addressable(batch, m, n);
}

/* Volumes and bytes as doubles: a product of three sizes may be beyond any integer. */
static double volume(const zb_gemm_request *request)
{
    return (double)request->m * (double)request->n * (double)request->k;
}

/* Whether products are taken from where they are and fit a core's own cache: then copying is what costs. Measured at
   n = 256 in place against packed: 0.93 of peak against 0.88 in fp32, 0.95 against 0.85 in fp64 (Emerald Rapids). */
static int fits_in_place(const zb_gemm *plan)
{
    const zb_gemm_request *request = &plan->request;
    double m = (double)request->m, n = (double)request->n, k = (double)request->k;
    const zb_gemm_blocks *asked = &request->blocks; /* of what is packed */
    return plan->kernel->direct && !zb_gemm_narrows(plan) && !asked->mc && !asked->kc && !asked->nb &&
           (m * k + k * n + m * n) * (double)zb_dtype_bytes(plan->kernel->sum) <= (double)zb_cpu_caches().l2;
}

static int choose_path(const zb_gemm *plan)
{
    const zb_gemm_request *request = &plan->request;
    if (request->batch == 1 && request->m <= ZB_GEMM_THIN_ROWS && (request->prepacked || request->transb))
        return ZB_GEMM_PATH_THIN;
    if (!request->prepacked &&
        (volume(request) <= (double)ALONE_VOLUME || fits_in_place(plan) ||
         (volume(request) <= (double)BATCH_VOLUME &&
          request->batch >= (int64_t)request->threads * PRODUCTS_A_THREAD)))
        return ZB_GEMM_PATH_SMALL;
    return ZB_GEMM_PATH_PACKED;
}

/* Parts that a small product is cut into, so that all threads find work. */
static int64_t choose_parts(const zb_gemm *plan)
{
    const zb_gemm_request *request = &plan->request;
    int64_t pieces = zb_gemm_pieces(request->threads);
    if (pieces <= request->batch || volume(request) <= (double)ALONE_VOLUME || !fits_in_place(plan))
        return 1;
    int64_t down = divide_up(request->m, plan->kernel->rows), across = divide_up(request->n, plan->kernel->columns);
    return smaller(divide_up(pieces, request->batch), down > across ? down : across);
}

static int allocate(zb_gemm *plan, int64_t shared, int64_t own, int64_t sums)
{
    enum { LINE = 64 };
    plan->own_bytes = round_up(own, LINE);
    plan->shared = zb_allocate(shared);
    plan->own = zb_allocate(plan->own_bytes * plan->request.threads);
    plan->sums = zb_allocate(sums);
    return plan->shared && plan->own && plan->sums ? ZB_OK : ZB_ENOMEM;
}

static int prepare(zb_gemm *plan)
{
    const zb_gemm_request *request = &plan->request;
    const zb_gemm_kernel *kernel = plan->kernel = zb_gemm_kernel_find(request->isa, request->dtype, &plan->isa);
    if (!kernel)
        return ZB_EISA;
    int64_t m = request->m, n = request->n, k = request->k;
    plan->path = choose_path(plan);
    int64_t sum_bytes = zb_dtype_bytes(kernel->sum);
    plan->blocks = zb_gemm_choose_blocks(kernel, zb_cpu_caches(), request);
    plan->weights_k = plan->path == ZB_GEMM_PATH_PACKED ? plan->blocks.kc : k;
    int narrows = zb_gemm_narrows(plan), status;
    if (plan->path == ZB_GEMM_PATH_PACKED) {
        int64_t kc = plan->blocks.kc;
        status = allocate(plan, divide_up(plan->blocks.mc, kernel->rows) * zb_gemm_panel_a_bytes(kernel, kc),
                          divide_up(plan->blocks.nb, kernel->columns) * zb_gemm_panel_b_bytes(kernel, kc),
                          narrows ? plan->blocks.mc * n * sum_bytes : 0);
        plan->progress = calloc((size_t)divide_up(plan->blocks.mc, kernel->rows), sizeof *plan->progress);
        if (!plan->progress)
            status = ZB_ENOMEM;
    } else if (plan->path == ZB_GEMM_PATH_SMALL) {
        int64_t panels = divide_up(n, kernel->columns) * zb_gemm_panel_b_bytes(kernel, k) +
                         (kernel->direct ? 0 : divide_up(m, kernel->rows) * zb_gemm_panel_a_bytes(kernel, k));
        plan->own_sums = round_up(panels, 64);
        plan->parts = choose_parts(plan);
        status = allocate(plan, 0, plan->own_sums + (narrows ? m * n * sum_bytes : 0), 0);
    } else {
        plan->lead = round_up(zb_gemm_words(kernel, k), kernel->lanes) + kernel->lanes; /* off the powers of two */
        status = allocate(plan, m * plan->lead * kernel->word_bytes,
                          narrows ? m * zb_gemm_thin_columns(plan) * sum_bytes : 0, 0);
    }
    int alone = plan->path == ZB_GEMM_PATH_SMALL && (request->threads == 1 || request->batch * plan->parts == 1);
    return status != ZB_OK || alone ? status : zb_pool_create(request->threads, &plan->pool);
}

int zb_gemm_create(const zb_gemm_request *request, zb_gemm **out)
{
    if (!valid_request(request))
        return ZB_EINVAL;
    zb_gemm *plan = calloc(1, sizeof *plan);
    if (!plan)
        return ZB_ENOMEM;
    plan->request = *request;
    int status = request->kernel == ZB_GEMM_FAST ? prepare(plan) : ZB_OK;
    if (status != ZB_OK) {
        zb_gemm_destroy(plan);
        return status;
    }
    *out = plan;
    return ZB_OK;
}

void zb_gemm_destroy(zb_gemm *plan)
{
    if (!plan)
        return;
    zb_pool_destroy(plan->pool);
    free(plan->shared);
    free(plan->own);
    free(plan->sums);
    free(plan->progress);
    free(plan);
}

/* Whether prepacked B is kept in panels narrower than what is computed with: one panel for all of k. */
static int keeps_thin(const zb_gemm *plan)
{
    return plan->path == ZB_GEMM_PATH_THIN || plan->kernel->thin_bytes < plan->kernel->word_bytes;
}

int64_t zb_gemm_weights_bytes(const zb_gemm *plan)
{
    const zb_gemm_kernel *kernel = plan->kernel;
    if (!kernel || !plan->request.prepacked)
        return 0;
    int64_t k = plan->request.k, kc = plan->weights_k, panels = divide_up(plan->request.n, kernel->columns);
    if (keeps_thin(plan))
        return panels * zb_gemm_thin_panel_bytes(kernel, k);
    return panels * (k / kc * zb_gemm_panel_b_bytes(kernel, kc) +
                     (k % kc ? zb_gemm_panel_b_bytes(kernel, k % kc) : 0));
}

int zb_gemm_pack_weights(const zb_gemm *plan, const void *b, int64_t ldb, void *weights)
{
    const zb_gemm_request *request = &plan->request;
    const zb_gemm_kernel *kernel = plan->kernel;
    if (!kernel || !request->prepacked || ldb < (request->transb ? request->k : request->n))
        return ZB_EINVAL;
    zb_gemm_lines lines = {b, request->transb ? ldb : 1, request->transb ? 1 : ldb};
    if (keeps_thin(plan)) {
        kernel->pack_thin(request->n, request->k, lines, weights);
        return ZB_OK;
    }
    char *to = weights;
    for (int64_t k = 0; k < request->k; k += plan->weights_k) {
        int64_t steps = smaller(plan->weights_k, request->k - k);
        lines.from = (const char *)b + k * lines.k_step * kernel->size_b;
        kernel->pack_b(request->n, steps, lines, to);
        to += divide_up(request->n, kernel->columns) * zb_gemm_panel_b_bytes(kernel, steps);
    }
    return ZB_OK;
}

zb_gemm_description zb_gemm_describe(const zb_gemm *plan)
{
    if (!plan->kernel)
        return (zb_gemm_description){.path = ZB_GEMM_PATH_NAIVE, .isa = ZB_PORTABLE};
    return (zb_gemm_description){.path = plan->path,
                                 .isa = plan->isa,
                                 .blocks = plan->blocks,
                                 .rows = plan->kernel->rows,
                                 .columns = plan->kernel->columns};
}

#include "gemm/gemm.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/dtype.h"
#include "core/memory.h"
#include "core/pool.h"
#include "core/status.h"
#include "gemm/kernel.h"

/* Bytes packed for one claim: enough to hide its cost, too little to wait for. */
static const int64_t PACK_BYTES = 64 << 10;

struct zb_gemm {
    zb_gemm_request request;
    const zb_gemm_kernel *kernel; /* NULL: naive */
    zb_gemm_blocks blocks;
    char *packed_a, *packed_b;
    zb_pool *pool;
};

/* One call: the plan and its operands. */
typedef struct {
    zb_gemm *plan;
    double alpha, beta;
    const zb_gemm_slot *slot;
} gemm_call;

/* The block of C that the team works on between two barriers, and the steps of k it adds. */
typedef struct {
    int64_t row, rows, column, columns, step, steps;
} gemm_block;

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t divide_up(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int64_t round_up(int64_t value, int64_t unit)
{
    return divide_up(value, unit) * unit;
}

/* Panels of `width` lines packed for one claim, in lines. */
static int64_t pack_chunk(const zb_gemm *plan, int64_t width, int64_t steps)
{
    int64_t panel_bytes = width * steps * plan->kernel->size_bytes;
    return width * (PACK_BYTES > panel_bytes ? PACK_BYTES / panel_bytes : 1);
}

static void pack_a(const gemm_call *call, const gemm_block *block, int64_t first, int64_t lines)
{
    const zb_gemm *plan = call->plan;
    int64_t size = plan->kernel->size_bytes, row = block->row + first, ld = call->slot->lda;
    int64_t step = plan->request.transa ? 1 : ld, k_step = plan->request.transa ? ld : 1;
    plan->kernel->pack_a(lines, block->steps,
                         (const char *)call->slot->a + (row * step + block->step * k_step) * size, step, k_step,
                         plan->packed_a + first * block->steps * size);
}

static void pack_b(const gemm_call *call, const gemm_block *block, int64_t first, int64_t lines)
{
    const zb_gemm *plan = call->plan;
    int64_t size = plan->kernel->size_bytes, column = block->column + first, ld = call->slot->ldb;
    int64_t step = plan->request.transb ? ld : 1, k_step = plan->request.transb ? 1 : ld;
    plan->kernel->pack_b(lines, block->steps,
                         (const char *)call->slot->b + (column * step + block->step * k_step) * size, step, k_step,
                         plan->packed_b + first * block->steps * size);
}

static void pack(const gemm_call *call, const gemm_block *block, int thread)
{
    const zb_gemm *plan = call->plan;
    int64_t rows = pack_chunk(plan, plan->kernel->rows, block->steps), pieces = divide_up(block->rows, rows);
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, 0, thread, pieces)) < pieces;)
        pack_a(call, block, piece * rows, smaller(rows, block->rows - piece * rows));
    if (block->row > 0)
        return; /* B was packed for the first block of rows and serves them all */
    int64_t columns = pack_chunk(plan, plan->kernel->columns, block->steps);
    pieces = divide_up(block->columns, columns);
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, 1, thread, pieces)) < pieces;)
        pack_b(call, block, piece * columns, smaller(columns, block->columns - piece * columns));
}

/* Rows of one piece. Each stretch of columns is cut into a multiple of the threads, so that they end
   together. */
static int64_t piece_rows(const zb_gemm *plan, const gemm_block *block, int64_t column_pieces)
{
    int64_t row_pieces = divide_up(zb_gemm_pieces(plan->request.threads), column_pieces);
    return round_up(divide_up(block->rows, round_up(row_pieces, plan->request.threads)), plan->kernel->rows);
}

static void multiply(const gemm_call *call, const gemm_block *block, int thread)
{
    const zb_gemm *plan = call->plan;
    int64_t size = plan->kernel->size_bytes, ldc = call->slot->ldc, nb = plan->blocks.nb;
    int64_t column_pieces = divide_up(block->columns, nb);
    int64_t height = piece_rows(plan, block, column_pieces);
    int64_t row_pieces = divide_up(block->rows, height), pieces = row_pieces * column_pieces;
    /* Later steps of k add to what the first ones left in C. */
    double beta = block->step == 0 ? call->beta : 1;
    for (int64_t piece; (piece = zb_pool_claim(plan->pool, 0, thread, pieces)) < pieces;) {
        int64_t row = piece % row_pieces * height, column = piece / row_pieces * nb;
        plan->kernel->multiply(
            smaller(height, block->rows - row), smaller(nb, block->columns - column), block->steps, call->alpha,
            plan->packed_a + row * block->steps * size, plan->packed_b + column * block->steps * size, beta,
            (char *)call->slot->c + ((block->row + row) * ldc + block->column + column) * size, ldc);
    }
}

static void work(void *argument, int thread)
{
    const gemm_call *call = argument;
    const zb_gemm_request *request = &call->plan->request;
    const zb_gemm_blocks *blocks = &call->plan->blocks;
    for (int64_t column = 0; column < request->n; column += blocks->nc)
        for (int64_t step = 0; step < request->k; step += blocks->kc)
            for (int64_t row = 0; row < request->m; row += blocks->mc) {
                gemm_block block = {
                    .row = row,
                    .rows = smaller(blocks->mc, request->m - row),
                    .column = column,
                    .columns = smaller(blocks->nc, request->n - column),
                    .step = step,
                    .steps = smaller(blocks->kc, request->k - step),
                };
                pack(call, &block, thread);
                zb_pool_barrier(call->plan->pool);
                multiply(call, &block, thread);
                zb_pool_barrier(call->plan->pool);
            }
}

static void naive(const zb_gemm_request *request, double alpha, double beta, const zb_gemm_slot *slot)
{
    (request->dtype == ZB_FP32 ? zb_gemm_naive_fp32 : zb_gemm_naive_fp64)(request, alpha, beta, slot);
}

/* Zero in the type that computes. */
static int vanishes(const zb_gemm_request *request, double x)
{
    return request->dtype == ZB_FP32 ? (float)x == 0 : x == 0;
}

static void execute(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot)
{
    const zb_gemm_request *request = &plan->request;
    gemm_call call = {plan, alpha, beta, slot};
    if (request->m == 0 || request->n == 0)
        return;
    if (plan->kernel && request->k > 0 && !vanishes(request, alpha))
        zb_pool_run(plan->pool, work, &call);
    else
        naive(request, alpha, beta, slot);
}

static int valid_slot(const zb_gemm_request *request, const zb_gemm_slot *slot)
{
    return slot->lda >= (request->transa ? request->m : request->k) &&
           slot->ldb >= (request->transb ? request->k : request->n) && slot->ldc >= request->n;
}

int zb_gemm_run(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot)
{
    int64_t ns;
    return zb_gemm_run_rounds(plan, alpha, beta, slot, 1, 1, 1, &ns);
}

int zb_gemm_run_rounds(zb_gemm *plan, double alpha, double beta, const zb_gemm_slot *slot, int64_t slots,
                       int64_t rounds, int64_t batch, int64_t *ns)
{
    if (slots < 1 || rounds < 0 || batch < 1)
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

static const zb_gemm_kernel *find_kernel(int isa, int dtype)
{
    switch (zb_isa_supported(isa) ? isa : -1) {
    case ZB_PORTABLE:
        return zb_gemm_kernel_portable(dtype);
    case ZB_AVX2:
        return zb_gemm_kernel_avx2(dtype);
    case ZB_AVX512:
        return zb_gemm_kernel_avx512(dtype);
    default:
        return NULL;
    }
}

/* Whether offsets within a rows x columns operand fit an int64 in bytes, panels' padding included. */
static int addressable(int64_t rows, int64_t columns)
{
    enum { PADDING = 64 };
    int64_t bytes;
    return rows <= INT64_MAX - PADDING && columns <= INT64_MAX - PADDING &&
           !__builtin_mul_overflow(rows + PADDING, columns + PADDING, &bytes) &&
           !__builtin_mul_overflow(bytes, (int64_t)sizeof(double), &bytes);
}

static int valid_request(const zb_gemm_request *request)
{
    const zb_gemm_blocks *blocks = &request->blocks;
    int64_t m = request->m, n = request->n, k = request->k;
    return (request->dtype == ZB_FP32 || request->dtype == ZB_FP64) &&
           (request->kernel == ZB_GEMM_PACKED || request->kernel == ZB_GEMM_NAIVE) && request->threads >= 1 &&
           (request->kernel == ZB_GEMM_PACKED || request->threads == 1) && m >= 0 && n >= 0 && k >= 0 &&
           blocks->mc >= 0 && blocks->nc >= 0 && blocks->kc >= 0 && blocks->nb >= 0 && addressable(m, k) &&
           addressable(k, n) && addressable(m, n);
}

static int prepare_packed(zb_gemm *plan)
{
    const zb_gemm_request *request = &plan->request;
    plan->kernel = find_kernel(request->isa, request->dtype);
    if (!plan->kernel)
        return ZB_EISA;
    plan->blocks = zb_gemm_choose_blocks(plan->kernel, zb_cpu_caches(), request);
    int64_t k_bytes = plan->blocks.kc * plan->kernel->size_bytes;
    plan->packed_a = zb_allocate(plan->blocks.mc * k_bytes);
    plan->packed_b = zb_allocate(plan->blocks.nc * k_bytes);
    if (!plan->packed_a || !plan->packed_b)
        return ZB_ENOMEM;
    return zb_pool_create(request->threads, &plan->pool);
}

int zb_gemm_create(const zb_gemm_request *request, zb_gemm **out)
{
    if (!valid_request(request))
        return ZB_EINVAL;
    zb_gemm *plan = calloc(1, sizeof *plan);
    if (!plan)
        return ZB_ENOMEM;
    plan->request = *request;
    int status = request->kernel == ZB_GEMM_PACKED ? prepare_packed(plan) : ZB_OK;
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
    free(plan->packed_a);
    free(plan->packed_b);
    free(plan);
}

void zb_gemm_describe(const zb_gemm *plan, zb_gemm_blocks *blocks, int *rows, int *columns)
{
    *blocks = plan->blocks;
    *rows = plan->kernel ? plan->kernel->rows : 0;
    *columns = plan->kernel ? plan->kernel->columns : 0;
}

/* Random requests of a product: refused, or computed inside operands that are exactly as long as they must be. */
#include <stdlib.h>
#include <string.h>

#include "core/dtype.h"
#include "core/status.h"
#include "gemm/gemm.h"

/* What is computed: enough for every path, little enough for thousands a second. */
enum { THREADS_MOST = 2 };
static const int64_t SIZE_MOST = 200;
static const double VOLUME_MOST = 1e6;

static int64_t elements(int64_t rows, int64_t columns, int64_t ld)
{
    return rows > 0 && columns > 0 ? (rows - 1) * ld + columns : 0;
}

static void *zeros(int64_t count, int dtype)
{
    int64_t bytes = count * zb_dtype_bytes(dtype);
    return calloc(1, bytes > 0 ? (size_t)bytes : 1);
}

static void compute(zb_gemm *plan, const zb_gemm_request *r)
{
    int64_t lda = r->transa ? r->m : r->k, ldb = r->transb ? r->k : r->n;
    int64_t a = elements(r->transa ? r->k : r->m, lda, lda), b = elements(r->transb ? r->n : r->k, ldb, ldb);
    int64_t c = elements(r->m, r->n, r->n);
    int narrow = r->dtype == ZB_U8S8 ? ZB_INT8 : r->dtype;
    zb_gemm_slot slot = {zeros(a * r->batch, narrow), zeros(b * r->batch, narrow), zeros(c * r->batch, r->out),
                         lda, ldb, r->n, a, b, c};
    void *weights = NULL;
    if (r->prepacked) {
        size_t bytes = (size_t)zb_gemm_weights_bytes(plan);
        weights = aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
        if (weights && zb_gemm_pack_weights(plan, slot.b, ldb, weights) != ZB_OK)
            __builtin_trap();
        free((void *)slot.b);
        slot.b = weights;
    }
    if (zb_gemm_run(plan, 1, 0, &slot) != ZB_OK)
        __builtin_trap();
    zb_gemm_run(plan, 0.5, 2, &slot);
    free((void *)slot.a);
    free((void *)slot.b);
    free(slot.c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int8_t small[8] = {0};
    int64_t large[7] = {0};
    memcpy(small, data, size < sizeof small ? size : sizeof small);
    if (size > sizeof small)
        memcpy(large, data + sizeof small, size - sizeof small < sizeof large ? size - sizeof small : sizeof large);
    zb_gemm_request request = {.dtype = small[0],
                               .out = small[1],
                               .isa = small[2],
                               .kernel = small[3],
                               .transa = small[4] & 1,
                               .transb = small[4] >> 1 & 1,
                               .prepacked = small[4] >> 2 & 1,
                               .threads = small[5],
                               .m = large[0],
                               .n = large[1],
                               .k = large[2],
                               .batch = large[3],
                               .blocks = {large[4], large[5], large[6]}};
    if (small[6] & 1) { /* of sizes that can be computed */
        request.m = (uint64_t)large[0] % (uint64_t)SIZE_MOST;
        request.n = (uint64_t)large[1] % (uint64_t)SIZE_MOST;
        request.k = (uint64_t)large[2] % (uint64_t)SIZE_MOST;
        request.batch = 1 + (large[3] & 3);
    }
    if (request.threads > THREADS_MOST) /* whose start would be all that is tested */
        request.threads = THREADS_MOST;
    double volume = (double)request.m * (double)request.n * (double)request.k * (double)request.batch;
    double operands = (double)request.batch * ((double)request.m * (double)request.k +
                      (double)request.k * (double)request.n + (double)request.m * (double)request.n);
    zb_gemm *plan;
    if (zb_gemm_create(&request, &plan) != ZB_OK)
        return 0;
    if (volume <= VOLUME_MOST && operands <= VOLUME_MOST)
        compute(plan, &request);
    zb_gemm_destroy(plan);
    return 0;
}

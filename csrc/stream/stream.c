#include "stream/stream.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/cpu.h"
#include "core/pool.h"
#include "core/status.h"
#include "stream/kernel.h"

/* Threads' shares start on a cache line of an aligned array; their sums have a line each. */
enum { LINE_DOUBLES = 8 };

struct zb_stream {
    const zb_stream_kernel *kernel;
    int which, threads, past;
    int64_t elements;
    zb_pool *pool;
    double *sums;
};

typedef struct {
    const zb_stream *plan;
    const zb_stream_slot *slot;
} stream_call;

/* First element of a thread's share; thread = threads gives the end of the last one. */
static int64_t share(const zb_stream *plan, int thread)
{
    int64_t lines = (plan->elements + LINE_DOUBLES - 1) / LINE_DOUBLES;
    int64_t first = (lines / plan->threads * thread + lines % plan->threads * thread / plan->threads) * LINE_DOUBLES;
    return first < plan->elements ? first : plan->elements;
}

static void work(void *argument, int thread)
{
    const stream_call *call = argument;
    const zb_stream *plan = call->plan;
    const zb_stream_kernel *kernel = plan->kernel;
    int64_t first = share(plan, thread), n = share(plan, thread + 1) - first;
    const double *a = call->slot->a + first;
    if (plan->which == ZB_STREAM_READ)
        plan->sums[thread * LINE_DOUBLES] = kernel->read(n, a);
    else if (plan->which == ZB_STREAM_COPY)
        (plan->past ? kernel->copy_past : kernel->copy)(n, a, call->slot->out + first);
    else
        (plan->past ? kernel->triad_past : kernel->triad)(n, a, call->slot->b + first, call->slot->out + first);
}

static void execute(const zb_stream *plan, const zb_stream_slot *slot)
{
    stream_call call = {plan, slot};
    zb_pool_run(plan->pool, work, &call);
    if (plan->which != ZB_STREAM_READ)
        return;
    double total = 0;
    for (int thread = 0; thread < plan->threads; thread++)
        total += plan->sums[thread * LINE_DOUBLES];
    slot->out[0] = total;
}

int zb_stream_run_rounds(zb_stream *plan, const zb_stream_slot *slot, int64_t slots, int64_t rounds,
                         int64_t batch, int64_t *ns)
{
    if (slots < 1 || rounds < 0 || batch < 1)
        return ZB_EINVAL;
    int64_t next = 0, start = zb_clock_ns();
    for (int64_t round = 0; round < rounds; round++) {
        for (int64_t i = 0; i < batch; i++) {
            execute(plan, &slot[next]);
            next = next + 1 < slots ? next + 1 : 0;
        }
        int64_t end = zb_clock_ns();
        ns[round] = end - start;
        start = end;
    }
    return ZB_OK;
}

int zb_stream_create(int which, int isa, int64_t elements, int threads, zb_stream **out)
{
    static const int ARRAYS[] = {[ZB_STREAM_READ] = 1, [ZB_STREAM_COPY] = 2, [ZB_STREAM_TRIAD] = 3};
    if (which < ZB_STREAM_READ || which > ZB_STREAM_TRIAD || elements < 1 ||
        elements > INT64_MAX / (3 * (int64_t)sizeof(double)) - LINE_DOUBLES || threads < 1 || threads > ZB_POOL_THREADS_MAX)
        return ZB_EINVAL;
    const zb_stream_kernel *kernel = zb_stream_kernel_find(isa);
    if (!kernel)
        return ZB_EISA;
    zb_stream *plan = calloc(1, sizeof *plan);
    if (!plan)
        return ZB_ENOMEM;
    *plan = (zb_stream){
        .kernel = kernel,
        .which = which,
        .threads = threads,
        .elements = elements,
        .past = which != ZB_STREAM_READ && elements * ARRAYS[which] * (int64_t)sizeof(double) > zb_cpu_caches().l3,
        .sums = calloc((size_t)threads * LINE_DOUBLES, sizeof(double)),
    };
    int status = plan->sums ? zb_pool_create(threads, &plan->pool) : ZB_ENOMEM;
    if (status != ZB_OK) {
        zb_stream_destroy(plan);
        return status;
    }
    *out = plan;
    return ZB_OK;
}

void zb_stream_destroy(zb_stream *plan)
{
    if (!plan)
        return;
    zb_pool_destroy(plan->pool);
    free(plan->sums);
    free(plan);
}

int zb_stream_bypasses_caches(const zb_stream *plan)
{
    return plan->past;
}

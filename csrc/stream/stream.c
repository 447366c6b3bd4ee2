#include "stream/stream.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/cpu.h"
#include "core/pool.h"
#include "core/status.h"
#include "stream/kernel.h"

/* Threads' shares start on a cache line of an aligned array; their sums have lines of their own. */
enum { LINE_DOUBLES = 8 };

struct zb_stream {
    const zb_stream_kernel *kernel;
    int which, threads, past;
    int64_t elements;
    zb_pool *pool;
};

/* One round: `batch` executions from slot `first` on. */
typedef struct {
    const zb_stream *plan;
    const zb_stream_slot *slots;
    int64_t count, first, batch;
    double *sums; /* read: of slot s by thread t at [t * lead + s] */
    int64_t lead;
} stream_round;

static int64_t after(const stream_round *round, int64_t slot)
{
    return slot + 1 < round->count ? slot + 1 : 0;
}

/* First element of a thread's share; thread = threads gives the end of the last one. */
static int64_t share(const zb_stream *plan, int thread)
{
    int64_t lines = (plan->elements + LINE_DOUBLES - 1) / LINE_DOUBLES;
    int64_t first = (lines / plan->threads * thread + lines % plan->threads * thread / plan->threads) * LINE_DOUBLES;
    return first < plan->elements ? first : plan->elements;
}

static void work(void *argument, int thread)
{
    const stream_round *round = argument;
    const zb_stream *plan = round->plan;
    const zb_stream_kernel *kernel = plan->kernel;
    int64_t first = share(plan, thread), n = share(plan, thread + 1) - first;
    for (int64_t i = 0, s = round->first; i < round->batch; i++, s = after(round, s)) {
        const zb_stream_slot *slot = &round->slots[s];
        const double *a = slot->a + first;
        if (plan->which == ZB_STREAM_READ)
            round->sums[thread * round->lead + s] = kernel->read(n, a);
        else if (plan->which == ZB_STREAM_COPY)
            (plan->past ? kernel->copy_past : kernel->copy)(n, a, slot->out + first);
        else
            (plan->past ? kernel->triad_past : kernel->triad)(n, a, slot->b + first, slot->out + first);
    }
}

/* Of each slot that was read, the threads' sums. */
static void add_up(const stream_round *round)
{
    int64_t read = round->batch < round->count ? round->batch : round->count;
    for (int64_t i = 0, s = round->first; i < read; i++, s = after(round, s)) {
        double total = 0;
        for (int thread = 0; thread < round->plan->threads; thread++)
            total += round->sums[thread * round->lead + s];
        round->slots[s].out[0] = total;
    }
}

int zb_stream_run_rounds(zb_stream *plan, const zb_stream_slot *slots, int64_t count, int64_t rounds,
                         int64_t batch, int64_t *ns)
{
    if (count < 1 || count > INT64_MAX / 2 / ZB_POOL_THREADS_MAX / (int64_t)sizeof(double) || rounds < 0 || batch < 1)
        return ZB_EINVAL;
    stream_round round = {.plan = plan, .slots = slots, .count = count, .batch = batch};
    round.lead = (count + LINE_DOUBLES - 1) / LINE_DOUBLES * LINE_DOUBLES;
    int reads = plan->which == ZB_STREAM_READ;
    if (reads && !(round.sums = calloc((size_t)(plan->threads * round.lead), sizeof(double))))
        return ZB_ENOMEM;
    int64_t start = zb_clock_ns();
    for (int64_t i = 0; i < rounds; i++) {
        if (plan->threads == 1)
            work(&round, 0); /* a pass over a small cache takes no longer than two barriers */
        else
            zb_pool_run(plan->pool, work, &round);
        if (reads)
            add_up(&round);
        round.first = (round.first + batch % count) % count;
        int64_t end = zb_clock_ns();
        ns[i] = end - start;
        start = end;
    }
    free(round.sums);
    return ZB_OK;
}

int zb_stream_create(int which, int isa, int64_t elements, int64_t whole, int threads, zb_stream **out)
{
    static const int ARRAYS[] = {[ZB_STREAM_READ] = 1, [ZB_STREAM_COPY] = 2, [ZB_STREAM_TRIAD] = 3};
    if (which < ZB_STREAM_READ || which > ZB_STREAM_TRIAD || elements < 1 || whole < elements ||
        whole > INT64_MAX / (3 * (int64_t)sizeof(double)) - LINE_DOUBLES || threads < 1 || threads > ZB_POOL_THREADS_MAX)
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
        .past = which != ZB_STREAM_READ && whole * ARRAYS[which] * (int64_t)sizeof(double) > zb_cpu_caches().l3,
    };
    int status = zb_pool_create(threads, &plan->pool);
    if (status != ZB_OK) {
        free(plan);
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
    free(plan);
}

int zb_stream_bypasses_caches(const zb_stream *plan)
{
    return plan->past;
}

#include <stdlib.h>

#include "core/clock.h"
#include "core/cpu.h"
#include "core/dtype.h"
#include "core/pool.h"
#include "core/status.h"
#include "stream/kernel.h"
#include "stream/stream.h"

/* Interrupts and neighbours only ever slow an interval down: the fastest of several is the roof.
   Each thread takes its own times, because under load no common interval is undisturbed. */
enum { INTERVALS = 8 };
/* Steps of the pilot that finds how long a step takes: about 0.1 ms. */
static const int64_t PILOT_STEPS = 10000;

typedef struct {
    double result; /* so that the work has one */
    int64_t fastest_ns;
    char line[48]; /* threads write to lines of their own */
} peak_result;

/* What the chains are made of. Floats stay finite, normal and below 1, with full mantissas; integers wrap. */
typedef struct {
    double a, b;
} factors;

static const factors FLOATS = {1 - 1e-6, 1e-6}, INTEGERS = {99, -77};

typedef struct {
    const zb_peak *peak;
    factors factors;
    int64_t steps;
    peak_result *results;
} peak_probe;

static void work(void *argument, int thread)
{
    const peak_probe *probe = argument;
    peak_result *result = &probe->results[thread];
    result->fastest_ns = INT64_MAX;
    int64_t start = zb_clock_ns();
    for (int i = 0; i < INTERVALS; i++) {
        result->result = probe->peak->run(probe->steps, probe->factors.a, probe->factors.b);
        int64_t end = zb_clock_ns();
        if (end - start < result->fastest_ns)
            result->fastest_ns = end - start;
        start = end;
    }
}

/* Steps that take about ns, at least one. */
static int64_t steps_in(const peak_probe *probe, int64_t ns, double *result)
{
    double a = probe->factors.a, b = probe->factors.b;
    *result = probe->peak->run(PILOT_STEPS, a, b); /* wakes the vector units */
    int64_t start = zb_clock_ns();
    *result += probe->peak->run(PILOT_STEPS, a, b);
    int64_t elapsed = zb_clock_ns() - start;
    return 1 + (int64_t)((double)ns * (double)PILOT_STEPS / (double)(elapsed > 0 ? elapsed : 1));
}

/* The sum of the threads' rates in steps per ns; more threads than CPUs add nothing. */
static double steps_per_ns(const peak_probe *probe, int threads)
{
    double sum = 0;
    for (int thread = 0; thread < threads; thread++) {
        int64_t ns = probe->results[thread].fastest_ns;
        sum += (double)probe->steps / (double)(ns > 0 ? ns : 1);
    }
    int cpus = zb_usable_cpus();
    return threads > cpus ? sum / threads * cpus : sum;
}

static int find(int dtype, int isa, const zb_peak **peak)
{
    if (!zb_stream_kernel_find(isa))
        return ZB_EISA;
    *peak = zb_peak_find(isa, dtype);
    return *peak ? ZB_OK : ZB_EINVAL;
}

int zb_peak_count(int dtype, int isa, int64_t steps, double *sum, double *flops)
{
    const zb_peak *peak;
    int status = steps < 0 ? ZB_EINVAL : find(dtype, isa, &peak);
    if (status != ZB_OK)
        return status;
    *sum = peak->run(steps, 1, 1);
    *flops = (double)peak->step_flops * (double)steps;
    return ZB_OK;
}

int zb_peak_flops(int dtype, int isa, int threads, int64_t duration_ns, double *flops)
{
    const zb_peak *peak;
    int status = duration_ns < 1 ? ZB_EINVAL : find(dtype, isa, &peak);
    if (status != ZB_OK)
        return status;
    zb_pool *pool;
    status = zb_pool_create(threads, &pool);
    if (status != ZB_OK)
        return status;
    peak_result *results = aligned_alloc(64, (size_t)threads * sizeof *results);
    if (results) {
        int integers = dtype == ZB_INT8 || dtype == ZB_U8S8;
        peak_probe probe = {.peak = peak, .factors = integers ? INTEGERS : FLOATS, .results = results};
        probe.steps = steps_in(&probe, duration_ns / INTERVALS, &results->result);
        zb_pool_run(pool, work, &probe);
        *flops = (double)peak->step_flops * steps_per_ns(&probe, threads) * 1e9;
    }
    zb_pool_destroy(pool);
    free(results);
    return results ? ZB_OK : ZB_ENOMEM;
}

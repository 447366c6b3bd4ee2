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

typedef struct {
    double (*peak)(int64_t steps);
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
        result->result = probe->peak(probe->steps);
        int64_t end = zb_clock_ns();
        if (end - start < result->fastest_ns)
            result->fastest_ns = end - start;
        start = end;
    }
}

/* Steps that take about ns, at least one. */
static int64_t steps_in(double (*peak)(int64_t), int64_t ns, double *result)
{
    *result = peak(PILOT_STEPS); /* wakes the vector units */
    int64_t start = zb_clock_ns();
    *result += peak(PILOT_STEPS);
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

int zb_peak_flops(int dtype, int isa, int threads, int64_t duration_ns, double *flops)
{
    if ((dtype != ZB_FP32 && dtype != ZB_FP64) || duration_ns < 1)
        return ZB_EINVAL;
    const zb_stream_kernel *kernel = zb_stream_kernel_find(isa);
    if (!kernel)
        return ZB_EISA;
    zb_pool *pool;
    int status = zb_pool_create(threads, &pool);
    if (status != ZB_OK)
        return status;
    peak_result *results = aligned_alloc(64, (size_t)threads * sizeof *results);
    if (results) {
        peak_probe probe = {.peak = dtype == ZB_FP32 ? kernel->fp32_peak : kernel->fp64_peak, .results = results};
        probe.steps = steps_in(probe.peak, duration_ns / INTERVALS, &results->result);
        zb_pool_run(pool, work, &probe);
        int64_t step_flops = dtype == ZB_FP32 ? kernel->fp32_step_flops : kernel->fp64_step_flops;
        *flops = (double)step_flops * steps_per_ns(&probe, threads) * 1e9;
    }
    zb_pool_destroy(pool);
    free(results);
    return results ? ZB_OK : ZB_ENOMEM;
}

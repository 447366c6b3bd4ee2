/* What an instruction set brings to the probes. */
#ifndef ZB_STREAM_KERNEL_H
#define ZB_STREAM_KERNEL_H

#include <stdint.h>

typedef struct {
    /* FLOP of one step of `peak`, and that many steps; the return value depends on every one. */
    int64_t fp32_step_flops, fp64_step_flops;
    double (*fp32_peak)(int64_t steps);
    double (*fp64_peak)(int64_t steps);

    double (*read)(int64_t n, const double *a);
    void (*copy)(int64_t n, const double *a, double *out);
    void (*triad)(int64_t n, const double *a, const double *b, double *out);
    /* The same with stores that bypass the caches. */
    void (*copy_past)(int64_t n, const double *a, double *out);
    void (*triad_past)(int64_t n, const double *a, const double *b, double *out);
} zb_stream_kernel;

/* NULL where the build cannot make it. */
const zb_stream_kernel *zb_stream_kernel_portable(void);
const zb_stream_kernel *zb_stream_kernel_avx2(void);
const zb_stream_kernel *zb_stream_kernel_avx512(void);

/* NULL where this CPU or this build lacks the instruction set. */
const zb_stream_kernel *zb_stream_kernel_find(int isa);

#endif

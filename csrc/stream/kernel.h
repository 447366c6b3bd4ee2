/* What an instruction set brings to the probes. */
#ifndef ZB_STREAM_KERNEL_H
#define ZB_STREAM_KERNEL_H

#include <stdint.h>

/* Independent chains of multiply-adds in registers, as csrc/gemm multiplies with this instruction set. Floats:
   x = x * a + b; integers, and bf16 where an instruction has it: x = x + a * b for each element of a word. All x start
   at 0. */
typedef struct {
    int64_t step_flops; /* a multiply-add counts 2 */
    double (*run)(int64_t steps, double a, double b); /* the sum of all x */
} zb_peak;

typedef struct {
    zb_peak fp32, fp64, integers;

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
const zb_stream_kernel *zb_stream_kernel_avx512_vnni(void);
const zb_stream_kernel *zb_stream_kernel_neon_dotprod(void);
const zb_stream_kernel *zb_stream_kernel_neon_i8mm(void);

/* Of a type that the instruction set has instructions of its own for; NULL: it is multiplied as without it. */
const zb_peak *zb_peak_avx512_bf16(int dtype);
const zb_peak *zb_peak_amx(int dtype);
const zb_peak *zb_peak_neon_bf16(int dtype);

/* NULL where this CPU or this build lacks the instruction set. */
const zb_stream_kernel *zb_stream_kernel_find(int isa);
/* The same, or no such type. */
const zb_peak *zb_peak_find(int isa, int dtype);

#endif

/* The roofs of this CPU: its peak rate of multiply-adds and its memory bandwidth. */
#ifndef ZB_STREAM_STREAM_H
#define ZB_STREAM_STREAM_H

#include <stdint.h>

/* public */
/* Peak rate in FLOP/s (integers: operations) of the multiply-adds that csrc/gemm does for operands of this
   dtype with this instruction set: FMAs of fp64 or fp32 (a multiply and an add where there is no FMA; sums of
   narrow floats are fp32), multiply-adds of words of two or four bf16, of int32 words that hold one, two or four
   integers, of tiles. That of one element counts 2. Independent chains in registers, all threads at once, each one's fastest of several
   intervals that take duration_ns together; never more than all usable CPUs can do. ZB_EINVAL, ZB_EISA,
   ZB_ENOMEM, ZB_ESYSTEM. */
int zb_peak_flops(int dtype, int isa, int threads, int64_t duration_ns, double *flops);
/* What holds the probe to what it counts: `steps` of its loop with ones for all factors, so that each
   multiply-add adds one to the *sum, which is then *flops / 2 (exactly, up to 2^19 steps: a tile's fp32 sums get 32
   in each). ZB_EINVAL, ZB_EISA. */
int zb_peak_count(int dtype, int isa, int64_t steps, double *sum, double *flops);

/* fp64 arrays. read: out[0] = sum of a. copy: out = a. triad: out = a + 3 b. In STREAM's counting
   they move 1, 2 and 3 words an element. */
enum { ZB_STREAM_READ = 0, ZB_STREAM_COPY = 1, ZB_STREAM_TRIAD = 2 };

typedef struct {
    const double *a;
    const double *b; /* triad only */
    double *out;
} zb_stream_slot;

typedef struct zb_stream zb_stream;

/* A slot's arrays have `elements`, and are parts of arrays of `whole` (>= elements). ZB_EINVAL, ZB_EISA,
   ZB_ENOMEM, ZB_ESYSTEM. */
int zb_stream_create(int kernel, int isa, int64_t elements, int64_t whole, int threads, zb_stream **plan);
void zb_stream_destroy(zb_stream *plan);
/* Whether copy and triad store past the caches: they do when the whole arrays do not fit. */
int zb_stream_bypasses_caches(const zb_stream *plan);

/* rounds intervals of batch executions each; execution e uses slot e % slots. Each thread goes through a
   round's executions on its own share of the arrays without waiting for the others: between them there is
   nothing but the kernel. Chained stamps: a round starts where the last one ended, so that ns[0 .. rounds)
   adds up to the elapsed time. ZB_EINVAL, ZB_ENOMEM. */
int zb_stream_run_rounds(zb_stream *plan, const zb_stream_slot *slot, int64_t slots, int64_t rounds,
                         int64_t batch, int64_t *ns);
/* end */

#endif

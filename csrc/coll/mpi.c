#include "coll/mpi.h"

#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/clock.h"
#include "core/status.h"

enum {
    CACHE_LINE_BYTES = 64,
    /* How far ahead the common start lies: rank 0's word must have reached every rank by then, which takes an
       8-byte broadcast of the library, and where ranks share cores each must have had its turn. */
    START_NS = 10000,
    START_NS_PER_RANK = 1000,
    START_NS_YIELDING = 200000
};

#define HANDLE int
#define NAME(name) int_##name
#include "coll/mpi.inc"
#undef HANDLE
#undef NAME

typedef void *pointer;
#define HANDLE pointer
#define NAME(name) pointer_##name
#include "coll/mpi.inc"
#undef HANDLE
#undef NAME

static bool is_pair(const zb_mpi_plan *plan)
{
    return plan->operation >= ZB_MPI_PINGPONG;
}

static int run(const zb_mpi_library *mpi, const zb_mpi_plan *plan, int64_t slot)
{
    const char *in = plan->ins[slot];
    char *out = plan->outs[slot];
    return mpi->pointers ? pointer_run(mpi, plan, in, out) : int_run(mpi, plan, in, out);
}

/* What this rank sends is written anew, so that no receiver has it in its cache. */
static void prepare(const zb_mpi_plan *plan, int64_t slot)
{
    if (plan->in_place) {
        if (plan->input_bytes > 0)
            memcpy(plan->outs[slot] + plan->input_place, plan->ins[slot], (size_t)plan->input_bytes);
        return;
    }
    volatile char *input = plan->ins[slot];
    for (int64_t at = 0; at < plan->input_bytes; at += CACHE_LINE_BYTES)
        input[at] = input[at];
}

/* What is asked for and MPI does not do: a root's own copy of what it broadcasts, and the place of a part that
   was reduced in place, which MPI puts at the front. */
static void complete(const zb_mpi_plan *plan, int64_t slot)
{
    char *out = plan->outs[slot];
    if (plan->operation == ZB_MPI_BCAST && plan->rank == plan->root && !plan->in_place && plan->count > 0)
        memcpy(out, plan->ins[slot], (size_t)(plan->count * plan->item_bytes));
    if (plan->operation == ZB_MPI_REDUCE_SCATTER && plan->in_place)
        memmove(out + plan->firsts[plan->rank] * plan->item_bytes, out,
                (size_t)(plan->counts[plan->rank] * plan->item_bytes));
}

static int start_together(const zb_mpi_library *mpi, const zb_mpi_plan *plan)
{
    bool pair = is_pair(plan) && !plan->grouped;
    if (mpi->ranks == 1 || (pair && mpi->rank > 1))
        return 0;
    int64_t start = 0;
    int error = mpi->pointers ? pointer_meet(mpi, pair, &start) : int_meet(mpi, pair, &start);
    while (error == 0 && zb_clock_ns() < start)
        if (mpi->yields)
            sched_yield();
    return error;
}

int zb_mpi_execute(const zb_mpi_library *mpi, const zb_mpi_plan *plan, int64_t slot, int32_t *error)
{
    if (slot < 0 || slot >= plan->slots || plan->window > ZB_MPI_MAX_WINDOW)
        return ZB_EINVAL;
    prepare(plan, slot);
    *error = run(mpi, plan, slot);
    complete(plan, slot);
    return *error == 0 ? ZB_OK : ZB_EPEER;
}

int zb_mpi_rounds(const zb_mpi_library *mpi, const zb_mpi_plan *plan, int64_t rounds, int64_t batch,
                  int64_t *stamps, int32_t *error)
{
    if (rounds < 0 || batch < 1 || plan->slots < 1 || plan->window > ZB_MPI_MAX_WINDOW ||
        (plan->in_place && batch > plan->slots))
        return ZB_EINVAL;
    int64_t used = batch < plan->slots ? batch : plan->slots;
    int64_t first = 0;
    for (int64_t round = 0; round < rounds; round++) {
        for (int64_t i = 0; i < used; i++)
            prepare(plan, (first + i) % plan->slots);
        *error = start_together(mpi, plan);
        if (*error != 0)
            return ZB_EPEER;
        int64_t slot = first;
        stamps[2 * round] = zb_clock_ns();
        for (int64_t i = 0; i < batch; i++) {
            *error = run(mpi, plan, slot);
            if (*error != 0)
                return ZB_EPEER;
            slot = slot + 1 < plan->slots ? slot + 1 : 0;
        }
        stamps[2 * round + 1] = zb_clock_ns();
        for (int64_t i = 0; i < used; i++)
            complete(plan, (first + i) % plan->slots);
        first = slot;
    }
    return ZB_OK;
}

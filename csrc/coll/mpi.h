/* Operations of an MPI library, called and timed from C. Nothing here links against one: its functions and
   handles are found at run time, and handed in as addresses. */
#ifndef ZB_COLL_MPI_H
#define ZB_COLL_MPI_H

#include <stdint.h>

/* public */
enum {
    ZB_MPI_BARRIER = 0,
    ZB_MPI_BCAST = 1,
    ZB_MPI_REDUCE = 2,
    ZB_MPI_ALLREDUCE = 3,
    ZB_MPI_REDUCE_SCATTER = 4,
    ZB_MPI_ALLGATHER = 5,
    ZB_MPI_GATHER = 6,
    ZB_MPI_SCATTER = 7,
    ZB_MPI_ALLTOALL = 8,
    ZB_MPI_ALLTOALLV = 9,
    ZB_MPI_SCAN = 10,
    ZB_MPI_EXSCAN = 11,
    ZB_MPI_SENDRECV = 12, /* to the next rank, from the one before */
    ZB_MPI_PINGPONG = 13, /* from here on ranks 0 and 1 alone */
    ZB_MPI_UNIDIRECTIONAL = 14,
    ZB_MPI_BIDIRECTIONAL = 15
};

enum { ZB_MPI_MAX_WINDOW = 64 };

/* Handles are ints in MPICH's ABI and pointers in Open MPI; `pointers` tells. */
typedef struct {
    int32_t pointers;
    int32_t rank;
    int32_t ranks;
    int32_t yields; /* ranks share cores: give them up while waiting for a common start */
    uintptr_t world;
    uintptr_t byte;
    uintptr_t in_place;
    uintptr_t ignore; /* MPI_STATUS_IGNORE and MPI_STATUSES_IGNORE, alike in both */
    uintptr_t barrier;
    uintptr_t bcast;
    uintptr_t reduce;
    uintptr_t allreduce;
    uintptr_t reduce_scatter;
    uintptr_t reduce_scatter_block;
    uintptr_t allgather;
    uintptr_t allgatherv;
    uintptr_t gather;
    uintptr_t gatherv;
    uintptr_t scatter;
    uintptr_t scatterv;
    uintptr_t alltoall;
    uintptr_t alltoallv;
    uintptr_t scan;
    uintptr_t exscan;
    uintptr_t sendrecv;
    uintptr_t sendrecv_replace;
    uintptr_t send;
    uintptr_t recv;
    uintptr_t isend;
    uintptr_t irecv;
    uintptr_t waitall;
} zb_mpi_library;

/* One operation of the ranks of `comm` on `slots` slots. The vector is cut in a part for each rank: counts[r]
   elements from firsts[r] on; of an alltoallv rank r is sent those, and received[r] elements of its land at
   lands[r]. In place, every rank reads and writes `out` alone, where its input has been copied before. */
typedef struct {
    uintptr_t comm;
    int32_t rank;
    int32_t ranks;
    int32_t grouped; /* other ranks run other plans: rounds start together in the whole world */
    int32_t operation;
    int32_t root;
    int32_t in_place;
    int32_t even;   /* all parts have counts[0] elements */
    int32_t window; /* messages in flight */
    int32_t count;  /* elements of the vector; of a pair, of one message */
    int64_t item_bytes;
    uintptr_t type;
    uintptr_t op;
    const int32_t *counts;
    const int32_t *firsts;
    const int32_t *received;
    const int32_t *lands;
    int64_t input_bytes; /* this rank's, 0 if it sends nothing of it */
    int64_t input_place; /* in place: where in `out` they go, bytes */
    int64_t slots;
    char *const *ins;
    char *const *outs;
} zb_mpi_plan;

/* One blocking execution on one slot; no clock is read. `error` is the library's code behind ZB_EPEER. */
int zb_mpi_execute(const zb_mpi_library *mpi, const zb_mpi_plan *plan, int64_t slot,
                   int32_t *error);

/* Rounds of `batch` executions. Before each, untimed, this rank writes its inputs anew (in place: copies them
   to `out`, so that a batch is no longer than the slots), and all ranks that take part start at a common
   moment. Round i runs slots i*batch, ... mod slots. stamps[2i], stamps[2i+1]: its start and end, ns. */
int zb_mpi_rounds(const zb_mpi_library *mpi, const zb_mpi_plan *plan, int64_t rounds, int64_t batch,
                  int64_t *stamps, int32_t *error);
/* end */

#endif

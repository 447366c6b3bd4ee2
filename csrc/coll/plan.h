/* Compiled plans: one rank's actions, step by step, and how they are executed over any transport. */
#ifndef ZB_COLL_PLAN_H
#define ZB_COLL_PLAN_H

#include <stdint.h>
#include <string.h>

#include "coll/reduce.h"

/* public */
enum {
    ZB_SEND = 0,
    ZB_RECV = 1,
    ZB_RECV_REDUCE = 2, /* dst = src (redop) what arrives */
    ZB_COPY = 3,
    ZB_REDUCE = 4, /* dst = src (redop) the sources of the ZB_SOURCE rows that follow, in this order */
    ZB_SOURCE = 5,
    ZB_SIGNAL = 6, /* a message without data */
    ZB_WAIT = 7,
    ZB_SCALE = 8 /* dst = src / ranks */
};

enum { ZB_COLL_TEXT_BYTES = 128 };

enum { ZB_IN = 0, ZB_OUT = 1, ZB_TMP = 2, ZB_BUFFERS = 3 };

/* One row of a plan. Rows of one step are adjacent; offsets and sizes are bytes. */
typedef struct {
    int64_t step;
    int64_t kind;
    int64_t peer;
    int64_t dst;
    int64_t dst_offset;
    int64_t src;
    int64_t src_offset;
    int64_t bytes;
} zb_coll_action;

typedef struct zb_coll_plan zb_coll_plan;
typedef struct zb_coll_transport zb_coll_transport;

/* Binds a plan to the buffers of `slots` slots: buffers[slot * ZB_BUFFERS + ZB_IN] and so on, each of
   sizes[ZB_IN] ... bytes. ZB_EINVAL: a row names a peer, buffer, or byte that is not there, reduces what
   zb_coll_reduce does not, or reads what it has overwritten; ZB_EISA. */
int zb_coll_plan_create(const zb_coll_action *actions, int64_t count, int isa, int dtype, int redop,
                        int64_t ranks, void *const *buffers, const int64_t *sizes, int64_t slots,
                        zb_coll_plan **plan);
void zb_coll_plan_destroy(zb_coll_plan *plan);

/* For a plan that works in place: before each round `bytes` of the slot's IN go to `offset` of its OUT, untimed.
   ZB_EINVAL: they are not there. */
int zb_coll_plan_restore(zb_coll_plan *plan, int64_t offset, int64_t bytes);

/* For a plan of some ranks of a world: its averages are over so many. ZB_EINVAL: over none. */
int zb_coll_plan_among(zb_coll_plan *plan, int64_t ranks);

/* Says what the plan does, for whoever must be told that his peer does something else: `fingerprint` is the same
   on all ranks of one call and on no other (its upper 24 bits: on all ranks that start a round together, which may
   be in calls of groups of their own), `text` is cut to what a line holds. Plans are born with 0 and "". */
void zb_coll_plan_describe(zb_coll_plan *plan, uint64_t fingerprint, const char *text);

/* One blocking execution on one slot; no clock is read. */
int zb_coll_execute(zb_coll_plan *plan, const zb_coll_transport *transport, int64_t slot);

/* Rounds of `batch` executions. Before each, untimed, a sender rewrites its input, so that no receiver has it
   in its cache, and all ranks are synchronised. Round i runs slots i*batch, ... mod
   slots. stamps[2i], stamps[2i+1]: its start and end, ns on this rank's monotonic clock. */
int zb_coll_rounds(zb_coll_plan *plan, const zb_coll_transport *transport, int64_t rounds,
                   int64_t batch, int64_t *stamps);
/* end */

/* A row resolved to addresses, with the state of its transfer while its step runs. */
typedef struct {
    const char *src;
    char *dst;
    zb_coll_combine *combine; /* the dtype's, of the plan's redop; NULL: nothing can be reduced */
    int64_t bytes;
    int32_t kind;
    int32_t peer;
    int32_t finished; /* 0 only while a transfer is under way */
    int64_t moved;    /* bytes that left, or arrived */
    uint64_t ticket;  /* the transport's: order among transfers to or from one peer */
    uint64_t line;    /* the transport's: where the message lies */
} zb_coll_op;

/* How long a step has made no progress: zeros at first, then the transport's own account. */
typedef struct {
    int64_t spins;
    int64_t yields;
    int64_t since_ns;
    int64_t checked_ns; /* the last look at the clock */
    int32_t suspect;    /* what was found then and is held against the peer if nothing arrives until the next look */
} zb_coll_wait;

/* What carries messages. `post` begins a transfer and `progress` continues it; both set `finished`
   and return 1 if anything moved, 0 if not, -status on failure. Transfers of one ordered pair match in
   the order of their posts. `begin` comes before each execution. `idle` waits a moment for `peer`, `sync` is the
   untimed start of a round of this plan, in which a rank with an empty one must not disturb; both return a status.
   `did`, if it is there, is told of rows that were done without it. */
struct zb_coll_transport {
    void *self;
    void (*begin)(void *self, const zb_coll_plan *plan);
    int (*post)(void *self, zb_coll_op *op);
    int (*progress)(void *self, zb_coll_op *op);
    int (*idle)(void *self, zb_coll_wait *wait, int peer);
    int (*sync)(void *self, const zb_coll_plan *plan);
    void (*did)(void *self, const zb_coll_op *op, int64_t rows);
};

struct zb_coll_plan {
    uint64_t fingerprint;
    char text[ZB_COLL_TEXT_BYTES];
    int64_t count;
    int64_t slots;
    int64_t ranks;          /* that an average is over */
    zb_coll_divide *divide; /* NULL: nothing can be scaled */
    int64_t steps;
    int64_t *begins; /* steps + 1 */
    int64_t input_bytes;    /* 0 if this rank sends nothing of its input */
    volatile char **inputs; /* of each slot */
    char **outputs;         /* likewise */
    int64_t sizes[ZB_BUFFERS];
    int64_t restored_offset;
    int64_t restored_bytes; /* 0 unless in place */
    zb_coll_op *ops; /* slots x count */
};

/* Takes the next `bytes` of a receive that the transport has at `data`: copies or reduces them. */
static inline void zb_coll_deliver(zb_coll_op *op, const void *data, int64_t bytes)
{
    if (op->kind == ZB_RECV_REDUCE)
        op->combine(op->dst + op->moved, op->src + op->moved, data, bytes);
    else if (bytes == 8) /* the size at which a call to memcpy is felt */
        memcpy(op->dst + op->moved, data, 8);
    else if (bytes > 0)
        memcpy(op->dst + op->moved, data, (size_t)bytes);
    op->moved += bytes;
}

#endif

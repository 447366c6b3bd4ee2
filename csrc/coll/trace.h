/* What the executor does with a plan, row by row, to be held against what was proved. */
#ifndef ZB_COLL_TRACE_H
#define ZB_COLL_TRACE_H

#include "coll/plan.h"

/* public */
typedef struct {
    int64_t row;      /* of the plan */
    int64_t finished; /* 0: it begins, 1: it is done */
    int64_t bytes;    /* moved by then */
} zb_coll_event;

/* zb_coll_execute, told event by event in the order in which they happened: a row that is a further source of a sum
   begins and ends with the sum. `told`: how many events there were; those beyond `capacity` are not kept. */
int zb_coll_trace(zb_coll_plan *plan, const zb_coll_transport *transport, int64_t slot, zb_coll_event *events,
                  int64_t capacity, int64_t *told);
/* end */

#endif

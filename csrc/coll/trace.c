#include "coll/trace.h"

#include "core/status.h"

/* A transport that passes everything on and writes it down. */
typedef struct {
    const zb_coll_transport *real;
    const zb_coll_op *rows;
    zb_coll_event *events;
    int64_t capacity;
    int64_t told;
} tracer;

static void tell(tracer *t, const zb_coll_op *op, int64_t finished, int64_t bytes)
{
    if (t->told < t->capacity)
        t->events[t->told] = (zb_coll_event){.row = op - t->rows, .finished = finished, .bytes = bytes};
    t->told++;
}

static void trace_begin(void *self, const zb_coll_plan *plan)
{
    tracer *t = self;
    t->real->begin(t->real->self, plan);
}

static int trace_post(void *self, zb_coll_op *op)
{
    tracer *t = self;
    tell(t, op, 0, 0);
    int moved = t->real->post(t->real->self, op);
    if (op->finished)
        tell(t, op, 1, op->moved);
    return moved;
}

static int trace_progress(void *self, zb_coll_op *op)
{
    tracer *t = self;
    int moved = t->real->progress(t->real->self, op);
    if (op->finished)
        tell(t, op, 1, op->moved);
    return moved;
}

static int trace_idle(void *self, zb_coll_wait *wait, int peer)
{
    tracer *t = self;
    return t->real->idle(t->real->self, wait, peer);
}

static int trace_sync(void *self, const zb_coll_plan *plan)
{
    tracer *t = self;
    return t->real->sync(t->real->self, plan);
}

static void trace_did(void *self, const zb_coll_op *op, int64_t rows)
{
    for (int64_t i = 0; i < rows; i++)
        tell(self, op + i, 0, 0);
    for (int64_t i = 0; i < rows; i++)
        tell(self, op + i, 1, op[i].bytes);
}

int zb_coll_trace(zb_coll_plan *plan, const zb_coll_transport *transport, int64_t slot, zb_coll_event *events,
                  int64_t capacity, int64_t *told)
{
    if (slot < 0 || slot >= plan->slots || capacity < 0)
        return ZB_EINVAL;
    tracer t = {.real = transport, .rows = plan->ops + slot * plan->count, .events = events, .capacity = capacity};
    zb_coll_transport traced = {.self = &t,
                                .begin = trace_begin,
                                .post = trace_post,
                                .progress = trace_progress,
                                .idle = trace_idle,
                                .sync = trace_sync,
                                .did = trace_did};
    int status = zb_coll_execute(plan, &traced, slot);
    *told = t.told;
    return status;
}

#include <string.h>

#include "coll/plan.h"
#include "core/clock.h"
#include "core/status.h"

enum { CACHE_LINE_BYTES = 64 };

/* Many sources are reduced piece by piece, so that the partial result stays in the L1 cache. */
enum { REDUCE_PIECE_BYTES = 8192 };

void zb_coll_deliver(zb_coll_op *op, const void *data, int64_t bytes)
{
    if (op->kind == ZB_RECV_REDUCE)
        op->combine(op->dst + op->moved, op->src + op->moved, data, bytes);
    else if (bytes == 8) /* the size at which a call to memcpy is felt */
        memcpy(op->dst + op->moved, data, 8);
    else if (bytes > 0)
        memcpy(op->dst + op->moved, data, (size_t)bytes);
    op->moved += bytes;
}

/* ops[0] is the REDUCE, its further sources are ops[1] ... ops[sources]. */
static void reduce(const zb_coll_op *ops, int64_t sources)
{
    if (sources == 0) {
        memcpy(ops->dst, ops->src, (size_t)ops->bytes);
        return;
    }
    for (int64_t at = 0; at < ops->bytes; at += REDUCE_PIECE_BYTES) {
        int64_t left = ops->bytes - at;
        int64_t bytes = left < REDUCE_PIECE_BYTES ? left : REDUCE_PIECE_BYTES;
        const char *so_far = ops->src + at;
        for (int64_t i = 1; i <= sources; i++) {
            ops->combine(ops->dst + at, so_far, ops[i].src + at, bytes);
            so_far = ops->dst + at;
        }
    }
}

/* Starts every action of a step; the local ones are then done. */
static int start(const zb_coll_plan *plan, const zb_coll_transport *transport, zb_coll_op *ops,
                 int64_t count)
{
    for (int64_t i = 0; i < count; i++) {
        zb_coll_op *op = &ops[i];
        if (op->kind == ZB_COPY) {
            memcpy(op->dst, op->src, (size_t)op->bytes);
        } else if (op->kind == ZB_SCALE) {
            plan->divide(op->dst, op->src, op->bytes, plan->ranks);
        } else if (op->kind == ZB_REDUCE) {
            int64_t sources = 0;
            while (i + sources + 1 < count && ops[i + sources + 1].kind == ZB_SOURCE)
                sources++;
            reduce(op, sources);
            i += sources;
        } else {
            int moved = transport->post(transport->self, op);
            if (moved < 0)
                return -moved;
        }
    }
    return ZB_OK;
}

/* All transfers of a step progress side by side, because a peer may need any of them first. */
static int finish(const zb_coll_transport *transport, zb_coll_op *ops, int64_t count)
{
    zb_coll_wait wait = {0};
    int64_t first = 0;
    for (;;) {
        while (first < count && ops[first].finished)
            first++;
        if (first == count)
            return ZB_OK;
        int any = 0;
        for (int64_t i = first; i < count; i++) {
            if (ops[i].finished)
                continue;
            int moved = transport->progress(transport->self, &ops[i]);
            if (moved < 0)
                return -moved;
            any |= moved;
        }
        if (any) {
            wait = (zb_coll_wait){0};
        } else if (!ops[first].finished) {
            int status = transport->idle(transport->self, &wait, ops[first].peer);
            if (status != ZB_OK)
                return status;
        }
    }
}

int zb_coll_execute(zb_coll_plan *plan, const zb_coll_transport *transport, int64_t slot)
{
    if (slot < 0 || slot >= plan->slots)
        return ZB_EINVAL;
    zb_coll_op *ops = plan->ops + slot * plan->count;
    transport->begin(transport->self, plan);
    for (int64_t step = 0; step < plan->steps; step++) {
        int64_t begin = plan->begins[step];
        int64_t count = plan->begins[step + 1] - begin;
        int status = start(plan, transport, ops + begin, count);
        if (status == ZB_OK)
            status = finish(transport, ops + begin, count);
        if (status != ZB_OK)
            return status;
    }
    return ZB_OK;
}

/* Writes every line of an input as it is, or in place as it was: afterwards only this core has it. */
static void rewrite(zb_coll_plan *plan, int64_t slot)
{
    volatile char *input = plan->inputs[slot];
    for (int64_t at = 0; at < plan->input_bytes; at += CACHE_LINE_BYTES)
        input[at] = input[at];
    if (plan->restored_bytes > 0)
        memcpy(plan->outputs[slot] + plan->restored_offset, (const char *)plan->inputs[slot],
               (size_t)plan->restored_bytes);
}

int zb_coll_rounds(zb_coll_plan *plan, const zb_coll_transport *transport, int64_t rounds,
                   int64_t batch, int64_t *stamps)
{
    if (rounds < 0 || batch < 1)
        return ZB_EINVAL;
    int64_t slot = 0;
    for (int64_t round = 0; round < rounds; round++) {
        int64_t used = batch < plan->slots ? batch : plan->slots;
        for (int64_t i = 0; i < used; i++)
            rewrite(plan, (slot + i) % plan->slots);
        int status = transport->sync(transport->self, plan);
        if (status != ZB_OK)
            return status;
        stamps[2 * round] = zb_clock_ns();
        for (int64_t i = 0; i < batch; i++) {
            status = zb_coll_execute(plan, transport, slot);
            if (status != ZB_OK)
                return status;
            slot = slot + 1 < plan->slots ? slot + 1 : 0;
        }
        stamps[2 * round + 1] = zb_clock_ns();
    }
    return ZB_OK;
}

#include "coll/plan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/dtype.h"
#include "core/status.h"

static bool inside(int64_t buffer, int64_t offset, int64_t bytes, const int64_t *sizes)
{
    return buffer >= 0 && buffer < ZB_BUFFERS && offset >= 0 && bytes >= 0 &&
           offset <= sizes[buffer] && bytes <= sizes[buffer] - offset;
}

static bool reads(int64_t kind)
{
    return kind == ZB_SEND || kind == ZB_RECV_REDUCE || kind == ZB_COPY || kind == ZB_REDUCE ||
           kind == ZB_SOURCE || kind == ZB_SCALE;
}

static bool writes(int64_t kind)
{
    return kind == ZB_RECV || kind == ZB_RECV_REDUCE || kind == ZB_COPY || kind == ZB_REDUCE ||
           kind == ZB_SCALE;
}

static bool is_local(int64_t kind)
{
    return kind == ZB_COPY || kind == ZB_REDUCE || kind == ZB_SOURCE || kind == ZB_SCALE;
}

static bool reduces(int64_t kind)
{
    return kind == ZB_RECV_REDUCE || kind == ZB_REDUCE || kind == ZB_SOURCE || kind == ZB_SCALE;
}

/* How far what `from` reads lies from what `to` writes; -1: in another buffer. */
static int64_t apart(const zb_coll_action *to, const zb_coll_action *from)
{
    if (to->dst != from->src)
        return -1;
    return to->dst_offset < from->src_offset ? from->src_offset - to->dst_offset : to->dst_offset - from->src_offset;
}

/* Whether it would read what it has overwritten: the place that it writes is off by some bytes. */
static bool overlaps(const zb_coll_action *a)
{
    return reads(a->kind) && writes(a->kind) && apart(a, a) > 0 && apart(a, a) < a->bytes;
}

/* Whether a further source of a sum lies where the sum of those before it is kept. */
static bool overwritten(const zb_coll_action *source)
{
    const zb_coll_action *sum = source;
    while (sum->kind == ZB_SOURCE)
        sum--;
    return apart(sum, source) >= 0 && apart(sum, source) < source->bytes;
}

/* item_bytes: of the elements that the plan reduces; 0 where it can reduce none. */
static bool valid(const zb_coll_action *actions, int64_t i, int64_t item_bytes, int64_t ranks,
                  const int64_t *sizes)
{
    const zb_coll_action *a = &actions[i];
    if (a->kind < ZB_SEND || a->kind > ZB_SCALE || (i > 0 && a->step < actions[i - 1].step))
        return false;
    if (!is_local(a->kind) && (a->peer < 0 || a->peer >= ranks))
        return false;
    if (reads(a->kind) && !inside(a->src, a->src_offset, a->bytes, sizes))
        return false;
    if (writes(a->kind) && !inside(a->dst, a->dst_offset, a->bytes, sizes))
        return false;
    if (overlaps(a))
        return false;
    if (reduces(a->kind) && (item_bytes == 0 || a->bytes % item_bytes != 0))
        return false;
    if (a->kind == ZB_SOURCE) {
        if (i == 0 || a->step != actions[i - 1].step || a->bytes != actions[i - 1].bytes)
            return false;
        return (actions[i - 1].kind == ZB_REDUCE || actions[i - 1].kind == ZB_SOURCE) && !overwritten(a);
    }
    return true;
}

static void resolve(zb_coll_op *op, const zb_coll_action *a, zb_coll_combine *combine,
                    void *const *buffers)
{
    *op = (zb_coll_op){.combine = combine,
                       .bytes = a->bytes,
                       .kind = (int32_t)a->kind,
                       .peer = (int32_t)a->peer,
                       .finished = 1};
    if (a->kind == ZB_SIGNAL || a->kind == ZB_WAIT)
        op->bytes = 0;
    if (reads(a->kind))
        op->src = (const char *)buffers[a->src] + a->src_offset;
    if (writes(a->kind))
        op->dst = (char *)buffers[a->dst] + a->dst_offset;
}

int zb_coll_plan_create(const zb_coll_action *actions, int64_t count, int isa, int dtype, int redop,
                        int64_t ranks, void *const *buffers, const int64_t *sizes, int64_t slots,
                        zb_coll_plan **plan)
{
    *plan = NULL;
    if (count < 0 || slots < 1 || ranks < 1 || ranks > INT32_MAX)
        return ZB_EINVAL;
    if (zb_coll_isa(isa) < 0)
        return ZB_EISA;
    zb_coll_combine *combine = zb_coll_combiner(isa, dtype, redop);
    int64_t item_bytes = combine ? zb_dtype_bytes(dtype) : 0;
    for (int64_t i = 0; i < count; i++)
        if (!valid(actions, i, item_bytes, ranks, sizes))
            return ZB_EINVAL;

    int64_t ops;
    if (__builtin_mul_overflow(count, slots, &ops) || ops == INT64_MAX)
        return ZB_ENOMEM;
    zb_coll_plan *p = calloc(1, sizeof *p);
    if (p == NULL)
        return ZB_ENOMEM;
    p->count = count;
    p->slots = slots;
    p->ranks = ranks;
    p->divide = zb_coll_divider(isa, dtype);
    /* One more than needed: an empty plan must not ask calloc for nothing. */
    p->begins = calloc((size_t)count + 1, sizeof *p->begins);
    p->ops = calloc((size_t)ops + 1, sizeof *p->ops);
    p->inputs = calloc((size_t)slots, sizeof *p->inputs);
    p->outputs = calloc((size_t)slots, sizeof *p->outputs);
    memcpy(p->sizes, sizes, sizeof p->sizes);
    if (p->begins == NULL || p->ops == NULL || p->inputs == NULL || p->outputs == NULL) {
        zb_coll_plan_destroy(p);
        return ZB_ENOMEM;
    }
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || actions[i].step != actions[i - 1].step)
            p->begins[p->steps++] = i;
    p->begins[p->steps] = count;
    for (int64_t i = 0; i < count; i++)
        if (reads(actions[i].kind) && actions[i].src == ZB_IN)
            p->input_bytes = sizes[ZB_IN];
    for (int64_t slot = 0; slot < slots; slot++) {
        p->inputs[slot] = buffers[slot * ZB_BUFFERS + ZB_IN];
        p->outputs[slot] = buffers[slot * ZB_BUFFERS + ZB_OUT];
        for (int64_t i = 0; i < count; i++)
            resolve(&p->ops[slot * count + i], &actions[i], combine, buffers + slot * ZB_BUFFERS);
    }
    *plan = p;
    return ZB_OK;
}

int zb_coll_plan_restore(zb_coll_plan *plan, int64_t offset, int64_t bytes)
{
    if (!inside(ZB_OUT, offset, bytes, plan->sizes) || !inside(ZB_IN, 0, bytes, plan->sizes))
        return ZB_EINVAL;
    plan->restored_offset = offset;
    plan->restored_bytes = bytes;
    return ZB_OK;
}

int zb_coll_plan_among(zb_coll_plan *plan, int64_t ranks)
{
    if (ranks < 1)
        return ZB_EINVAL;
    plan->ranks = ranks;
    return ZB_OK;
}

void zb_coll_plan_describe(zb_coll_plan *plan, uint64_t fingerprint, const char *text)
{
    plan->fingerprint = fingerprint;
    size_t bytes = strnlen(text, ZB_COLL_TEXT_BYTES - 1);
    memset(plan->text, 0, sizeof plan->text);
    memcpy(plan->text, text, bytes);
}

void zb_coll_plan_destroy(zb_coll_plan *plan)
{
    if (plan == NULL)
        return;
    free(plan->begins);
    free(plan->ops);
    free(plan->inputs);
    free(plan->outputs);
    free(plan);
}

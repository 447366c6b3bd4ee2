/* Random rows of a plan, executed: whatever zb_coll_plan_create takes stays inside its buffers. */
#include <stdlib.h>
#include <string.h>

#include "coll/plan.h"
#include "core/cpu.h"
#include "core/dtype.h"
#include "core/status.h"

/* As in readers.py. */
enum { BUFFER_BYTES = 64, HEADER_BYTES = 4, SLOTS_MOST = 4, REDOPS = 7 };

static void begin(void *self, const zb_coll_plan *plan)
{
    (void)self;
    (void)plan;
}

/* A peer that takes and gives everything at once: what is sent is read, and zeros arrive. */
static int post(void *self, zb_coll_op *op)
{
    static const char nothing[BUFFER_BYTES];
    op->moved = 0;
    if (op->kind == ZB_SEND && op->bytes > 0)
        memcpy(self, op->src, (size_t)op->bytes);
    else if (op->kind == ZB_RECV || op->kind == ZB_RECV_REDUCE)
        zb_coll_deliver(op, nothing, op->bytes);
    op->finished = 1;
    return 1;
}

static int progress(void *self, zb_coll_op *op)
{
    (void)self;
    (void)op;
    return 0;
}

static int idle(void *self, zb_coll_wait *wait, int peer)
{
    (void)self;
    (void)wait;
    (void)peer;
    return ZB_ETIMEDOUT;
}

static int start(void *self, const zb_coll_plan *plan)
{
    (void)self;
    (void)plan;
    return ZB_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t header[HEADER_BYTES] = {0};
    memcpy(header, data, size < HEADER_BYTES ? size : HEADER_BYTES);
    size -= size < HEADER_BYTES ? size : HEADER_BYTES;
    int64_t count = (int64_t)(size / sizeof(zb_coll_action)), slots = 1 + header[3] % SLOTS_MOST;
    zb_coll_action *actions = malloc(sizeof *actions * (size_t)count + 1);
    void *buffers[SLOTS_MOST * ZB_BUFFERS];
    int64_t sizes[ZB_BUFFERS] = {BUFFER_BYTES, BUFFER_BYTES, BUFFER_BYTES};
    for (int i = 0; i < SLOTS_MOST * ZB_BUFFERS; i++)
        buffers[i] = calloc(1, BUFFER_BYTES); /* each alone, so that a sanitizer sees where it ends */
    if (count > 0)
        memcpy(actions, data + HEADER_BYTES, sizeof *actions * (size_t)count);
    char sent[BUFFER_BYTES];
    zb_coll_transport transport = {
        .self = sent, .begin = begin, .post = post, .progress = progress, .idle = idle, .sync = start};
    zb_coll_plan *plan;
    int64_t stamps[4];
    if (zb_coll_plan_create(actions, count, ZB_PORTABLE, header[0] % ZB_DTYPES, header[1] % REDOPS, 1 + header[2],
                            buffers, sizes, slots, &plan) == ZB_OK) {
        zb_coll_plan_restore(plan, header[0] % 8, header[1] % BUFFER_BYTES);
        zb_coll_rounds(plan, &transport, 2, 3, stamps);
        zb_coll_plan_destroy(plan);
    }
    for (int i = 0; i < SLOTS_MOST * ZB_BUFFERS; i++)
        free(buffers[i]);
    free(actions);
    return 0;
}

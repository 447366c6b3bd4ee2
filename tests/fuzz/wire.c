/* A peer that has lost its mind: lines of a channel with anything in them, received. */
#include "../../csrc/shm/channel.c"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/cpu.h"
#include "core/dtype.h"

enum { LINES_MOST = 16, WAIT_NS = 1000000 };

/* What a line may tell, beside where it stands. */
typedef struct {
    uint8_t kind_and_bytes;
    uint8_t shuttle; /* 0: the line of the ring; odd or even: a shuttle */
    int64_t first;
    int64_t whole;
} told;

/* Nobody else is here: what has not come never will. */
static int give_up(void *self, zb_coll_wait *wait, int peer)
{
    (void)self;
    (void)wait;
    (void)peer;
    return ZB_ETIMEDOUT;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4)
        return 0;
    int64_t bytes = data[0] | (int64_t)data[1] << 8;
    int kind = data[2] % 2 ? ZB_RECV_REDUCE : ZB_RECV;
    int dtype = data[3] % ZB_DTYPES;
    int fd = memfd_create("zbench-fuzz", MFD_CLOEXEC);
    zb_shm *shm;
    if (zb_shm_format(fd, 2, ZB_SHM_PAGE_BYTES) != ZB_OK || zb_shm_open(fd, 0, 1, WAIT_NS, &shm) != ZB_OK)
        __builtin_trap();
    zb_shm_peer *peer = &shm->peers[1];
    data += 4;
    size -= 4;
    for (uint64_t i = 0; i < LINES_MOST && size >= sizeof(told); i++, data += sizeof(told), size -= sizeof(told)) {
        told line;
        memcpy(&line, data, sizeof line);
        zb_shm_line *at = line.shuttle ? &peer->shuttles[line.shuttle % 2].line : &peer->rx->lines[i];
        at->payload[0] = (uint64_t)line.first;
        at->payload[1] = (uint64_t)line.whole;
        at->word = number_of(i) << NUMBER_SHIFT | peer->rx_to << TO_SHIFT | line.kind_and_bytes;
    }
    void *out = calloc(1, (size_t)bytes + 1), *in = calloc(1, (size_t)bytes + 1), *tmp = calloc(1, 1);
    void *buffers[ZB_BUFFERS] = {in, realloc(out, bytes > 0 ? (size_t)bytes : 1), tmp};
    int64_t sizes[ZB_BUFFERS] = {bytes, bytes, 0};
    zb_coll_action action = {.kind = kind, .peer = 1, .dst = ZB_OUT, .src = ZB_IN, .bytes = bytes};
    zb_coll_plan *plan;
    if (zb_coll_plan_create(&action, 1, ZB_PORTABLE, dtype, 0, 2, buffers, sizes, 1, &plan) == ZB_OK) {
        zb_coll_transport transport = *zb_shm_transport(shm);
        transport.idle = give_up;
        zb_coll_execute(plan, &transport, 0);
        zb_coll_plan_destroy(plan);
    }
    for (int i = 0; i < ZB_BUFFERS; i++)
        free(buffers[i]);
    zb_shm_close(shm);
    close(fd);
    return 0;
}

#include <sched.h>
#include <stdbool.h>

#include "core/clock.h"
#include "core/status.h"
#include "shm/wait.h"

/* How far ahead the common start lies: rank 0's word must have reached every rank by then, and where
   ranks share cores each must have had its turn, behind bystanders that have dozed off. */
enum { START_NS = 1000, START_NS_PER_RANK = 100, START_NS_OVERSUBSCRIBED = 200000 };

static int await(zb_shm *shm, _Atomic uint64_t *epoch, int64_t peer, bool bystander)
{
    zb_coll_wait wait = {0, 0};
    while (atomic_load_explicit(epoch, memory_order_acquire) < shm->epoch) {
        int status = bystander && shm->oversubscribed ? zb_shm_doze(shm, &wait, (int)peer)
                                                      : zb_shm_idle(shm, &wait, (int)peer);
        if (status != ZB_OK)
            return status;
    }
    return ZB_OK;
}

/* Dissemination barrier (Hensgen, Finkel, Manber 1988) on lines of its own. */
static int meet(zb_shm *shm, bool bystander)
{
    int64_t ranks = shm->ranks;
    int round = 0;
    for (int64_t distance = 1; distance < ranks; distance *= 2, round++) {
        int64_t to = (shm->rank + distance) % ranks;
        int64_t from = (shm->rank - distance + ranks) % ranks;
        atomic_store_explicit(&shm->sync[to].rounds[round].epoch, shm->epoch, memory_order_release);
        int status = await(shm, &shm->sync[shm->rank].rounds[round].epoch, from, bystander);
        if (status != ZB_OK)
            return status;
    }
    return ZB_OK;
}

static int start_together(zb_shm *shm)
{
    zb_shm_header *header = shm->header;
    if (shm->rank == 0) {
        int64_t ahead = START_NS + START_NS_PER_RANK * shm->ranks;
        int64_t start = zb_clock_ns() + (shm->oversubscribed ? START_NS_OVERSUBSCRIBED : ahead);
        atomic_store_explicit(&header->start_ns, start, memory_order_relaxed);
        atomic_store_explicit(&header->start_epoch, shm->epoch, memory_order_release);
    } else {
        int status = await(shm, &header->start_epoch, 0, false);
        if (status != ZB_OK)
            return status;
    }
    int64_t start = atomic_load_explicit(&header->start_ns, memory_order_relaxed);
    while (zb_clock_ns() < start)
        if (shm->oversubscribed)
            sched_yield();
    return ZB_OK;
}

int zb_shm_sync(void *self, int bystander)
{
    zb_shm *shm = self;
    if (atomic_load_explicit(&shm->header->aborted, memory_order_acquire) != 0)
        return ZB_EPEER;
    shm->epoch++;
    int status = meet(shm, bystander != 0);
    if (status != ZB_OK || shm->ranks == 1 || (bystander && shm->rank != 0))
        return status;
    return start_together(shm);
}

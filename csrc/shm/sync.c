#include <sched.h>
#include <stdbool.h>
#include <time.h>

#include "core/clock.h"
#include "core/status.h"
#include "shm/wait.h"
#include "shm/watch.h"

/* How far ahead the common start lies: rank 0's word must have reached every rank by then, and where
   ranks share cores each must have had its turn, behind bystanders that have dozed off. */
enum { START_NS = 1000, START_NS_PER_RANK = 100, START_NS_OVERSUBSCRIBED = 200000 };

/* Ranks that share cores sleep until so long before it; Linux may wake them 50 us late. Whoever yields for all
   that time has used up his share of the core when the round begins. */
enum { AWAKE_NS = 60000 };

/* The tag of a meeting is the upper part of the fingerprint, which groups that start a round together share. */
enum { TAG_BITS = 24, TAG_SHIFT = 64 - TAG_BITS };
static const uint64_t TAG_MASK = ((uint64_t)1 << TAG_BITS) - 1;

/* Until a word of this meeting, or of a later one, stands there. */
static int await(zb_shm *shm, _Atomic uint64_t *word, int64_t peer, bool bystander)
{
    zb_coll_wait wait = {0};
    while ((int64_t)(atomic_load_explicit(word, memory_order_acquire) >> TAG_BITS) < shm->epoch) {
        int status = bystander ? zb_shm_doze(shm, &wait, (int)peer) : zb_shm_idle(shm, &wait, (int)peer);
        if (status != ZB_OK)
            return status;
    }
    return ZB_OK;
}

/* Dissemination barrier (Hensgen, Finkel, Manber 1988) on lines of its own. The words carry what their senders are
   about to run. */
static int meet(zb_shm *shm, uint64_t tag, bool bystander)
{
    int64_t ranks = shm->ranks;
    uint64_t word = (uint64_t)shm->epoch << TAG_BITS | tag;
    int round = 0;
    for (int64_t distance = 1; distance < ranks; distance *= 2, round++) {
        int64_t to = (shm->rank + distance) % ranks;
        int64_t from = (shm->rank - distance + ranks) % ranks;
        _Atomic uint64_t *mine = &shm->sync[shm->rank].rounds[round].word;
        atomic_store_explicit(&shm->sync[to].rounds[round].word, word, memory_order_release);
        zb_shm_wake(shm, to);
        int status = await(shm, mine, from, bystander);
        if (status != ZB_OK)
            return status;
        uint64_t theirs = atomic_load_explicit(mine, memory_order_relaxed);
        /* One that is ahead has met everybody already. */
        if ((int64_t)(theirs >> TAG_BITS) == shm->epoch && theirs != word)
            return zb_shm_blame_message(shm, from, (theirs & TAG_MASK) << TAG_SHIFT, TAG_MASK << TAG_SHIFT);
    }
    return ZB_OK;
}

static void sleep_until(int64_t ns)
{
    struct timespec moment = {ns / 1000000000, ns % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL);
}

static int start_together(zb_shm *shm)
{
    zb_shm_header *header = shm->header;
    if (shm->rank == 0) {
        int64_t ahead = START_NS + START_NS_PER_RANK * shm->ranks;
        int64_t start = zb_clock_ns() + (shm->oversubscribed ? START_NS_OVERSUBSCRIBED : ahead);
        atomic_store_explicit(&header->start_ns, start, memory_order_relaxed);
        atomic_store_explicit(&header->start_word, (uint64_t)shm->epoch << TAG_BITS, memory_order_release);
        for (int64_t rank = 1; rank < shm->ranks; rank++)
            zb_shm_wake(shm, rank);
    } else {
        int status = await(shm, &header->start_word, 0, false);
        if (status != ZB_OK)
            return status;
    }
    int64_t start = atomic_load_explicit(&header->start_ns, memory_order_relaxed);
    if (shm->oversubscribed)
        sleep_until(start - AWAKE_NS);
    while (zb_clock_ns() < start)
        if (shm->oversubscribed)
            sched_yield();
    return ZB_OK;
}

static int synchronise(zb_shm *shm, uint64_t tag, bool bystander)
{
    if (atomic_load_explicit(&shm->header->aborted, memory_order_acquire) != 0)
        return ZB_EPEER;
    shm->calling = 0;
    shm->epoch++;
    atomic_store_explicit(&shm->stations[shm->rank].epoch, shm->epoch, memory_order_release);
    int status = meet(shm, tag, bystander);
    if (status != ZB_OK || shm->ranks == 1 || (bystander && shm->rank != 0))
        return status;
    return start_together(shm);
}

int zb_shm_sync(void *self, int bystander)
{
    return synchronise(self, 0, bystander != 0);
}

int zb_shm_start(void *self, const zb_coll_plan *plan)
{
    zb_shm *shm = self;
    zb_shm_announce(shm, plan);
    return synchronise(shm, plan->fingerprint >> TAG_SHIFT, plan->count == 0);
}

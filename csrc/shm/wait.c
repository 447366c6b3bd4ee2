#include "shm/wait.h"

#include <sched.h>
#include <time.h>

#include "core/clock.h"
#include "core/status.h"

enum {
    /* About 1 ms of pauses between two looks at the clock: a wait that succeeds never pays for one. */
    SPINS_BETWEEN_CHECKS = 1 << 15,
    /* A few line transfers: whoever has not answered by then is likely not running at all. */
    SPINS_BEFORE_YIELD = 16,
    /* A yield costs about as much as this many pauses. */
    SPINS_PER_YIELD = 64,
    /* Shorter than a person notices, long enough to leave the core to others. */
    DOZE_NS = 20000
};

static void pause_core(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The look at abort flag and clock, due when `spins` says so. */
static int check(zb_shm *shm, zb_coll_wait *wait, int peer)
{
    if (atomic_load_explicit(&shm->header->aborted, memory_order_acquire) != 0)
        return ZB_EPEER;
    int64_t now = zb_clock_ns();
    if (wait->since_ns == 0)
        wait->since_ns = now;
    if (now - wait->since_ns < shm->timeout_ns)
        return ZB_OK;
    shm->blamed = peer;
    zb_shm_give_up(shm);
    return ZB_ETIMEDOUT;
}

int zb_shm_idle(void *self, zb_coll_wait *wait, int peer)
{
    zb_shm *shm = self;
    if (shm->oversubscribed && wait->spins >= SPINS_BEFORE_YIELD) {
        sched_yield();
        wait->spins += SPINS_PER_YIELD;
    } else {
        pause_core();
        wait->spins++;
    }
    if (wait->spins < SPINS_BETWEEN_CHECKS)
        return ZB_OK;
    wait->spins = SPINS_BEFORE_YIELD;
    return check(shm, wait, peer);
}

int zb_shm_doze(zb_shm *shm, zb_coll_wait *wait, int peer)
{
    struct timespec moment = {0, DOZE_NS};
    nanosleep(&moment, NULL);
    return check(shm, wait, peer);
}

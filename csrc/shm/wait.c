#include "shm/wait.h"

#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/status.h"
#include "shm/watch.h"

enum {
    /* Who looks more often takes the line away again before the other has answered in it. Measured: with looks every
       13 ns (a pause) half a round trip takes 112 ns, every 27 ns 88, every 40 ns 87, every 53 ns 91. */
    BETWEEN_LOOKS_NS = 40,
    /* A pause takes 10 ns on some processors and 50 on others. */
    CALIBRATIONS = 5,
    CALIBRATION_PAUSES = 100,
    MOST_PAUSES = 16,
    /* About 1 ms between two looks at the clock: a wait that succeeds never pays for one. */
    SPINS_BETWEEN_CHECKS = 1 << 15,
    /* A few line transfers: whoever has not answered by then is likely not running at all. */
    SPINS_BEFORE_YIELD = 16,
    /* A yield costs about as much as this many pauses. */
    SPINS_PER_YIELD = 64,
    /* A few turns of all ranks of a core. Measured with 8 ranks on 2 cores: a barrier by yields takes 10-14 us, by
       sleeps alone 200 us (56 wakes); but a pair that plays ping-pong beside six ranks that never sleep takes 3 us
       instead of 0.4, and with 200 yields as well. */
    YIELDS_BEFORE_SLEEP = 32,
    /* A yield that took longer gave the core to somebody who uses up his slice, not to another waiting rank. One
       who sleeps is let in again as soon as he is woken, one who yields comes last: beside other programs the mean
       barrier takes 0.5 ms by yields, 0.04 ms if after each such loss the next waits sleep at once; an allreduce
       of 4 MiB 19 and 7 ms. */
    LOST_NS = 100000,
    /* Waits that sleep at once after a loss: twice as many each time, half as many after a yield that was none. A
       loss costs milliseconds and a sleep some 10 us, so that with this many one loss is a part of all the rest. */
    MOST_WARY = 1023,
    /* Until a sleeper looks around by itself: for what nobody wakes it for, an abort or a death. */
    SLEEP_NS = 50000000,
    /* Who has a core of his own gives it back after so long, for a thousandth of the wait at a time. */
    NAP_AFTER_NS = 50000000,
    NAP_NS = 50000,
    /* Two looks are further apart only where the rank itself was stopped: no peer is to blame for that. */
    STOPPED_NS = 1000000000
};

static void pause_core(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

/* The fastest of a few tries: whatever disturbs one only adds. */
static int64_t pauses_ns(void)
{
    int64_t fastest = INT64_MAX;
    for (int i = 0; i < CALIBRATIONS; i++) {
        int64_t begin = zb_clock_ns();
        for (int j = 0; j < CALIBRATION_PAUSES; j++)
            pause_core();
        int64_t ns = zb_clock_ns() - begin;
        fastest = ns < fastest ? ns : fastest;
    }
    return fastest;
}

int zb_shm_pauses_between_looks(void)
{
    int64_t took_ns = pauses_ns() + 1;
    int64_t pauses = (BETWEEN_LOOKS_NS * CALIBRATION_PAUSES + took_ns / 2) / took_ns;
    if (pauses < 1)
        return 1;
    return pauses > MOST_PAUSES ? MOST_PAUSES : (int)pauses;
}

static int futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *limit)
{
    return (int)syscall(SYS_futex, word, operation, value, limit, NULL, 0);
}

/* The look at abort flag, clock and peer, due when `spins` says so. */
static int check(zb_shm *shm, zb_coll_wait *wait, int peer)
{
    if (atomic_load_explicit(&shm->header->aborted, memory_order_acquire) != 0)
        return ZB_EPEER;
    int64_t now = zb_clock_ns();
    if (wait->since_ns == 0)
        wait->since_ns = now;
    else if (now - wait->checked_ns > STOPPED_NS)
        wait->since_ns += now - wait->checked_ns;
    wait->checked_ns = now;
    if (now - wait->since_ns >= shm->timeout_ns)
        return zb_shm_blame_silence(shm, peer);
    return zb_shm_judge(shm, wait, peer);
}

/* The flag goes up at one call and the sleep begins at the next: in between the caller looks once more for what
   came before its peer could see the flag. */
static int sleep_in_turn(zb_shm *shm, zb_coll_wait *wait, int peer)
{
    _Atomic uint32_t *asleep = &shm->stations[shm->rank].asleep;
    if (!shm->drowsy) {
        shm->drowsy = 1;
        atomic_store_explicit(asleep, 1, memory_order_relaxed);
        atomic_thread_fence(memory_order_seq_cst);
        return ZB_OK;
    }
    struct timespec limit = {0, SLEEP_NS};
    int slept = futex(asleep, FUTEX_WAIT, 1, &limit);
    int late = slept != 0 && errno == ETIMEDOUT;
    shm->drowsy = 0;
    atomic_store_explicit(asleep, 0, memory_order_relaxed);
    wait->spins += SPINS_PER_YIELD;
    if (!late && wait->spins < SPINS_BETWEEN_CHECKS)
        return ZB_OK;
    wait->spins = SPINS_BEFORE_YIELD;
    return check(shm, wait, peer);
}

void zb_shm_wake_sleeper(zb_shm *shm, int64_t peer)
{
    _Atomic uint32_t *asleep = &shm->stations[peer].asleep;
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(asleep, memory_order_relaxed) != 0 && atomic_exchange(asleep, 0) != 0)
        futex(asleep, FUTEX_WAKE, 1, NULL);
}

static void yield_turn(zb_shm *shm, zb_coll_wait *wait)
{
    int64_t begin = zb_clock_ns();
    sched_yield();
    wait->yields++;
    wait->spins += SPINS_PER_YIELD;
    if (zb_clock_ns() - begin > LOST_NS) {
        shm->wariness = 2 * shm->wariness + 1 < MOST_WARY ? 2 * shm->wariness + 1 : MOST_WARY;
        shm->wary_waits = shm->wariness;
        wait->yields = YIELDS_BEFORE_SLEEP;
    } else {
        shm->wariness /= 2;
    }
}

/* Where ranks share cores. */
static int wait_in_turn(zb_shm *shm, zb_coll_wait *wait, int peer)
{
    if (wait->spins == 0 && shm->wary_waits > 0) {
        shm->wary_waits--;
        wait->yields = YIELDS_BEFORE_SLEEP;
    }
    if (wait->spins < SPINS_BEFORE_YIELD) {
        pause_core();
        wait->spins++;
        return ZB_OK;
    }
    if (wait->yields >= YIELDS_BEFORE_SLEEP)
        return sleep_in_turn(shm, wait, peer);
    if (shm->drowsy) { /* since the last wait, which ended before it slept */
        shm->drowsy = 0;
        atomic_store_explicit(&shm->stations[shm->rank].asleep, 0, memory_order_relaxed);
    }
    yield_turn(shm, wait);
    return ZB_OK;
}

int zb_shm_idle(void *self, zb_coll_wait *wait, int peer)
{
    zb_shm *shm = self;
    if (shm->oversubscribed)
        return wait_in_turn(shm, wait, peer);
    for (int i = 0; i < shm->pauses; i++)
        pause_core();
    if (++wait->spins < SPINS_BETWEEN_CHECKS)
        return ZB_OK;
    int status = check(shm, wait, peer);
    if (wait->checked_ns - wait->since_ns < NAP_AFTER_NS) {
        wait->spins = 0;
    } else if (status == ZB_OK) {
        struct timespec nap = {0, NAP_NS};
        nanosleep(&nap, NULL);
    }
    return status;
}

int zb_shm_doze(zb_shm *shm, zb_coll_wait *wait, int peer)
{
    if (shm->oversubscribed)
        wait->yields = YIELDS_BEFORE_SLEEP;
    return zb_shm_idle(shm, wait, peer);
}

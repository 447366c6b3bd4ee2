#include "shm/probe.h"

#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/status.h"
#include "shm/wait.h"

enum {
    BATCHES = 31,
    ROUND_TRIPS = 100,
    /* Odd, so that the median is one of them. */
    MAX_COPIES = 31,
    MIN_COPIES = 3,
    COPIES_NS = 3000000
};

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a;
    int64_t y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t median(int64_t *values, int count)
{
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

static int await_word(zb_shm *shm, uint64_t value, int peer)
{
    zb_coll_wait wait = {0};
    while (atomic_load_explicit(&shm->header->probe_word, memory_order_acquire) != value) {
        int status = zb_shm_idle(shm, &wait, peer);
        if (status != ZB_OK)
            return status;
    }
    return ZB_OK;
}

static void say(zb_shm *shm, uint64_t value)
{
    atomic_store_explicit(&shm->header->probe_word, value, memory_order_release);
    zb_shm_wake(shm, shm->rank == 0);
}

/* Rank 0 writes odd numbers, rank 1 answers with even ones. The floor is looked for as often as can be: here the
   answer is there before the next look takes its line away. */
static int play(zb_shm *shm, int64_t *batch_ns)
{
    uint64_t turn = 0;
    for (int batch = 0; batch < BATCHES; batch++) {
        int64_t start = zb_clock_ns();
        for (int i = 0; i < ROUND_TRIPS; i++, turn += 2) {
            if (shm->rank == 0)
                say(shm, turn + 1);
            int status = await_word(shm, turn + (shm->rank == 0 ? 2 : 1), shm->rank == 0);
            if (status != ZB_OK)
                return status;
            if (shm->rank == 1)
                say(shm, turn + 2);
        }
        batch_ns[batch] = zb_clock_ns() - start;
    }
    return ZB_OK;
}

/* Rank 0 tells the result to all; the bystanders leave the cores alone until then. */
static int agree(zb_shm *shm, double mine, double *result)
{
    if (shm->rank == 0)
        atomic_store(&shm->header->probe_result, mine);
    int status = zb_shm_sync(shm, shm->rank > 1);
    *result = atomic_load(&shm->header->probe_result);
    return status;
}

int zb_shm_probe_line(zb_shm *shm, double *one_way_ns)
{
    if (shm->ranks < 2)
        return ZB_EINVAL;
    int64_t batch_ns[BATCHES] = {0};
    if (shm->rank == 0)
        atomic_store(&shm->header->probe_word, 0);
    int status = zb_shm_sync(shm, shm->rank > 1);
    int pauses = shm->pauses;
    shm->pauses = 1;
    if (status == ZB_OK && shm->rank < 2)
        status = play(shm, batch_ns);
    shm->pauses = pauses;
    if (status != ZB_OK)
        return status;
    return agree(shm, (double)median(batch_ns, BATCHES) / (2.0 * ROUND_TRIPS), one_way_ns);
}

int zb_shm_probe_copy(zb_shm *shm, void *dst, const void *src, int64_t bytes, double *bytes_per_s)
{
    if (bytes <= 0 || (shm->rank == 0 && (dst == NULL || src == NULL)))
        return ZB_EINVAL;
    int status = zb_shm_sync(shm, shm->rank != 0);
    if (status != ZB_OK)
        return status;
    double rate = 0;
    if (shm->rank == 0) {
        int64_t ns[MAX_COPIES];
        int64_t begin = zb_clock_ns();
        int copies = 0;
        while (copies < MIN_COPIES ||
               (copies < MAX_COPIES && zb_clock_ns() - begin < COPIES_NS)) {
            int64_t start = zb_clock_ns();
            memcpy(dst, src, (size_t)bytes);
            ns[copies++] = zb_clock_ns() - start;
        }
        int64_t middle = median(ns, copies);
        rate = (double)bytes / (double)(middle > 0 ? middle : 1) * 1e9;
    }
    return agree(shm, rate, bytes_per_s);
}

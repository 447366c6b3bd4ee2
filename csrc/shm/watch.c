#include "shm/watch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/status.h"

static zb_shm_station *own_station(zb_shm *shm)
{
    return &shm->stations[shm->rank];
}

/* A lock of the open file description, not of the process: ranks may be threads, and a copy of the descriptor
   that is closed elsewhere must not end it. */
static struct flock lock_of(int64_t rank)
{
    return (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = rank, .l_len = 1};
}

int zb_shm_arrive(zb_shm *shm, int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int own = open(path, O_RDWR | O_CLOEXEC);
    if (own < 0)
        return ZB_ESYSTEM;
    struct flock lock = lock_of(shm->rank);
    if (fcntl(own, F_OFD_SETLK, &lock) != 0) {
        int error = errno == EAGAIN || errno == EACCES ? EBUSY : errno; /* "try again" would mislead */
        close(own);
        errno = error;
        return ZB_ESYSTEM;
    }
    shm->lock_fd = own;
    atomic_store_explicit(&own_station(shm)->present, 1, memory_order_release);
    return ZB_OK;
}

void zb_shm_leave(zb_shm *shm)
{
    close(shm->lock_fd);
}

static bool has_come(zb_shm *shm, int64_t peer)
{
    return atomic_load_explicit(&shm->stations[peer].present, memory_order_acquire) != 0;
}

/* Nobody holds the lock of a rank that had come. */
static bool has_ended(zb_shm *shm, int64_t peer)
{
    struct flock lock = lock_of(peer);
    return fcntl(shm->lock_fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

/* A plan as read from its entry. */
typedef struct {
    int64_t first;
    uint64_t fingerprint;
    char text[ZB_COLL_TEXT_BYTES];
} known_plan;

static void write_entry(zb_shm_entry *entry, int64_t first, const zb_coll_plan *plan)
{
    uint64_t text[ZB_COLL_TEXT_BYTES / 8];
    memcpy(text, plan->text, sizeof text);
    uint64_t version = atomic_load_explicit(&entry->version, memory_order_relaxed);
    atomic_store_explicit(&entry->version, version + 1, memory_order_relaxed);
    /* Releases, so that none of them is seen before the odd version (a seqlock as Boehm, MSPC 2012). */
    atomic_store_explicit(&entry->first, first, memory_order_release);
    atomic_store_explicit(&entry->fingerprint, plan->fingerprint, memory_order_release);
    for (int i = 0; i < ZB_COLL_TEXT_BYTES / 8; i++)
        atomic_store_explicit(&entry->text[i], text[i], memory_order_release);
    atomic_store_explicit(&entry->version, version + 2, memory_order_release);
}

static bool read_entry(const zb_shm_entry *entry, known_plan *plan)
{
    uint64_t version = atomic_load_explicit(&entry->version, memory_order_acquire);
    uint64_t text[ZB_COLL_TEXT_BYTES / 8];
    plan->first = atomic_load_explicit(&entry->first, memory_order_acquire);
    plan->fingerprint = atomic_load_explicit(&entry->fingerprint, memory_order_acquire);
    for (int i = 0; i < ZB_COLL_TEXT_BYTES / 8; i++)
        text[i] = atomic_load_explicit(&entry->text[i], memory_order_acquire);
    memcpy(plan->text, text, sizeof text);
    return version % 2 == 0 && atomic_load_explicit(&entry->version, memory_order_relaxed) == version;
}

void zb_shm_announce(zb_shm *shm, const zb_coll_plan *plan)
{
    if (plan->fingerprint == shm->fingerprint)
        return;
    zb_shm_station *station = own_station(shm);
    int64_t plans = atomic_load_explicit(&station->plans, memory_order_relaxed);
    write_entry(&station->entries[plans % ZB_SHM_ENTRIES], shm->sequence + 1, plan);
    atomic_store_explicit(&station->plans, plans + 1, memory_order_release);
    shm->fingerprint = plan->fingerprint;
}

void zb_shm_begin(void *self, const zb_coll_plan *plan)
{
    zb_shm *shm = self;
    zb_shm_announce(shm, plan);
    shm->calling = 1;
    shm->sequence++;
    atomic_store_explicit(&own_station(shm)->sequence, shm->sequence, memory_order_release);
}

/* The plan that a rank ran, or announced to run, as its call `sequence`. False: no longer known. */
static bool plan_of_call(zb_shm *shm, int64_t rank, int64_t sequence, known_plan *plan)
{
    const zb_shm_station *station = &shm->stations[rank];
    int64_t plans = atomic_load_explicit(&station->plans, memory_order_acquire);
    for (int64_t i = plans - 1; i >= 0 && i >= plans - ZB_SHM_ENTRIES; i--) {
        if (!read_entry(&station->entries[i % ZB_SHM_ENTRIES], plan))
            return false;
        if (plan->first <= sequence)
            return true;
    }
    *plan = (known_plan){.first = 1}; /* before any, they had no name */
    return plans < ZB_SHM_ENTRIES;
}

static zb_shm_call call_of(zb_shm *shm, int64_t rank, int64_t sequence)
{
    zb_shm_call call = {.sequence = sequence};
    known_plan plan;
    if (plan_of_call(shm, rank, sequence, &plan))
        memcpy(call.text, plan.text, sizeof call.text);
    return call;
}

static int64_t own_call(const zb_shm *shm)
{
    return shm->calling ? shm->sequence : shm->sequence + 1;
}

static int64_t last_call(zb_shm *shm, int64_t peer)
{
    return atomic_load_explicit(&shm->stations[peer].sequence, memory_order_acquire);
}

/* It has entered a meeting that this rank has not: it is in no call any more. */
static bool meets_later(zb_shm *shm, int64_t peer)
{
    return atomic_load_explicit(&shm->stations[peer].epoch, memory_order_acquire) > shm->epoch;
}

static void conclude(zb_shm *shm, int64_t why, int64_t whom, zb_shm_call whom_call)
{
    /* Who only sent has gone on: what does not match is the call that it has left. */
    int gone_on = why == ZB_SHM_OTHER_CALL && whom_call.sequence > 0 && whom_call.sequence < own_call(shm);
    shm->verdict = (zb_shm_verdict){.why = why,
                                    .who = shm->rank,
                                    .whom = whom,
                                    .who_call = call_of(shm, shm->rank, own_call(shm)),
                                    .whom_call = whom_call};
    if (gone_on)
        shm->verdict.who_then = call_of(shm, shm->rank, whom_call.sequence);
    zb_shm_header *header = shm->header;
    int32_t unclaimed = 0;
    int64_t nobody = 0;
    if (atomic_compare_exchange_strong(&header->claimed, &unclaimed, 1)) {
        header->verdict = shm->verdict;
        atomic_store_explicit(&header->judged, 1, memory_order_release);
    }
    atomic_compare_exchange_strong(&header->aborted, &nobody, shm->rank + 2);
}

void zb_shm_give_up(zb_shm *shm)
{
    conclude(shm, ZB_SHM_GAVE_UP, ZB_SHM_NOBODY, (zb_shm_call){0});
}

int zb_shm_blame_silence(zb_shm *shm, int64_t peer)
{
    zb_shm_call call = {.sequence = -1};
    if (has_come(shm, peer))
        call = call_of(shm, peer, last_call(shm, peer));
    conclude(shm, ZB_SHM_SILENT, peer, call);
    return ZB_ETIMEDOUT;
}

int zb_shm_blame_message(zb_shm *shm, int64_t peer, uint64_t tag, uint64_t mask)
{
    /* The last call of the plan looked at; who is in a meeting has announced one more than it has begun. */
    int64_t until = last_call(shm, peer) + !shm->calling;
    int64_t plans = atomic_load_explicit(&shm->stations[peer].plans, memory_order_acquire);
    zb_shm_call call = {.sequence = own_call(shm)};
    known_plan plan;
    for (int64_t i = plans - 1; i >= 0 && i >= plans - ZB_SHM_ENTRIES; i--) {
        if (!read_entry(&shm->stations[peer].entries[i % ZB_SHM_ENTRIES], &plan))
            break;
        if ((plan.fingerprint & mask) == tag) {
            memcpy(call.text, plan.text, sizeof call.text);
            call.sequence = call.sequence < plan.first ? plan.first : call.sequence;
            call.sequence = call.sequence > until ? until : call.sequence;
            break;
        }
        until = plan.first - 1;
    }
    conclude(shm, ZB_SHM_OTHER_CALL, peer, call);
    return ZB_EMISMATCH;
}

/* What can be held against a peer now: ZB_SHM_OTHER_CALL (then its number is set), ZB_SHM_ENDED or 0. */
static int suspicion(zb_shm *shm, int64_t peer, int64_t *sequence)
{
    *sequence = last_call(shm, peer);
    if (shm->calling) {
        known_plan plan;
        bool later = meets_later(shm, peer);
        if (*sequence >= shm->sequence && plan_of_call(shm, peer, shm->sequence, &plan) &&
            plan.fingerprint != shm->fingerprint) {
            *sequence = shm->sequence;
            return ZB_SHM_OTHER_CALL;
        }
        /* It has finished the call in which it is waited for, or waits itself for a meeting to begin: nothing
           more will come. */
        if (later || *sequence > shm->sequence) {
            *sequence += later;
            return ZB_SHM_OTHER_CALL;
        }
    }
    return has_ended(shm, peer) ? ZB_SHM_ENDED : 0;
}

int zb_shm_judge(zb_shm *shm, zb_coll_wait *wait, int64_t peer)
{
    if (!has_come(shm, peer))
        return ZB_OK;
    int64_t sequence;
    int found = suspicion(shm, peer, &sequence);
    bool certain = found != 0 && wait->suspect == found;
    wait->suspect = found;
    if (!certain)
        return ZB_OK;
    conclude(shm, found, peer, call_of(shm, peer, sequence));
    return found == ZB_SHM_ENDED ? ZB_EGONE : ZB_EMISMATCH;
}

void zb_shm_get_verdict(const zb_shm *shm, zb_shm_verdict *verdict)
{
    zb_shm_header *header = shm->header;
    int64_t aborted = atomic_load_explicit(&header->aborted, memory_order_acquire);
    if (shm->verdict.why != 0)
        *verdict = shm->verdict;
    else if (atomic_load_explicit(&header->judged, memory_order_acquire) != 0)
        *verdict = header->verdict;
    else
        *verdict = (zb_shm_verdict){.why = aborted != 0 ? ZB_SHM_GAVE_UP : 0,
                                    /* a peer's word, believed where it is one of the parent's or of a rank's */
                                    .who = aborted > 0 && aborted - 2 < shm->ranks ? aborted - 2 : ZB_SHM_NOBODY,
                                    .whom = ZB_SHM_NOBODY};
}

/* Waiting: for a moment, for all ranks, and never for ever. */
#ifndef ZB_SHM_WAIT_H
#define ZB_SHM_WAIT_H

#include "shm/segment.h"

/* public */
/* Returns after all ranks have called it: a common moment later, for bystanders at once. */
int zb_shm_sync(void *self, int bystander);
/* end */

/* The start of a round of a plan: like zb_shm_sync, and ZB_EMISMATCH where others are about to run another. */
int zb_shm_start(void *self, const zb_coll_plan *plan);

/* How many pauses make the time between two looks, on this processor. */
int zb_shm_pauses_between_looks(void);

/* Waits a moment for `peer`: pauses, yields or sleeps. ZB_EPEER, ZB_ETIMEDOUT, ZB_EGONE or ZB_EMISMATCH when there is
   no point any more. */
int zb_shm_idle(void *self, zb_coll_wait *wait, int peer);

/* Like zb_shm_idle for one that must not disturb the ranks at work. */
int zb_shm_doze(zb_shm *shm, zb_coll_wait *wait, int peer);

void zb_shm_wake_sleeper(zb_shm *shm, int64_t peer);

/* After everything that is stored for `peer` to see: wakes it if it sleeps. Nothing where every rank has a core;
   inline, because a call to do nothing is felt in a barrier of 0.2 us. */
static inline void zb_shm_wake(zb_shm *shm, int64_t peer)
{
    if (shm->oversubscribed)
        zb_shm_wake_sleeper(shm, peer);
}

#endif

/* Waiting: for a moment, for all ranks, and never for ever. */
#ifndef ZB_SHM_WAIT_H
#define ZB_SHM_WAIT_H

#include "shm/segment.h"

/* public */
/* Returns after all ranks have called it: a common moment later, for bystanders at once. */
int zb_shm_sync(void *self, int bystander);
/* end */

/* Waits a moment for `peer`: pauses, yields or sleeps. ZB_EPEER or ZB_ETIMEDOUT when there is no point any more. */
int zb_shm_idle(void *self, zb_coll_wait *wait, int peer);

/* Like zb_shm_idle for one that must not disturb the ranks at work. */
int zb_shm_doze(zb_shm *shm, zb_coll_wait *wait, int peer);

#endif

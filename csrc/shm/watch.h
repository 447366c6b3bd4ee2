/* What a rank tells of itself at its station, and how a peer that has waited for long judges by it. The lives of
   processes are told by locks on the segment's file: they end with their holder, however it ends, and need neither
   a parent nor a common process namespace. */
#ifndef ZB_SHM_WATCH_H
#define ZB_SHM_WATCH_H

#include "shm/segment.h"

/* Takes this rank's station; `fd` is any descriptor of the segment. ZB_ESYSTEM: errno tells. */
int zb_shm_arrive(zb_shm *shm, int fd);
void zb_shm_leave(zb_shm *shm);

/* Publishes a plan ahead of its first execution. */
void zb_shm_announce(zb_shm *shm, const zb_coll_plan *plan);
void zb_shm_begin(void *self, const zb_coll_plan *plan);

/* Whether there is a point in waiting for `peer` any longer: ZB_OK, ZB_EGONE or ZB_EMISMATCH. What is found is held
   against it only at the next look: its last message may have arrived in between. */
int zb_shm_judge(zb_shm *shm, zb_coll_wait *wait, int64_t peer);

/* Ends all waits: `peer` is silent. Returns ZB_ETIMEDOUT. */
int zb_shm_blame_silence(zb_shm *shm, int64_t peer);

/* Ends all waits: what came from `peer` is not of this call. `tag` is what it carries of its call's fingerprint, in
   the bits of `mask`. Returns ZB_EMISMATCH. */
int zb_shm_blame_message(zb_shm *shm, int64_t peer, uint64_t tag, uint64_t mask);

#endif

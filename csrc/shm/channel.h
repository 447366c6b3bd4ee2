/* Messages between two ranks. How one travels depends on its size and place:
     inline      <= 56 B: in the line itself
     copied      in slots, fragment by fragment, where the source is private or small
     registered  the line says where it lies in the segment; the receiver takes it from there */
#ifndef ZB_SHM_CHANNEL_H
#define ZB_SHM_CHANNEL_H

#include "coll/plan.h"

int zb_shm_post(void *self, zb_coll_op *op);
int zb_shm_progress(void *self, zb_coll_op *op);

#endif

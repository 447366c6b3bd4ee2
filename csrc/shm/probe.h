/* Floors and roofs of the segment itself, measured beside the bursts. Every rank calls them. */
#ifndef ZB_SHM_PROBE_H
#define ZB_SHM_PROBE_H

#include "shm/segment.h"

/* public */
typedef struct zb_shm zb_shm; /* again: cffi reads the headers in the order of their names */

/* One way of one cache line between ranks 0 and 1, ns: half a round trip, median over batches of 100.
   ZB_EINVAL with less than two ranks. */
int zb_shm_probe_line(zb_shm *shm, double *one_way_ns);

/* Bandwidth of memcpy on rank 0 alone, B/s: median of a few copies. dst and src are rank 0's, others pass NULL. */
int zb_shm_probe_copy(zb_shm *shm, void *dst, const void *src, int64_t bytes, double *bytes_per_s);
/* end */

#endif

/* The one clock: CLOCK_MONOTONIC, which is also Python's time.perf_counter_ns. */
#ifndef ZB_CORE_CLOCK_H
#define ZB_CORE_CLOCK_H

#include <stdint.h>

/* public */
int64_t zb_clock_ns(void);
/* Measured now: mean ns of one read in the fastest of several short runs. */
double zb_clock_cost_ns(void);
/* end */

#endif

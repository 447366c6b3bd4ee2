/* Work buffers: aligned, on huge pages where they are large enough to profit. */
#ifndef ZB_CORE_MEMORY_H
#define ZB_CORE_MEMORY_H

#include <stdint.h>

/* NULL where it could not be had; give back with free(). Contents are undefined. */
void *zb_allocate(int64_t size_bytes);

#endif

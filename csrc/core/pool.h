/* A team of threads that a plan keeps: the caller is thread 0, the others wait between tasks. */
#ifndef ZB_CORE_POOL_H
#define ZB_CORE_POOL_H

#include <stdint.h>

typedef struct zb_pool zb_pool;
typedef void zb_task(void *argument, int thread);

/* ZB_EINVAL (threads outside 1..ZB_POOL_THREADS_MAX), ZB_ENOMEM, ZB_ESYSTEM. The threads inherit
   the caller's affinity mask. */
enum { ZB_POOL_THREADS_MAX = 1024 };
int zb_pool_create(int threads, zb_pool **pool);
void zb_pool_destroy(zb_pool *pool);

/* Run the task on every thread and return when all have ended. One caller at a time. */
void zb_pool_run(zb_pool *pool, zb_task *task, void *argument);

/* Inside a task: wait for the whole team. */
void zb_pool_barrier(zb_pool *pool);
/* Inside a task: the next of `total` pieces of work for this thread, or `total` when none is left.
   Each piece is handed out once between two barriers. A thread gets its own share first, the same
   ones every time, so that its caches keep what belongs to them; then it helps the others. */
int64_t zb_pool_claim(zb_pool *pool, int thread, int64_t total);

#endif

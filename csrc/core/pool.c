#include "core/pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/cpu.h"
#include "core/status.h"

/* Longer than the gap between two calls of a timing loop, short against a scheduler's slice. */
static const int64_t SPIN_NS = 200000;
enum { PAUSES_PER_CLOCK_READ = 64 };

/* A line for each thread: how many pieces of its share were handed out. */
typedef struct {
    _Alignas(64) atomic_llong claimed;
} share;

struct zb_pool {
    int threads;
    int64_t spin_ns; /* 0 where there are fewer CPUs than threads: a spinner would block the rest */
    zb_task *task;   /* NULL ends the workers */
    void *argument;
    pthread_t *workers; /* threads - 1 of them */
    pthread_mutex_t mutex;
    pthread_cond_t opened;
    share *shares;
    /* Lines of their own: some threads spin on the generation while others still arrive. */
    _Alignas(64) atomic_int missing; /* threads that have not yet come to the barrier */
    _Alignas(64) atomic_uint generation;
    atomic_int sleepers;
};

typedef struct {
    zb_pool *pool;
    int thread;
} worker_start;

static inline void pause_cpu(void)
{
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static int spin_until_open(zb_pool *pool, unsigned generation)
{
    if (pool->spin_ns == 0)
        return 0;
    int64_t deadline = zb_clock_ns() + pool->spin_ns;
    do {
        for (int i = 0; i < PAUSES_PER_CLOCK_READ; i++) {
            if (atomic_load_explicit(&pool->generation, memory_order_acquire) != generation)
                return 1;
            pause_cpu();
        }
    } while (zb_clock_ns() < deadline);
    return 0;
}

static void reset_shares(zb_pool *pool)
{
    for (int thread = 0; thread < pool->threads; thread++)
        atomic_store_explicit(&pool->shares[thread].claimed, 0, memory_order_relaxed);
}

void zb_pool_barrier(zb_pool *pool)
{
    unsigned generation = atomic_load(&pool->generation);
    if (atomic_fetch_sub(&pool->missing, 1) == 1) {
        atomic_store(&pool->missing, pool->threads);
        reset_shares(pool);
        /* Sequentially consistent with the sleeper's two steps: either we see it, or it sees us. */
        atomic_store(&pool->generation, generation + 1);
        if (atomic_load(&pool->sleepers) > 0) {
            pthread_mutex_lock(&pool->mutex);
            pthread_cond_broadcast(&pool->opened);
            pthread_mutex_unlock(&pool->mutex);
        }
        return;
    }
    if (spin_until_open(pool, generation))
        return;
    pthread_mutex_lock(&pool->mutex);
    atomic_fetch_add(&pool->sleepers, 1);
    while (atomic_load(&pool->generation) == generation)
        pthread_cond_wait(&pool->opened, &pool->mutex);
    atomic_fetch_sub(&pool->sleepers, 1);
    pthread_mutex_unlock(&pool->mutex);
}

/* First piece of a thread's share; that of thread `threads` is the end of the last share. */
static int64_t share_start(const zb_pool *pool, int thread, int64_t total)
{
    return total / pool->threads * thread + total % pool->threads * thread / pool->threads;
}

int64_t zb_pool_claim(zb_pool *pool, int thread, int64_t total)
{
    for (int i = 0; i < pool->threads; i++) {
        int owner = (thread + i) % pool->threads;
        int64_t start = share_start(pool, owner, total), end = share_start(pool, owner + 1, total);
        atomic_llong *claimed = &pool->shares[owner].claimed;
        /* Look first: a share that is used up must not be counted up by each who passes. */
        if (atomic_load_explicit(claimed, memory_order_relaxed) >= end - start)
            continue;
        int64_t piece = start + atomic_fetch_add_explicit(claimed, 1, memory_order_relaxed);
        if (piece < end)
            return piece;
    }
    return total;
}

static void *worker(void *argument)
{
    worker_start start = *(worker_start *)argument;
    free(argument);
    for (;;) {
        zb_pool_barrier(start.pool);
        if (!start.pool->task)
            return NULL;
        start.pool->task(start.pool->argument, start.thread);
        zb_pool_barrier(start.pool);
    }
}

void zb_pool_run(zb_pool *pool, zb_task *task, void *argument)
{
    pool->task = task;
    pool->argument = argument;
    zb_pool_barrier(pool);
    task(argument, 0);
    zb_pool_barrier(pool);
}

static int start_worker(zb_pool *pool, int thread)
{
    worker_start *start = malloc(sizeof *start);
    if (!start)
        return ZB_ENOMEM;
    *start = (worker_start){pool, thread};
    if (pthread_create(&pool->workers[thread - 1], NULL, worker, start) == 0)
        return ZB_OK;
    free(start);
    return ZB_ESYSTEM;
}

/* End the workers that were started; the team may be smaller than was asked for. */
static void stop(zb_pool *pool, int started)
{
    /* Those that never started have no one to come to the barrier for them. */
    atomic_fetch_sub(&pool->missing, pool->threads - 1 - started);
    pool->task = NULL;
    zb_pool_barrier(pool);
    for (int i = 0; i < started; i++)
        pthread_join(pool->workers[i], NULL);
    pthread_cond_destroy(&pool->opened);
    pthread_mutex_destroy(&pool->mutex);
    free(pool->workers);
    free(pool->shares);
    free(pool);
}

int zb_pool_create(int threads, zb_pool **out)
{
    if (threads < 1 || threads > ZB_POOL_THREADS_MAX)
        return ZB_EINVAL;
    zb_pool *pool = aligned_alloc(_Alignof(zb_pool), sizeof *pool);
    pthread_t *workers = calloc((size_t)threads, sizeof *workers);
    share *shares = aligned_alloc(_Alignof(share), (size_t)threads * sizeof *shares);
    if (!pool || !workers || !shares) {
        free(pool);
        free(workers);
        free(shares);
        return ZB_ENOMEM;
    }
    pool->threads = threads;
    pool->spin_ns = threads <= zb_usable_cpus() ? SPIN_NS : 0;
    pool->workers = workers;
    pool->shares = shares;
    reset_shares(pool);
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->opened, NULL);
    atomic_init(&pool->missing, threads);
    atomic_init(&pool->generation, 0);
    atomic_init(&pool->sleepers, 0);
    for (int thread = 1; thread < threads; thread++) {
        int status = start_worker(pool, thread);
        if (status != ZB_OK) {
            stop(pool, thread - 1);
            return status;
        }
    }
    *out = pool;
    return ZB_OK;
}

void zb_pool_destroy(zb_pool *pool)
{
    if (pool)
        stop(pool, pool->threads - 1);
}

#include "shm/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/cpu.h"
#include "core/status.h"
#include "shm/channel.h"
#include "shm/wait.h"
#include "shm/watch.h"

static const int64_t MAGIC = 0x315f6d68735f627a; /* "zb_shm_1" */

static int64_t whole_pages(int64_t bytes)
{
    return (bytes + ZB_SHM_PAGE_BYTES - 1) / ZB_SHM_PAGE_BYTES * ZB_SHM_PAGE_BYTES;
}

static int64_t stations_offset(void)
{
    return whole_pages((int64_t)sizeof(zb_shm_header));
}

static int64_t sync_offset(int64_t ranks)
{
    return stations_offset() + whole_pages(ranks * (int64_t)sizeof(zb_shm_station));
}

static int64_t channels_offset(int64_t ranks)
{
    return sync_offset(ranks) + whole_pages(ranks * (int64_t)sizeof(zb_shm_sync_lines));
}

static int64_t slots_of(int64_t ranks)
{
    int64_t slots = ZB_SHM_SLOTS_PER_RANK / ranks;
    if (slots > ZB_SHM_SLOTS_MAX)
        return ZB_SHM_SLOTS_MAX;
    return slots < ZB_SHM_SLOTS_MIN ? ZB_SHM_SLOTS_MIN : slots;
}

static int64_t channel_bytes(int64_t ranks)
{
    return (int64_t)sizeof(zb_shm_channel) + slots_of(ranks) * ZB_SHM_SLOT_BYTES;
}

static int64_t data_offset(int64_t ranks)
{
    return channels_offset(ranks) + whole_pages(ranks * ranks * channel_bytes(ranks));
}

static zb_shm_channel *channel(const zb_shm *shm, int64_t from, int64_t to)
{
    int64_t ranks = shm->ranks;
    return (zb_shm_channel *)(shm->base + channels_offset(ranks) + (from * ranks + to) * channel_bytes(ranks));
}

/* The lower rank of a pair begins with the first shuttle. A rank has none to go to itself. */
static void meet_peer(zb_shm *shm, int64_t rank)
{
    zb_shm_peer *peer = &shm->peers[rank];
    int higher = shm->rank > rank;
    peer->tx = channel(shm, shm->rank, rank);
    peer->rx = channel(shm, rank, shm->rank);
    peer->tx_to = rank > shm->rank ? ZB_SHM_TO_HIGHER : ZB_SHM_TO_LOWER;
    peer->rx_to = higher ? ZB_SHM_TO_HIGHER : ZB_SHM_TO_LOWER;
    peer->shuttles = (higher ? peer->rx : peer->tx)->shuttles;
    peer->last = (uint32_t)higher;
    peer->own = rank == shm->rank ? 0 : 1u << peer->last;
}

/* What a header says of its segment, taken once: whoever shares the mapping may write there. */
typedef struct {
    int64_t ranks;
    int64_t data_bytes;
    int64_t total_bytes;
} shape;

static bool possible(int64_t ranks, int64_t data_bytes)
{
    return ranks >= 1 && ranks <= ZB_SHM_MAX_RANKS && data_bytes >= 0 && data_bytes % ZB_SHM_PAGE_BYTES == 0 &&
           data_bytes <= INT64_MAX / 2 / ranks;
}

static int64_t total_bytes(int64_t ranks, int64_t data_bytes)
{
    return data_offset(ranks) + ranks * data_bytes;
}

int zb_shm_format(int fd, int64_t ranks, int64_t data_bytes)
{
    if (!possible(ranks, data_bytes))
        return ZB_EINVAL;
    int64_t total = total_bytes(ranks, data_bytes);
    zb_shm_header header = {
        .magic = MAGIC, .ranks = ranks, .data_bytes = data_bytes, .total_bytes = total};
    if (ftruncate(fd, total) != 0)
        return ZB_ESYSTEM;
    /* All that every rank touches has its pages now; a pair's channel gets them with the first plan that uses it. */
    int error = posix_fallocate(fd, 0, channels_offset(ranks));
    if (error != 0) {
        errno = error;
        return ZB_ESYSTEM;
    }
    if (pwrite(fd, &header, sizeof header, 0) != (ssize_t)sizeof header)
        return ZB_ESYSTEM;
    return ZB_OK;
}

/* NULL, and errno tells, where `fd` is no segment: nothing is believed that does not fit its size. */
static zb_shm_header *map_header(int fd, shape *told)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return NULL;
    if (status.st_size < (off_t)sizeof(zb_shm_header)) {
        errno = EINVAL;
        return NULL;
    }
    zb_shm_header *header =
        mmap(NULL, sizeof *header, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (header == MAP_FAILED)
        return NULL;
    *told = (shape){header->ranks, header->data_bytes, header->total_bytes};
    if (header->magic != MAGIC || !possible(told->ranks, told->data_bytes) || told->total_bytes != status.st_size ||
        told->total_bytes != total_bytes(told->ranks, told->data_bytes)) {
        munmap(header, sizeof *header);
        errno = EINVAL;
        return NULL;
    }
    return header;
}

/* A rank's view of a mapping of `fd`. */
static int attach(char *base, shape told, int fd, int64_t rank, int oversubscribed, int64_t timeout_ns, zb_shm **out)
{
    int64_t ranks = told.ranks;
    if (rank < 0 || rank >= ranks || timeout_ns <= 0)
        return ZB_EINVAL;
    zb_shm *shm = calloc(1, sizeof *shm);
    zb_shm_peer *peers = calloc((size_t)ranks, sizeof *peers);
    if (shm == NULL || peers == NULL) {
        free(shm);
        free(peers);
        return ZB_ENOMEM;
    }
    shm->base = base;
    shm->header = (zb_shm_header *)base;
    shm->data_bytes = told.data_bytes;
    shm->total_bytes = told.total_bytes;
    shm->stations = (zb_shm_station *)(base + stations_offset());
    shm->sync = (zb_shm_sync_lines *)(base + sync_offset(ranks));
    shm->data = base + data_offset(ranks) + rank * told.data_bytes;
    shm->peers = peers;
    shm->rank = rank;
    shm->ranks = ranks;
    shm->oversubscribed = oversubscribed;
    shm->timeout_ns = timeout_ns;
    shm->slots = (uint64_t)slots_of(ranks);
    shm->pauses = zb_shm_pauses_between_looks();
    shm->at_once = zb_isa_supported(ZB_AVX2);
    for (int64_t peer = 0; peer < ranks; peer++)
        meet_peer(shm, peer);
    shm->transport = (zb_coll_transport){.self = shm,
                                         .begin = zb_shm_begin,
                                         .post = zb_shm_post,
                                         .progress = zb_shm_progress,
                                         .idle = zb_shm_idle,
                                         .sync = zb_shm_start};
    int status = zb_shm_arrive(shm, fd);
    if (status == ZB_OK) {
        *out = shm;
    } else {
        free(peers);
        free(shm);
    }
    return status;
}

int zb_shm_open(int fd, int64_t rank, int oversubscribed, int64_t timeout_ns, zb_shm **shm)
{
    *shm = NULL;
    shape told;
    zb_shm_header *header = map_header(fd, &told);
    if (header == NULL)
        return ZB_ESYSTEM;
    size_t total = (size_t)told.total_bytes;
    munmap(header, sizeof *header);
    char *base = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, fd, 0);
    if (base == MAP_FAILED)
        return ZB_ESYSTEM;
    int status = attach(base, told, fd, rank, oversubscribed, timeout_ns, shm);
    if (status != ZB_OK)
        munmap(base, total);
    else
        (*shm)->owns_mapping = 1;
    return status;
}

int zb_shm_open_beside(const zb_shm *other, int64_t rank, zb_shm **shm)
{
    *shm = NULL;
    shape told = {other->ranks, other->data_bytes, other->total_bytes};
    return attach(other->base, told, other->lock_fd, rank, other->oversubscribed, other->timeout_ns, shm);
}

void zb_shm_close(zb_shm *shm)
{
    if (shm == NULL)
        return;
    zb_shm_leave(shm);
    if (shm->owns_mapping)
        munmap(shm->base, (size_t)shm->total_bytes);
    free(shm->peers);
    free(shm);
}

int zb_shm_abort(int fd, int64_t who)
{
    shape told;
    zb_shm_header *header = map_header(fd, &told);
    if (header == NULL)
        return ZB_ESYSTEM;
    atomic_store_explicit(&header->aborted, who + 2, memory_order_release);
    munmap(header, sizeof *header);
    return ZB_OK;
}

const zb_coll_transport *zb_shm_transport(const zb_shm *shm)
{
    return &shm->transport;
}

int64_t zb_shm_ranks(const zb_shm *shm)
{
    return shm->ranks;
}

void *zb_shm_data(const zb_shm *shm)
{
    return shm->data;
}

int64_t zb_shm_data_bytes(const zb_shm *shm)
{
    return shm->data_bytes;
}

static int reserve(zb_shm *shm, const void *from, size_t bytes)
{
    int error = posix_fallocate(shm->lock_fd, (const char *)from - shm->base, (off_t)bytes);
    errno = error;
    return error == 0 ? ZB_OK : ZB_ESYSTEM;
}

/* Lines both ways, which a receiver touches, too, while it looks whether something has come; the slots where the
   plan sends what does not fit a line. */
static int reserve_channel(zb_shm *shm, int64_t to, int64_t largest_send)
{
    const zb_shm_peer *peer = &shm->peers[to];
    size_t lines = offsetof(zb_shm_channel, slots);
    size_t sending = largest_send > ZB_SHM_INLINE_BYTES ? (size_t)channel_bytes(shm->ranks) : lines;
    int status = reserve(shm, peer->tx, sending);
    return status == ZB_OK ? reserve(shm, peer->rx, lines) : status;
}

static bool travels(const zb_coll_op *op)
{
    return op->kind == ZB_SEND || op->kind == ZB_RECV || op->kind == ZB_RECV_REDUCE || op->kind == ZB_SIGNAL ||
           op->kind == ZB_WAIT;
}

int zb_shm_reserve_channels(zb_shm *shm, const zb_coll_plan *plan)
{
    int64_t *largest = calloc((size_t)shm->ranks, sizeof *largest); /* bytes of a send, + 1; 0: no message */
    if (largest == NULL)
        return ZB_ENOMEM;
    int status = ZB_OK;
    for (int64_t i = 0; i < plan->count; i++) {
        const zb_coll_op *op = &plan->ops[i];
        int64_t bytes = op->kind == ZB_SEND ? op->bytes : 0;
        if (!travels(op))
            continue;
        if (op->peer >= shm->ranks)
            status = ZB_EINVAL;
        else if (largest[op->peer] < bytes + 1)
            largest[op->peer] = bytes + 1;
    }
    for (int64_t peer = 0; status == ZB_OK && peer < shm->ranks; peer++)
        if (largest[peer] > 0)
            status = reserve_channel(shm, peer, largest[peer] - 1);
    free(largest);
    return status;
}

int64_t zb_shm_intend(zb_shm *shm, int64_t bytes)
{
    return atomic_fetch_add(&shm->header->intended_bytes, bytes) + bytes;
}

int zb_shm_discard(zb_shm *shm, int64_t offset, int64_t bytes)
{
    if (offset < 0 || bytes < 0 || offset % ZB_SHM_PAGE_BYTES != 0 || bytes % ZB_SHM_PAGE_BYTES != 0 ||
        offset > shm->data_bytes || bytes > shm->data_bytes - offset)
        return ZB_EINVAL;
    return madvise(shm->data + offset, (size_t)bytes, MADV_REMOVE) == 0 ? ZB_OK : ZB_ESYSTEM;
}

#include "shm/channel.h"

#include <stdbool.h>
#include <string.h>

#include "core/status.h"
#include "shm/segment.h"
#include "shm/wait.h"
#include "shm/watch.h"

enum { INLINE = 1, COPIED = 2, REGISTERED = 3 };

/* Up to here one copy into a slot costs less than to wait for the receiver's "taken" (measured: 512 B
   allreduce 1.6x, 1 KiB 1.3x faster; at 2 KiB a ping-pong from the sender's buffer is as fast). */
enum { EAGER_BYTES = 1024 };

/* The word of a line. A number of 22 bits cannot be taken for that of another lap around the ring; what stands in a
   shuttle of the other's was never written, comes from here, or is awaited: the direction tells, which is not 0. */
enum { NUMBER_SHIFT = 42, TO_SHIFT = 40, TAG_SHIFT = 8, KIND_SHIFT = 6, INLINE_MASK = 63, KIND_MASK = 3 };
static const uint64_t TAG_MASK = 0xffffffff;

/* Messages are numbered from here on, 1000 before the numbers wrap, as Linux's jiffies begin five minutes before they
   do: every world gets there in its first calls, not only one that has run for four million. Several laps around the
   ring come before, so that what is wrong in them is not taken for this. */
static const uint64_t FIRST_NUMBER = ((uint64_t)1 << (64 - NUMBER_SHIFT)) - 1000;

/* Of the message with this index; a word keeps the lower 22 bits. */
static inline uint64_t number_of(uint64_t index)
{
    return index + FIRST_NUMBER;
}

/* Where a payload of up to 8 B stands: the word and it are stored as one where the processor can. */
enum { TINY_AT = ZB_SHM_INLINE_BYTES / 8 - 1 };

/* Intel and AMD guarantee that 16 aligned bytes are stored as one on all processors with AVX; a thread sanitizer
   sees no order in it. */
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define STORES_IN_TURN
#endif
#endif
#else
#define STORES_IN_TURN
#endif

static bool has_room(zb_shm_peer *peer)
{
    if (peer->tx_index - peer->tx_consumed < ZB_SHM_LINES)
        return true;
    peer->tx_consumed = atomic_load_explicit(&peer->tx->consumed, memory_order_acquire);
    return peer->tx_index - peer->tx_consumed < ZB_SHM_LINES;
}

static bool is_taken(zb_shm_peer *peer, uint64_t index)
{
    if (peer->tx_consumed > index)
        return true;
    peer->tx_consumed = atomic_load_explicit(&peer->tx->consumed, memory_order_acquire);
    return peer->tx_consumed > index;
}

/* What the next message goes in: a shuttle where this rank has one, above all the one that came last. */
static zb_shm_line *next_line(zb_shm_peer *peer)
{
    if (peer->own == 0)
        return &peer->tx->lines[peer->tx_index % ZB_SHM_LINES];
    if ((peer->own & 1u << peer->last) == 0)
        peer->last ^= 1;
    return &peer->shuttles[peer->last].line;
}

static uint64_t word_of(const zb_shm *shm, const zb_shm_peer *peer, uint64_t kind, uint64_t inline_bytes)
{
    return number_of(peer->tx_index) << NUMBER_SHIFT | peer->tx_to << TO_SHIFT |
           (shm->fingerprint & TAG_MASK) << TAG_SHIFT | kind << KIND_SHIFT | inline_bytes;
}

/* What was to be said in the next line stands there. */
static void count_line(zb_shm *shm, int64_t to)
{
    zb_shm_peer *peer = &shm->peers[to];
    if (peer->own != 0)
        peer->own &= ~(1u << peer->last);
    peer->tx_index++;
    zb_shm_wake(shm, to);
}

static void publish(zb_shm *shm, int64_t to, uint64_t kind, uint64_t inline_bytes)
{
    zb_shm_peer *peer = &shm->peers[to];
    uint64_t word = word_of(shm, peer, kind, inline_bytes);
    atomic_store_explicit(&next_line(peer)->word, word, memory_order_release);
    count_line(shm, to);
}

/* The word behind the last 8 bytes of a payload: a reader that looks in between two stores takes the line away from
   the second (measured: 68 ns one way instead of 54). */
static void publish_tiny(zb_shm *shm, int64_t to, uint64_t payload, uint64_t inline_bytes)
{
    zb_shm_peer *peer = &shm->peers[to];
    zb_shm_line *line = next_line(peer);
    uint64_t word = word_of(shm, peer, INLINE, inline_bytes);
#ifndef STORES_IN_TURN
    if (shm->at_once) {
        typedef uint64_t pair __attribute__((vector_size(16), may_alias));
        pair both = {payload, word};
        __asm__ volatile("movaps %1, %0" : "=m"(*(pair *)&line->payload[TINY_AT]) : "x"(both) : "memory");
        count_line(shm, to);
        return;
    }
#endif
    line->payload[TINY_AT] = payload;
    atomic_store_explicit(&line->word, word, memory_order_release);
    count_line(shm, to);
}

static int send_inline(zb_shm *shm, zb_coll_op *op)
{
    zb_shm_peer *peer = &shm->peers[op->peer];
    if (!has_room(peer))
        return 0;
    if (op->bytes <= 8) {
        uint64_t payload = 0;
        if (op->bytes == 8) /* the size at which a call to memcpy is felt */
            memcpy(&payload, op->src, 8);
        else if (op->bytes > 0)
            memcpy(&payload, op->src, (size_t)op->bytes);
        publish_tiny(shm, op->peer, payload, (uint64_t)op->bytes);
    } else {
        memcpy(next_line(peer)->payload, op->src, (size_t)op->bytes);
        publish(shm, op->peer, INLINE, (uint64_t)op->bytes);
    }
    peer->tx_serving++;
    op->moved = op->bytes;
    op->finished = 1;
    return 1;
}

/* One fragment a call, so that the sends and receives of a step take turns. */
static int send_copied(zb_shm *shm, zb_coll_op *op)
{
    zb_shm_peer *peer = &shm->peers[op->peer];
    uint64_t slot = peer->tx_copies % shm->slots;
    if (!has_room(peer))
        return 0;
    if (peer->tx_copies >= shm->slots && !is_taken(peer, peer->tx_slot_line[slot]))
        return 0;
    int64_t left = op->bytes - op->moved;
    int64_t bytes = left < ZB_SHM_SLOT_BYTES ? left : ZB_SHM_SLOT_BYTES;
    memcpy(peer->tx->slots[slot], op->src + op->moved, (size_t)bytes);
    zb_shm_line *line = next_line(peer);
    line->payload[0] = (uint64_t)bytes;
    line->payload[1] = (uint64_t)op->bytes;
    peer->tx_slot_line[slot] = peer->tx_index;
    peer->tx_copies++;
    publish(shm, op->peer, COPIED, 0);
    op->moved += bytes;
    if (op->moved == op->bytes) {
        peer->tx_serving++;
        op->finished = 1;
    }
    return 1;
}

static int send_registered(zb_shm *shm, zb_coll_op *op)
{
    zb_shm_peer *peer = &shm->peers[op->peer];
    if (!has_room(peer))
        return 0;
    zb_shm_line *line = next_line(peer);
    line->payload[0] = (uint64_t)(op->src - shm->base);
    line->payload[1] = (uint64_t)op->bytes;
    op->line = peer->tx_index;
    publish(shm, op->peer, REGISTERED, 0);
    peer->tx_serving++;
    op->moved = op->bytes;
    return 1;
}

static bool is_registered(const zb_shm *shm, const zb_coll_op *op)
{
    uintptr_t at = (uintptr_t)op->src;
    uintptr_t data = (uintptr_t)shm->data;
    return op->bytes > EAGER_BYTES && at >= data &&
           at + (uintptr_t)op->bytes <= data + (uintptr_t)shm->data_bytes;
}

static inline int progress_send(zb_shm *shm, zb_coll_op *op)
{
    zb_shm_peer *peer = &shm->peers[op->peer];
    if (op->ticket < peer->tx_serving) { /* published, but not yet taken */
        if (!is_taken(peer, op->line))
            return 0;
        op->finished = 1;
        return 1;
    }
    if (op->ticket != peer->tx_serving)
        return 0;
    if (op->bytes <= ZB_SHM_INLINE_BYTES)
        return send_inline(shm, op);
    if (is_registered(shm, op))
        return send_registered(shm, op);
    return send_copied(shm, op);
}

/* The line in which the next message from a peer stands, and its word; NULL: nowhere yet. Shuttles on this side need
   no look, and those on the other side that nobody writes cost none of the cache's. */
static zb_shm_line *arrived(zb_shm_peer *peer, uint64_t *word)
{
    uint64_t number = number_of(peer->rx_index) << (NUMBER_SHIFT - TO_SHIFT);
    uint64_t awaited = (number | peer->rx_to) & (UINT64_MAX >> TO_SHIFT);
    for (uint32_t i = 0; i < ZB_SHM_SHUTTLES; i++) {
        if ((peer->own & 1u << i) != 0)
            continue;
        zb_shm_line *line = &peer->shuttles[i].line;
        *word = atomic_load_explicit(&line->word, memory_order_acquire);
        if (*word >> TO_SHIFT == awaited) {
            peer->own |= 1u << i;
            peer->last = i;
            return line;
        }
    }
    zb_shm_line *line = &peer->rx->lines[peer->rx_index % ZB_SHM_LINES];
    *word = atomic_load_explicit(&line->word, memory_order_acquire);
    return *word >> TO_SHIFT == awaited ? line : NULL;
}

/* A message of another call, or of another size than expected: the ranks do not run the same plan. What a line tells
   is taken once and believed only where it stays inside the slot, the segment and the receive: a peer that has lost
   its mind must not write into this rank. */
static inline int progress_receive(zb_shm *shm, zb_coll_op *op)
{
    zb_shm_peer *peer = &shm->peers[op->peer];
    uint64_t word;
    if (op->ticket != peer->rx_serving)
        return 0;
    zb_shm_line *line = arrived(peer, &word);
    if (line == NULL)
        return 0;
    uint64_t tag = word >> TAG_SHIFT & TAG_MASK;
    uint64_t left = (uint64_t)(op->bytes - op->moved), first = line->payload[0], whole = line->payload[1];
    bool fits = tag == (shm->fingerprint & TAG_MASK);
    switch (fits ? word >> KIND_SHIFT & KIND_MASK : 0) {
    case INLINE:
        fits = (word & INLINE_MASK) == (uint64_t)op->bytes && op->bytes <= ZB_SHM_INLINE_BYTES;
        if (fits)
            zb_coll_deliver(op, op->bytes <= 8 ? &line->payload[TINY_AT] : line->payload, op->bytes);
        break;
    case COPIED:
        fits = whole == (uint64_t)op->bytes && op->bytes > ZB_SHM_INLINE_BYTES &&
               first == (left < ZB_SHM_SLOT_BYTES ? left : ZB_SHM_SLOT_BYTES); /* less might end within an element */
        if (fits)
            zb_coll_deliver(op, peer->rx->slots[peer->rx_copies++ % shm->slots], (int64_t)first);
        break;
    case REGISTERED:
        fits = whole == (uint64_t)op->bytes && whole == left && whole > EAGER_BYTES &&
               whole <= (uint64_t)shm->total_bytes && first <= (uint64_t)shm->total_bytes - whole;
        if (fits)
            zb_coll_deliver(op, shm->base + first, op->bytes);
        break;
    default:
        fits = false;
    }
    if (!fits)
        return -zb_shm_blame_message(shm, op->peer, tag, TAG_MASK);
    peer->rx_index++;
    atomic_store_explicit(&peer->rx->consumed, peer->rx_index, memory_order_release);
    zb_shm_wake(shm, op->peer);
    if (op->moved == op->bytes) {
        peer->rx_serving++;
        op->finished = 1;
    }
    return 1;
}

static bool sends(const zb_coll_op *op)
{
    return op->kind == ZB_SEND || op->kind == ZB_SIGNAL;
}

int zb_shm_progress(void *self, zb_coll_op *op)
{
    return sends(op) ? progress_send(self, op) : progress_receive(self, op);
}

int zb_shm_post(void *self, zb_coll_op *op)
{
    zb_shm *shm = self;
    zb_shm_peer *peer = &shm->peers[op->peer];
    op->moved = 0;
    op->finished = 0;
    if (sends(op)) {
        op->ticket = peer->tx_posted++;
        return progress_send(shm, op);
    }
    op->ticket = peer->rx_posted++;
    return progress_receive(shm, op);
}

/* The shared segment: its layout, and how a rank opens it. One sparse memfd holds
     header | stations, per rank | sync lines, per rank | channels, per ordered pair | data areas, per rank
   and only touched pages cost memory. */
#ifndef ZB_SHM_SEGMENT_H
#define ZB_SHM_SEGMENT_H

#include <stdatomic.h>
#include <stdint.h>

#include "coll/plan.h"

/* public */
enum {
    ZB_SHM_MAX_RANKS = 4096,
    ZB_SHM_PAGE_BYTES = 65536 /* the largest page in use (aarch64), so that every system can give it back */
};

typedef struct zb_shm zb_shm;

/* Sizes a fresh memfd for `ranks` with `data_bytes` each and writes its header.
   ZB_EINVAL: no such world; ZB_ESYSTEM: errno tells. */
int zb_shm_format(int fd, int64_t ranks, int64_t data_bytes);

/* Maps the segment as `rank`. timeout_ns bounds every single wait; `oversubscribed`, the same on all ranks:
   waiting yields the core, then sleeps. ZB_ESYSTEM with EBUSY: somebody else is this rank. */
int zb_shm_open(int fd, int64_t rank, int oversubscribed, int64_t timeout_ns, zb_shm **shm);

/* Another rank of the same world in this process, over the same mapping, which `other` must outlive. */
int zb_shm_open_beside(const zb_shm *other, int64_t rank, zb_shm **shm);
void zb_shm_close(zb_shm *shm);

/* Ends every wait of every rank in ZB_EPEER, now and later. `who` is the rank that gave up, -1 the parent. */
int zb_shm_abort(int fd, int64_t who);
void zb_shm_give_up(zb_shm *shm);

const zb_coll_transport *zb_shm_transport(const zb_shm *shm);
int64_t zb_shm_ranks(const zb_shm *shm);
void *zb_shm_data(const zb_shm *shm);
int64_t zb_shm_data_bytes(const zb_shm *shm);

/* Why no wait has a point any more. */
enum {
    ZB_SHM_GAVE_UP = 1,   /* somebody said so */
    ZB_SHM_SILENT = 2,    /* `whom` did not answer by the deadline */
    ZB_SHM_ENDED = 3,     /* the process of `whom` has ended */
    ZB_SHM_OTHER_CALL = 4 /* `whom` is in another call */
};

enum { ZB_SHM_NOBODY = -2, ZB_SHM_PARENT = -1 };

/* What a rank is in: its calls counted from 1 on (0: none so far), and how the plan describes itself. */
typedef struct {
    int64_t sequence;
    char text[ZB_COLL_TEXT_BYTES];
} zb_shm_call;

typedef struct {
    int64_t why;  /* 0: nothing has happened */
    int64_t who;  /* the rank that found it, or ZB_SHM_PARENT */
    int64_t whom; /* the rank that it blames, or ZB_SHM_NOBODY */
    zb_shm_call who_call;
    zb_shm_call whom_call; /* sequence -1: it never opened the segment */
} zb_shm_verdict;

/* What this rank found itself, else what the first of the others to give up has found. */
void zb_shm_get_verdict(const zb_shm *shm, zb_shm_verdict *verdict);

/* Takes the pages of the channels that a plan uses, before they are touched: ZB_ESYSTEM where there are none. */
int zb_shm_reserve_channels(zb_shm *shm, const zb_coll_plan *plan);

/* Adds to the bytes about to be touched anywhere in the world, and returns their sum. */
int64_t zb_shm_intend(zb_shm *shm, int64_t bytes);

/* Gives the pages of [offset, offset + bytes) of the own data area back; both whole pages. */
int zb_shm_discard(zb_shm *shm, int64_t offset, int64_t bytes);
/* end */

enum {
    ZB_SHM_LINE = 64,
    /* Two lines: the adjacent-line prefetcher pairs them, so that one alone would still share. */
    ZB_SHM_APART = 128,
    ZB_SHM_INLINE_BYTES = 56,
    ZB_SHM_LINES = 128,
    ZB_SHM_SLOTS = 8,
    /* 8 x 16 KiB stay in the L2 cache while both cores work on them. */
    ZB_SHM_SLOT_BYTES = 16384,
    ZB_SHM_SYNC_ROUNDS = 16, /* dissemination over up to 2^16 ranks */
    /* Plans that a rank can have gone through while a peer still waits in the first of them. */
    ZB_SHM_ENTRIES = 4
};

/* A message of one cache line: the word goes last, so that the reader needs one transfer. */
typedef struct {
    _Alignas(ZB_SHM_LINE) uint64_t payload[ZB_SHM_INLINE_BYTES / 8];
    _Atomic uint64_t word; /* index + 1: 24 bits | the call's fingerprint: 32 | kind: 2 | inline bytes: 6 */
} zb_shm_line;

/* One ordered pair: a single-producer single-consumer ring of lines, and slots for what is larger. */
typedef struct {
    _Alignas(ZB_SHM_APART) _Atomic uint64_t consumed; /* lines the receiver is done with */
    _Alignas(ZB_SHM_APART) zb_shm_line lines[ZB_SHM_LINES];
    _Alignas(4096) char slots[ZB_SHM_SLOTS][ZB_SHM_SLOT_BYTES];
} zb_shm_channel;

typedef struct {
    _Alignas(ZB_SHM_APART) _Atomic uint64_t word; /* epoch: 40 bits | fingerprint of the call to come: 24 */
} zb_shm_flag;

typedef struct {
    zb_shm_flag rounds[ZB_SHM_SYNC_ROUNDS];
} zb_shm_sync_lines;

/* A plan as its rank has published it; `version` is odd while it is being rewritten. */
typedef struct {
    _Alignas(ZB_SHM_LINE) _Atomic uint64_t version;
    _Atomic int64_t first; /* the call from which on it runs */
    _Atomic uint64_t fingerprint;
    _Atomic uint64_t text[ZB_COLL_TEXT_BYTES / 8];
} zb_shm_entry;

/* What a rank tells about itself. Only the rank writes here, and others read it when they have waited for long
   (`asleep`: before they wake it, where ranks share cores). */
typedef struct {
    _Alignas(ZB_SHM_APART) _Atomic uint32_t asleep; /* 1: it sleeps on this word, or is about to */
    _Alignas(ZB_SHM_APART) _Atomic int64_t sequence; /* its last call begun or announced */
    _Atomic int64_t epoch;                           /* its last meeting entered */
    _Atomic int64_t plans;                           /* entries written */
    _Atomic int32_t present;                         /* it has opened the segment */
    zb_shm_entry entries[ZB_SHM_ENTRIES];            /* the last ones, newest at (plans - 1) % ZB_SHM_ENTRIES */
} zb_shm_station;

typedef struct {
    int64_t magic;
    int64_t ranks;
    int64_t data_bytes;
    int64_t total_bytes;
    _Alignas(ZB_SHM_APART) _Atomic int64_t aborted; /* 0, or who + 2 */
    _Atomic int32_t claimed;                        /* somebody writes the verdict, */
    _Atomic int32_t judged;                         /* ... and has written it */
    zb_shm_verdict verdict;
    _Alignas(ZB_SHM_APART) _Atomic int64_t intended_bytes;
    _Alignas(ZB_SHM_APART) _Atomic uint64_t start_word; /* epoch, as in a flag */
    _Atomic int64_t start_ns;
    _Alignas(ZB_SHM_APART) _Atomic uint64_t probe_word;
    _Alignas(ZB_SHM_APART) _Atomic double probe_result;
} zb_shm_header;

/* What this rank alone knows of its two channels with one peer. */
typedef struct {
    zb_shm_channel *tx;
    zb_shm_channel *rx;
    uint64_t tx_index;
    uint64_t tx_consumed; /* as last read: the remote line is read only when the ring looks full */
    uint64_t tx_copies;
    uint64_t tx_slot_line[ZB_SHM_SLOTS];
    uint64_t tx_posted, tx_serving;
    uint64_t rx_index;
    uint64_t rx_copies;
    uint64_t rx_posted, rx_serving;
} zb_shm_peer;

struct zb_shm {
    char *base;
    zb_shm_header *header;
    zb_shm_station *stations;
    zb_shm_sync_lines *sync;
    char *data;
    zb_shm_peer *peers;
    int64_t rank;
    int64_t ranks;
    int oversubscribed;
    int64_t timeout_ns;
    int owns_mapping;
    int lock_fd;          /* holds the lock that tells that this rank lives */
    int calling;          /* in an execution, not in a meeting */
    int wariness;         /* waits that sleep at once after the next yield that loses the core, */
    int wary_waits;       /* ... and those that are left after the last one */
    int drowsy;           /* its `asleep` is up, and it does not sleep yet */
    uint64_t fingerprint; /* of the plan published last */
    int64_t sequence;
    int64_t epoch;
    zb_shm_verdict verdict; /* its own */
    zb_coll_transport transport;
};

#endif

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
    zb_shm_call who_then;  /* what `who` ran as whom's call, where it has gone on since; else sequence 0 */
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
    /* Of 16 KiB each. Measured with 2 ranks: through 8 slots 64 KiB take 9.3 us, through 32 or more 7.3 us, as long
       as without any copy; a slot that comes round soon is still in its reader's cache when it is written again. */
    ZB_SHM_SLOTS_MAX = 32,
    ZB_SHM_SLOTS_MIN = 8,
    /* All channels of a rank take no more than 8 MiB of slots each way, unless that were fewer than the least. */
    ZB_SHM_SLOTS_PER_RANK = 512,
    ZB_SHM_SLOT_BYTES = 16384,
    ZB_SHM_SYNC_ROUNDS = 16, /* dissemination over up to 2^16 ranks */
    /* Plans that a rank can have gone through while a peer still waits in the first of them. */
    ZB_SHM_ENTRIES = 4
};

/* A message of one cache line: the word goes last, so that the reader needs one transfer. */
typedef struct {
    _Alignas(ZB_SHM_LINE) uint64_t payload[ZB_SHM_INLINE_BYTES / 8];
    /* number: 22 bits | to the higher or lower rank: 2 | the call's fingerprint: 32 | kind: 2 | inline bytes: 6 */
    _Atomic uint64_t word;
} zb_shm_line;

/* A line of a pair that goes to and fro: whoever has read it last may write it next. The cache hands a line that is
   read after it was written over for good, so that the answer costs one transfer; to write a line that the other
   still looks at costs two. */
typedef struct {
    _Alignas(ZB_SHM_APART) zb_shm_line line;
} zb_shm_shuttle;

enum { ZB_SHM_TO_LOWER = 1, ZB_SHM_TO_HIGHER = 2 };

/* Of an unordered pair; in the beginning one belongs to either rank. */
enum { ZB_SHM_SHUTTLES = 2 };

/* One ordered pair: a single-producer single-consumer ring of lines, and slots for what is larger. The shuttles of
   a pair lie in the channel from its lower rank to the higher. */
typedef struct {
    _Alignas(ZB_SHM_APART) _Atomic uint64_t consumed; /* lines the receiver is done with */
    zb_shm_shuttle shuttles[ZB_SHM_SHUTTLES];
    _Alignas(ZB_SHM_APART) zb_shm_line lines[ZB_SHM_LINES];
    _Alignas(4096) char slots[][ZB_SHM_SLOT_BYTES];
} zb_shm_channel;

typedef struct {
    _Alignas(ZB_SHM_APART) _Atomic uint64_t word; /* epoch: 40 bits | upper bits of the fingerprint to come: 24 */
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
    zb_shm_shuttle *shuttles;
    uint32_t own;      /* shuttles that this rank may write, a bit each */
    uint32_t last;     /* ... the one that it has read last */
    uint64_t tx_to;    /* the directions, as in a word */
    uint64_t rx_to;
    uint64_t tx_index;
    uint64_t tx_consumed; /* as last read: the remote line is read only when the ring looks full */
    uint64_t tx_copies;
    uint64_t tx_slot_line[ZB_SHM_SLOTS_MAX];
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
    int64_t data_bytes;
    int64_t total_bytes;
    uint64_t slots; /* of a channel */
    int oversubscribed;
    int pauses;  /* between two looks */
    int at_once; /* whether 16 bytes are stored as one */
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

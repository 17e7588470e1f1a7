/* A lane: the memory that one worker process shares with its parent, and with nobody else.
 *
 * One memfd of this layout, sparse, so that a byte costs nothing until it is touched:
 *
 *     control | small inputs | small outputs | messages | big inputs | big outputs
 *
 * The control page holds a ring of slots.  A job goes into the next slot, its bytes among the small
 * or the big inputs; its answer comes back in the same slot, its bytes among the outputs.  The
 * parent alone hands out and takes back input space, the worker output space, each in memory of its
 * own: what is small comes back in order (ring.h), what is big in any order, since a payload is
 * held for as long as somebody likes (pieces.h, payload.h).  Answers come in the order of jobs, so
 * three counters say everything:
 *
 *     retired <= completed <= submitted      slot of job n: n % YB_LANE_SLOTS
 *
 * The parent trusts nothing that the worker can write: it reads each value once, checks it, and
 * copies bytes out, but for payloads, whose owner was told.  It maps the control page, the small
 * rings, and of the big parts the beginning, which stays resident; the rest it reads and writes
 * with system calls, which take no page faults, and maps for payloads alone.  The memfd is sealed
 * against shrinking, so the worker cannot take the memory away either.
 *
 * Who writes what, and which load sees it:
 *   submitted  parent, after the slot and the input.  The worker's load sees them.
 *   completed  worker, after the answer and the output.  The parent's load sees them.
 *   retired    parent, after it has copied the output out.  The worker then reuses the space of a
 *              small one.
 *   released   parent, the places of big outputs that it is done with; before `release_count`,
 *              whose load by the worker sees them.  There are never more than the worker has
 *              pieces.
 *   state      QUEUED -> TAKEN by the worker, QUEUED -> WITHDRAWN by the parent: one
 *              compare-and-swap wins, so a job is either withdrawn or run.
 *   asleep     worker: why, before it looks for the last time and sleeps.  Parent: looks after
 *              publishing.  Both sequentially consistent: one of them sees the other.  One that is
 *              idle is not woken for mere room.
 *   armed      parent: 1 before it looks for the last time and sleeps.  Worker: looks after
 *              completing, and rings the doorbell if it is the one to clear it.  As above. */
#ifndef YB_PROC_LANE_H
#define YB_PROC_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "proc/lane_memory.h"
#include "proc/pieces.h"
#include "proc/ring.h"
#include <yibu/process_pool.h>

enum {
    YB_LANE_SLOTS = 256,
    YB_LANE_SMALL_BYTES = 256 * 1024,     /* of each small ring */
    YB_LANE_INLINE_BYTES = 64 * 1024,     /* the largest input that goes through it */
    YB_LANE_MESSAGE_BYTES = 256 * 1024,   /* of the ring of messages */
    YB_LANE_KEEP_BYTES = 4 * 1024 * 1024, /* of a big part that stay resident when unused */
    YB_LANE_GRAIN = 64 * 1024,            /* a multiple of every page size */
};

enum { YB_ASLEEP_IDLE = 1, YB_ASLEEP_FOR_ROOM = 2 };

enum { YB_SLOT_QUEUED, YB_SLOT_TAKEN, YB_SLOT_WITHDRAWN };

/* What its caller wants of a job. */
enum {
    YB_SLOT_OUTPUT_HELD = 1, /* the output is to lie among the big ones, whatever its size */
    YB_SLOT_LISTENED = 2,    /* somebody takes its messages */
    YB_SLOT_MEASURED = 4,    /* what it uses is to be measured */
    YB_SLOT_SETS_UP =
        8, /* it sets the worker up: how it leaves the process is how others find it */
};

/* What a worker says of a job. */
enum { YB_JOB_RAN, YB_JOB_SKIPPED, YB_JOB_UNKNOWN };

typedef struct yb_slot {
    /* Places are offsets in the memfd. */
    _Alignas(64) _Atomic(uint32_t) state;
    uint32_t flags;
    uint32_t name_size;     /* the name follows an inline input, or is alone */
    uint32_t settings_size; /* 0: none (settings.h) */
    uint64_t name;
    uint64_t settings;
    uint64_t input;
    uint64_t input_size;

    _Alignas(64) _Atomic(int64_t) taken_ns; /* CLOCK_MONOTONIC; 0: not taken */
    _Atomic(int64_t) run_ns;
    _Atomic(int64_t) status;
    _Atomic(uint64_t) output;
    _Atomic(uint64_t) output_size;
    _Atomic(uint32_t) outcome;
} yb_slot;

/* What a job has used, where it is measured; its worker's. */
typedef struct yb_usage {
    _Atomic(int64_t) user_ns, system_ns;
    _Atomic(uint64_t) peak_memory_bytes; /* of the worker, so far */
} yb_usage;

typedef struct yb_lane_shared {
    /* The parent's. */
    _Alignas(64) _Atomic(uint32_t) submitted;
    _Atomic(uint32_t) retired;
    _Atomic(uint32_t) closing;         /* nothing more will come: the worker ends */
    _Atomic(uint32_t) spin_ns;         /* how long the worker may wait spinning */
    _Atomic(int32_t) parent_processor; /* that last published */
    _Atomic(uint32_t) release_count;
    _Atomic(uint64_t) heard; /* messages: everything before has been taken */
    _Alignas(64) _Atomic(uint32_t) armed;

    /* The worker's; asleep is also the futex that it sleeps on. */
    _Alignas(64) _Atomic(uint32_t) asleep;
    _Alignas(64) _Atomic(uint32_t) completed;
    _Atomic(int32_t) worker_processor; /* that last took a job */
    _Atomic(uint64_t) said;            /* messages: everything before has been written */
    _Atomic(uint32_t) death_note;      /* death.h */

    yb_slot slots[YB_LANE_SLOTS];
    _Atomic(uint64_t) released[YB_PIECES_MOST]; /* at the number of the release, modulo */
    yb_usage usage[YB_LANE_SLOTS];
} yb_lane_shared;

/* Where the parts of a memfd begin. */
typedef struct yb_lane_layout {
    uint64_t small_in, small_out, messages, big_in, big_out, big_bytes;
} yb_lane_layout;

yb_lane_layout yb_lane_layout_of(uint64_t total_bytes);

/* The rest is the parent's. */

typedef struct yb_lane_place {
    uint64_t small, small_end; /* positions; the end is 0 where nothing was taken */
    uint64_t big;
    uint64_t big_size; /* 0: none among the big ones, or a payload, which is freed on its own */
} yb_lane_place;

typedef struct yb_lane {
    yb_lane_shared *shared;
    unsigned char *base;     /* from the control page to the big inputs that are kept */
    unsigned char *big_base; /* the big outputs that are kept */
    uint64_t kept_bytes;
    uint64_t touched; /* of the big inputs: before this, they were resident once */
    int fd;           /* the memfd */
    yb_lane_layout layout;
    yb_lane_memory *memory; /* what holds the mappings and the memfd */
    yb_ring small;          /* inputs */
    yb_pieces big;          /* likewise */
    uint32_t released;
    uint64_t heard, heard_next; /* messages.c */
    unsigned listeners;         /* jobs in flight whose messages somebody takes, */
    bool deaf;                  /* but not now */
    uint32_t submitted;         /* put; the worker has been told of those up to `published` */
    uint32_t published;
    uint32_t retired;
    yibu_bytes settings; /* of the job that is reserved next */
    yb_lane_place places[YB_LANE_SLOTS];
} yb_lane;

typedef struct yb_answer {
    uint32_t outcome;
    intptr_t status;
    int64_t run_ns;
    uint64_t output;
    size_t output_size;
    bool output_taken; /* a payload holds it */
} yb_answer;

/* Returns 0 or a negative errno. */
int yb_lane_open(yb_lane *lane);
void yb_lane_close(yb_lane *lane);

/* How long the worker may spin for its next job. */
void yb_lane_set_spin(yb_lane *lane, uint32_t spin_ns);

/* The settings of the job that is reserved next, until then the caller's; none: nothing. */
void yb_lane_set_settings(yb_lane *lane, yibu_bytes settings);

/* Reserves the next slot and space for a job's input, which is then written, in any number of
 * pieces; committed, the worker sees it once published.  One at a time.
 * Returns 0, -EAGAIN where there is no room now, -ENOMEM where there will never be. */
int yb_lane_reserve(yb_lane *lane, const yibu_job *job, size_t size);
/* Returns 0 or a negative errno. */
int yb_lane_write(yb_lane *lane, size_t offset, const void *data, size_t size);
void yb_lane_commit(yb_lane *lane);
void yb_lane_abandon(yb_lane *lane);

/* The same for an input that lies in this lane already, and is held until the job is over: reserved
 * and complete. */
int yb_lane_reserve_held(yb_lane *lane, const yibu_job *job, uint64_t at, size_t size);

/* What the caller wants of the job that is reserved, YB_SLOT_…; nothing where it does not say. */
void yb_lane_set_flags(yb_lane *lane, uint32_t flags);

/* Takes a piece of the big inputs for a payload.  Returns 0, -EAGAIN or -ENOMEM, as above. */
int yb_lane_take_piece(yb_lane *lane, uint64_t size, uint64_t *ret_at);
void yb_lane_give_piece(yb_lane *lane, uint64_t at);
/* Whether there would be room for one. */
bool yb_lane_has_room(yb_lane *lane, uint64_t size);
/* How many bytes of that piece, from its beginning, are resident; and that so many are from now
 * on. */
uint64_t yb_lane_resident(const yb_lane *lane, uint64_t at, uint64_t size);
void yb_lane_note_resident(yb_lane *lane, uint64_t at, uint64_t size);

/* Takes back the pieces of payloads that were freed. */
void yb_lane_take_back(yb_lane *lane);

/* Tells the worker of everything new, and wakes it where it sleeps. */
void yb_lane_publish(yb_lane *lane);

/* Takes back job number n (a value of `submitted`); false: the worker has it already.  Its slot
 * stays taken until the worker has passed it. */
bool yb_lane_withdraw(yb_lane *lane, uint32_t n);

/* Whether the worker has begun with job n, and when. */
bool yb_lane_taken(const yb_lane *lane, uint32_t n, int64_t *ret_since_ns);

/* Whether job n has an answer that yb_lane_next has not reached. */
bool yb_lane_answered(const yb_lane *lane, uint32_t n);

/* Looks at the oldest answer: 1, 0 where there is none, or -EPROTO: the worker wrote nonsense. */
int yb_lane_next(const yb_lane *lane, yb_answer *ret_answer);

/* What the oldest job has used, which was measured. */
typedef struct yb_used {
    int64_t user_ns, system_ns;
    uint64_t peak_memory_bytes;
} yb_used;
yb_used yb_lane_usage(const yb_lane *lane);

/* Copies size bytes of an answer's output, from offset on.  Returns 0 or a negative errno. */
int yb_lane_read(const yb_lane *lane, const yb_answer *answer, size_t offset, void *ret_bytes,
                 size_t size);

/* Frees the oldest job's slot and space, its answer being done with. */
void yb_lane_retire(yb_lane *lane, const yb_answer *answer);

/* Asks for the doorbell at the next answer.  Returns whether there is one already. */
bool yb_lane_arm(yb_lane *lane);
/* Takes that back, as far as it has not been answered. */
void yb_lane_disarm(yb_lane *lane);

/* Makes the worker end once it has nothing to do. */
void yb_lane_finish(yb_lane *lane);

static inline uint32_t yb_lane_in_flight(const yb_lane *lane)
{
    return lane->submitted - lane->retired;
}

#endif

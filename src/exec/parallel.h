/* Parallel loops from the inside: what one consists of, and what its files share.  See parallel.c
 * for who does what when. */
#ifndef YB_EXEC_PARALLEL_H
#define YB_EXEC_PARALLEL_H

#include <stdatomic.h>

#include "exec/thread_pool.h"
#include "platform/processor.h"
#include <yibu/executor.h>

typedef struct yb_parallel yb_parallel;

/* The items are numbered in units: a unit is what a call gets at least. */
typedef struct yb_units {
    int64_t first, end;
    uint64_t items; /* in a unit; the last may have fewer */
    uint32_t count;
} yb_units;

/* One of the threads that work on a loop: the caller, or a helper. */
typedef struct yb_participant {
    _Atomic(uint64_t) left; /* units that are its own to do; parallel_units.c */
    _Atomic(bool) out;      /* a helper's: it was sent, and its work is the pool's */
    unsigned number;
    yb_parallel *loop;
    yb_work work;
    char apart[YB_CACHE_LINE];
} yb_participant;

struct yb_parallel {
    /* The caller's, before it runs the loop; constant from then on. */
    yb_thread_pool *pool; /* where helpers come from; NULL: the caller works alone */
    yb_units units;
    void *arg;
    /* Calls the body for units first to end - 1, and returns its result. */
    int (*call)(yb_parallel *loop, unsigned participant, uint32_t first, uint32_t end);
    unsigned width;      /* participants at most, the caller included */
    yb_parallel *around; /* the loop in whose body this one began; NULL: none */
    yb_work *within;     /* the function on a thread in which it began; NULL: none */

    _Atomic(int) status; /* 0, or why no further call begins */
    yb_participant caller;
    yb_participant *helpers;        /* width - 1 of them, once any is sent */
    _Atomic(uint32_t) helper_count; /* who are sent and not back: the caller's futex */
};

/* Divides items into units of at least grain items each, and at most limit units. */
yb_units yb_units_of(int64_t first, int64_t end, int64_t grain, uint32_t limit);

/* The first item of unit number; the end of all items where there is no such unit. */
int64_t yb_units_start(const yb_units *units, uint32_t number);

/* Makes all units the participant's own. */
void yb_participant_begin(yb_participant *self, uint32_t count);

/* How many units are left of its own. */
uint32_t yb_participant_left(const yb_participant *self);

/* Takes up to `most` units and a quarter of its own; all of its own where these are not more than
 * `few`; where there are none, first half of those of whoever has the most left.
 * False: none are left. */
bool yb_participant_take(yb_participant *self, uint32_t most, uint32_t few, uint32_t *ret_first,
                         uint32_t *ret_end);

/* Participant number; NULL where that helper was never sent. */
yb_participant *yb_parallel_participant(yb_parallel *loop, unsigned number);

/* How a loop of the public interface runs: where and by whom, then all of it. */
typedef int yb_parallel_run(yb_parallel *loop);

/* Calls run(loop) where the loop belongs, in a task on a thread of the executor, else here, with
 * pool, width, around and within set.  Returns what it does, or a failure before it. */
int yb_parallel_place(yibu_executor *executor, yb_parallel *loop, yb_parallel_run *run);

/* Has the units worked on by whoever there is.  Returns the loop's status. */
int yb_parallel_work(yb_parallel *loop);

/* The loop in whose body this thread is; NULL: in none. */
yb_parallel *yb_parallel_here(void);

#endif

/* Futures that belong to no thread, from the inside: what those who complete them provide, and how
 * to hear of the end without an allocation. */
#ifndef YB_TASK_CONCURRENT_FUTURE_H
#define YB_TASK_CONCURRENT_FUTURE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "loop/loop.h"
#include <yibu/concurrent_future.h>

/* Somebody who is to hear of the end: enlisted once, called once, on whatever thread the end
 * happens; its memory is its own again when it is called. */
typedef struct yb_ending yb_ending;
struct yb_ending {
    yb_list links;
    void (*ended)(yb_ending *ending, yibu_concurrent_future *future);
};

/* A kind of future: who completes it, and what its users may ask of him.  Static. */
typedef struct yb_concurrent_class {
    /* A cancel, in two steps.  The first is made under the future's lock, while it is pending, so
     * whoever completes it is still there; it must not complete it.  The second, which may be NULL,
     * follows without the lock, if the first answered true. */
    bool (*request_cancel)(yibu_concurrent_future *future);
    void (*cancel)(yibu_concurrent_future *future);
    /* Before a thread blocks until the end: 0, or -EDEADLK where that would be never.  May bring
     * the end about itself.  May be NULL. */
    int (*before_blocking)(yibu_concurrent_future *future);
    /* Before a task waits, which lets its loop go on, and after that.  May be NULL. */
    void (*before_suspending)(yibu_concurrent_future *future);
    void (*after_suspending)(yibu_concurrent_future *future);
    /* A cancelled awaiter waits for the end: what it handed over is in use until then. */
    bool outlasts_cancel;
    /* Frees it, whose last reference was dropped, after yb_concurrent_future_destroy. */
    void (*free)(yibu_concurrent_future *future);
} yb_concurrent_class;

/* What a thread does around blocking for a future, where that concerns others. */
typedef struct yb_blocking {
    int (*begin)(yibu_concurrent_future *future); /* 0, or -EDEADLK: it must not block */
    int64_t (*look)(void); /* whenever it is about to sleep; returns when to look again */
    void (*end)(void);
} yb_blocking;

/* This thread's; NULL: it blocks as it likes. */
extern YB_THREAD_LOCAL const yb_blocking *yb_blocking_here;

/* States of a future.  AWAITED is PENDING with threads that sleep on `state`, so that whoever
 * completes it need not make a system call for nobody.  DONE is reached under the lock, after
 * `result` was written. */
enum { YB_CONCURRENT_PENDING, YB_CONCURRENT_AWAITED, YB_CONCURRENT_DONE };

struct yibu_concurrent_future {
    const yb_concurrent_class *class;
    _Atomic(uint32_t) state;
    _Atomic(uint32_t) references;
    uint32_t forks; /* of the process that made it: who completes it is not inherited */
    intptr_t result;
    pthread_mutex_t lock;
    yb_list endings; /* under the lock, until done */
};

/* Makes a pending future with two references: the owner's, and one for whoever completes it. */
void yb_concurrent_future_init(yibu_concurrent_future *future, const yb_concurrent_class *class);
/* For futures that nobody has seen: those that are dropped are destroyed before they are freed. */
void yb_concurrent_future_destroy(yibu_concurrent_future *future);

/* Whether this process is a forked child of the one that made it, where nobody completes it. */
bool yb_concurrent_future_forked(const yibu_concurrent_future *future);

/* Ends the future, tells everybody, and drops the reference of whoever completes it.  Once; any
 * thread. */
void yb_concurrent_future_complete(yibu_concurrent_future *future, intptr_t result);

/* Enlists; false: the future is done, nobody is called.  Any thread. */
bool yb_concurrent_future_attend(yibu_concurrent_future *future, yb_ending *ending);
/* Takes it back; false: it has been called or is about to be.  Any thread. */
bool yb_concurrent_future_leave(yibu_concurrent_future *future, yb_ending *ending);

/* Begins op, of kind YB_OP_CUSTOM, which ends with the result, after `arrived`, or NULL, was called
 * in the loop; a cancel of it cancels the future.  Takes over a reference. */
void yb_concurrent_future_follow(yibu_concurrent_future *future, yibu_loop *loop, yb_op *op,
                                 intptr_t (*arrived)(yibu_concurrent_future *future, void *arg),
                                 void *arg);

/* Waits for the end without any effect on the future: 0 once it is done, or why it was not waited
 * for, -ECANCELED, -ETIMEDOUT, as yibu_concurrent_future_result. */
int yb_concurrent_future_wait(yibu_concurrent_future *future, int64_t timeout_ns);

/* Waits for the end, whatever happens: cancels wait meanwhile.  Where a result may be waited
 * for. */
void yb_concurrent_future_outlast(yibu_concurrent_future *future);

#endif

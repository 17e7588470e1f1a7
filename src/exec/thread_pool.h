/* The thread pool of one loop, as its files share it.  See thread_pool.c for the protocol. */
#ifndef YB_EXEC_THREAD_POOL_H
#define YB_EXEC_THREAD_POOL_H

#include <pthread.h>
#include <stdatomic.h>

#include "exec/executor.h"
#include "exec/work_ring.h"
#include "platform/patience.h"

typedef struct yb_thread_pool yb_thread_pool;
typedef struct yb_worker yb_worker;

/* yb_work.fate, where work has a release. */
enum { YB_WORK_OPEN, YB_WORK_RETURNED, YB_WORK_GIVEN_UP };

/* yb_thread_pool.baton */
enum { YB_BATON_FREE, YB_BATON_HELD, YB_BATON_DRAINING };

struct yb_worker {
    _Atomic(uint32_t) rest; /* worker.c's futex */
    bool has_baton;         /* its own, and the waker's while it rests */
    bool draining;          /* its own: it had the baton when it began to drain */
    unsigned number;
    int64_t clock_ns; /* as the worker last read it */
    yb_thread_pool *pool;
    pthread_t thread;
    yb_worker *below; /* in the stack of resting workers */
    yb_worker *next;  /* among all workers; under the baton */
    yb_work *errand;  /* running work that may be given up; under pool->lock */
    bool detached;    /* the pool's loop has gone; under pool->lock */
    char apart[YB_CACHE_LINE];
};

struct yb_thread_pool {
    yb_executor executor;
    yb_loop_part_kind kind; /* which of the loop's parts it is */
    pid_t owner;            /* the process: threads are not inherited through fork */
    unsigned max_threads;
    bool may_spin; /* there is a processor left for whoever would be waited for */
    yibu_loop *loop;

    /* The loop's thread. */
    yb_list backlog;         /* work that the ring has no room for */
    uint64_t outstanding;    /* work that will come back */
    yb_patience for_answers; /* how soon work comes back once the loop is idle */
    int64_t idle_since_ns;   /* when it became idle without having heard since; 0: it has */
    size_t seen_head;        /* of the ring, when the loop last looked for progress */
    int64_t seen_ns;
    char apart_from_loop[YB_CACHE_LINE];

    /* Under the baton. */
    yb_worker *workers;
    int64_t retry_ns;               /* one thread could not be started: not tried again before */
    _Atomic(unsigned) thread_count; /* read by anyone */

    _Atomic(uint8_t) baton;
    _Atomic(bool) stopping;
    _Atomic(bool) spinning;   /* a resting worker does: one at a time */
    yb_patience for_work;     /* of resting workers */
    _Atomic(int64_t) cost_ns; /* what a piece of work takes, averaged; the last ones count most */
    _Atomic(yb_worker *) resting;
    char apart_from_ring[YB_CACHE_LINE];

    yb_work_ring ring;

    pthread_mutex_t lock; /* only for work that may be given up */
    _Atomic(unsigned) references;
};

/* Sends somebody for the work in the ring, unless somebody is on his way.  Any thread. */
void yb_thread_pool_wake(yb_thread_pool *pool);

/* The right to send somebody, and the duty to look for work: moves the baton between two of its
 * states; false where it was not in the first. */
bool yb_thread_pool_move_baton(yb_thread_pool *pool, uint8_t from, uint8_t to);

/* Receives finished work in the loop. */
void yb_thread_pool_returned(yb_runnable *posted);

/* Whoever drops the last reference frees the pool. */
void yb_thread_pool_unref(yb_thread_pool *pool);

/* Starts a worker and passes the caller's baton to it.  Returns 0 or a negative errno. */
int yb_worker_start(yb_thread_pool *pool);

/* Ends the rest of a worker popped from the stack, and passes the caller's baton to it. */
void yb_worker_wake(yb_worker *worker);

/* Ends a worker: at once where it rests, else after the function it runs.  Waits for that, unless
 * the work was given up: then the thread ends alone, with a reference of its own. */
void yb_worker_stop(yb_worker *worker);

#endif

/* The thread pool, as its files share it.  It belongs to no loop: any thread submits, and work goes
 * back to the loop that it carries.  See thread_pool.c for the protocol. */
#ifndef YB_EXEC_THREAD_POOL_H
#define YB_EXEC_THREAD_POOL_H

#include <pthread.h>
#include <sched.h>
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

/* What a pool is to be like. */
typedef struct yb_thread_pool_plan {
    unsigned max_threads;
    const char *name_prefix;       /* of the threads; copied, cut off */
    int (*initializer)(void *arg); /* on each thread, before it runs anything; may be NULL */
    void *initializer_arg;
    const int *cpus;       /* where its threads may run; copied */
    size_t cpu_count;      /* 0: wherever the thread may that starts them */
    int64_t exit_wait_ns;  /* how long the program's end waits for what runs; 0: not at all */
    yibu_loop *watched_by; /* the loop that looks for progress; NULL: nobody does */
    void (*broken)(yb_thread_pool *pool); /* an initializer has failed; on its thread */
    void (*ended)(yb_thread_pool *pool);  /* the last thread is about to end, after a stop */
    void *owner;
} yb_thread_pool_plan;

/* What a piece of work costs in a pool that has run none: nobody waits behind it. */
#define YB_COST_UNKNOWN (INT64_MAX / 2)

/* Functions shorter than this are no work to share: what threads would do for each, taking it and
 * bringing it back, is more, and they would be in each other's way. */
enum { YB_TRIFLE_NS = 400 };

struct yb_worker {
    _Atomic(uint32_t) rest; /* worker.c's futex */
    bool has_baton;         /* its own, and the waker's while it rests */
    bool draining;          /* its own: it had the baton when it began to drain */
    bool watches;           /* its own, while it rests: others may drain */
    unsigned number;
    unsigned unmeasured; /* trifles that came singly, since it last measured one */
    unsigned in_a_row;   /* trifles without a wait between */
    int64_t clock_ns;    /* when the first of those that it measures together began */
    yb_thread_pool *pool;
    _Atomic(yibu_coroutine *) runs; /* for reports; NULL: nothing */
    pthread_t thread;
    char name[16];
    yb_worker *below; /* in the stack of resting workers */
    yb_worker *next;  /* among all workers; under pool->lock */
    yb_work *errand;  /* running work that may be given up; under pool->lock */
    bool detached;    /* left alone with an errand that was given up; under pool->lock */
    bool retired;     /* it has left the pool by itself, and is not joined; its own */
    char apart[YB_CACHE_LINE];
};

struct yb_thread_pool {
    yb_thread_pool_plan plan;
    char name_prefix[16];
    cpu_set_t cpus;
    uint64_t forks;      /* of the process that made it: threads are not inherited */
    unsigned processors; /* that its threads may run on */
    bool may_look;       /* there is a processor left for whoever would be waited for */
    _Atomic(bool) stopping;
    _Atomic(bool) exiting;       /* the program ends: nothing is begun any more */
    _Atomic(bool) is_broken;     /* an initializer has failed: nothing runs any more */
    _Atomic(bool) unwatched;     /* there was work whose submitter does not look for progress */
    _Atomic(unsigned) blocked;   /* functions that have lent their places: as many more may run */
    _Atomic(unsigned) computing; /* threads that work on parallel loops; parallel.c */
    char apart_from_readers[YB_CACHE_LINE];

    _Atomic(uint8_t) baton;
    _Atomic(bool) watcher; /* a resting worker looks for progress */
    _Atomic(unsigned) thread_count;
    _Atomic(size_t) backlog_count; /* work that the ring has no room for */
    _Atomic(int64_t) cost_ns; /* what a piece of work takes, averaged; the last ones count most */
    _Atomic(yb_worker *) resting;
    _Atomic(int) from_processor; /* the last submitter was on it */
    yb_patience for_work;        /* of workers without work */
    char apart_from_ring[YB_CACHE_LINE];

    yb_work_ring ring;

    pthread_mutex_t lock;
    yb_list backlog;    /* under the lock */
    yb_worker *workers; /* under the lock, and the baton where it grows */
    int64_t retry_ns;   /* under the baton: one thread could not be started, not tried before */
    _Atomic(unsigned) threads_left;
    _Atomic(unsigned) references;
    yb_list all; /* of the process's pools; thread_pool_exit.c */
};

/* Makes a pool without threads, with one reference.  Returns 0, -ENOMEM or -EINVAL. */
int yb_thread_pool_new(const yb_thread_pool_plan *plan, yb_thread_pool **ret_pool);

static inline yb_thread_pool *yb_thread_pool_ref(yb_thread_pool *pool)
{
    atomic_fetch_add_explicit(&pool->references, 1, memory_order_relaxed);
    return pool;
}

/* Whoever drops the last reference frees the pool. */
void yb_thread_pool_unref(yb_thread_pool *pool);

/* Takes work whose fn, arg, class and loop are set; any thread, that of the loop where there is
 * one.
 * Returns 0 or a negative errno. */
int yb_thread_pool_submit(yb_thread_pool *pool, yb_work *work);

/* Takes in work that was held back. */
void yb_thread_pool_take_in(yb_thread_pool *pool, yb_work *const *works, size_t count);

/* As yb_executor_class.cancel, from the same thread where the work has a loop, else from any. */
bool yb_thread_pool_cancel(yb_thread_pool *pool, yb_work *work);

/* Takes work back that has not started: then neither done nor release is called. */
bool yb_thread_pool_withdraw(yb_thread_pool *pool, yb_work *work);

/* The pool of an executor that yibu_thread_pool_executor_new made; NULL: it is another's. */
struct yibu_executor;
yb_thread_pool *yb_thread_pool_of_executor(struct yibu_executor *executor);

/* How many threads there are, and how many of them run something. */
unsigned yb_thread_pool_count(yb_thread_pool *pool, unsigned *ret_busy);

/* Tells all threads to end, each after the function that it runs.  Nothing is submitted any more.
 * Any thread; does not wait for functions. */
void yb_thread_pool_stop(yb_thread_pool *pool);

/* Waits for the threads' ends, after stop, but for those that were left alone with work that was
 * given up, and for the calling one. */
void yb_thread_pool_join(yb_thread_pool *pool);

/* The program's side of the pool, at its end: see thread_pool_exit.c. */
void yb_thread_pool_enlist(yb_thread_pool *pool);
void yb_thread_pool_delist(yb_thread_pool *pool);

/* How many forks there were between the first process with a pool and this one. */
uint64_t yb_thread_pool_forks(void);

/* The pool of a loop's own executor. */
yb_thread_pool *yb_thread_pool_of_client(yb_executor *executor);

/* For the pool's files. */

/* Sends somebody for the work in the ring, unless somebody is on his way.  Any thread. */
void yb_thread_pool_wake(yb_thread_pool *pool);

/* The right to send somebody, and the duty to look for work: moves the baton between two of its
 * states; false where it was not in the first. */
bool yb_thread_pool_move_baton(yb_thread_pool *pool, uint8_t from, uint8_t to);

/* Takes the baton away from a worker whose function takes longer than thought. */
void yb_thread_pool_overrule(yb_thread_pool *pool);

/* Moves what waits outside into the ring. */
void yb_thread_pool_refill(yb_thread_pool *pool);

static inline bool yb_thread_pool_runs_trifles(const yb_thread_pool *pool)
{
    return atomic_load_explicit(&pool->cost_ns, memory_order_relaxed) < YB_TRIFLE_NS;
}

/* Whether anything waits in line. */
static inline bool yb_thread_pool_has_line(yb_thread_pool *pool)
{
    return !yb_work_ring_empty(&pool->ring) || atomic_load(&pool->backlog_count) > 0;
}

/* Starts a worker and passes the caller's baton to it.  Returns 0 or a negative errno. */
int yb_worker_start(yb_thread_pool *pool);

/* Ends the rest of a worker popped from the stack, and passes the caller's baton to it. */
void yb_worker_wake(yb_worker *worker);

/* Ends a worker: at once where it rests, else after the function it runs. */
void yb_worker_dismiss(yb_worker *worker);

/* Waits for the end of one that was dismissed, but for those named at yb_thread_pool_join. */
void yb_worker_join(yb_worker *worker);

/* This thread's, and what it runs; NULL elsewhere. */
extern YB_THREAD_LOCAL yb_worker *yb_worker_current;
/* The function that runs on this thread as on one of a pool's; in a simulation too. */
extern YB_THREAD_LOCAL yb_work *yb_work_current;

/* yibu_check_cancelled in such a function. */
int yb_work_check_cancelled(void);

/* A function of the pool waits for something that may need a thread of its own pool: another one
 * may run until its place is taken back, and what it has begun by then.  Any thread. */
void yb_thread_pool_lend(yb_thread_pool *pool);
void yb_thread_pool_take_back(yb_thread_pool *pool);
/* Sees to it that somebody comes for what is in line, if he did not. */
void yb_thread_pool_look(yb_thread_pool *pool);

#endif

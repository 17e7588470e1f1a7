/* The way back to a loop: finished work of all pools, of the loop's own and of those that it
 * shares, comes home through here.
 *
 * Threads put work into a ring, which the loop looks at once a turn and before it waits.  So a
 * thread that brings something while the loop is busy, or looks out for it, tells nobody. */
#ifndef YB_EXEC_RETURNS_H
#define YB_EXEC_RETURNS_H

#include <pthread.h>
#include <stdatomic.h>

#include "exec/executor.h"
#include "platform/patience.h"
#include "platform/processor.h"

enum { YB_RETURNS_SLOTS = 1024, YB_STASHED = 32 };

/* yb_work.slot of work in the stash: above all places in a pool's ring. */
enum { YB_IN_STASH = 65536 };

/* Work for one pool that the loop holds back until the end of its turn, so that much goes out at
 * once: where functions are trifles, the way is what costs. */
typedef struct yb_stash {
    struct yb_thread_pool *pool;
    size_t count;
    yb_work *works[YB_STASHED]; /* NULL: taken back */
} yb_stash;

struct yb_returns {
    yb_loop_part part;
    uint64_t forks; /* of the process that made it: threads are not inherited */

    /* The loop's thread. */
    uint64_t outstanding;  /* work that will come back */
    yb_patience patience;  /* how soon work comes back once the loop is idle */
    int64_t idle_since_ns; /* when it became idle without having heard since; 0: it has */
    bool may_look;         /* there is a processor for who would be waited for */
    bool idle;             /* it has cleared `awake` */
    bool queued;           /* arrival is, or will be, in the ready queue */
    yb_runnable arrival;   /* takes what has come */
    yb_stash stash;
    size_t head;           /* of the ring */
    _Atomic(size_t) taken; /* the same, for threads that find the ring full */
    char apart_from_loop[YB_CACHE_LINE];

    /* Threads that return work. */
    _Atomic(size_t) tail;
    _Atomic(size_t) known;      /* so much was taken, at least */
    _Atomic(unsigned) visitors; /* threads of shared pools that are in yb_returns_visit */
    char apart_from_threads[YB_CACHE_LINE];

    _Atomic(bool) awake;         /* the loop will look before it sleeps */
    _Atomic(int) from_processor; /* the last thread that returned something was on it */
    _Atomic(bool) closing;       /* the loop ends: what has not started is cancelled */
    _Atomic(unsigned) references;
    pthread_mutex_t lock;
    yibu_loop *loop; /* under the lock for other threads: NULL once the loop has ended */
    char apart_from_ring[YB_CACHE_LINE];

    _Atomic(uintptr_t) slots[YB_RETURNS_SLOTS];
};

/* The loop's, made when first asked for.  Context: the loop's thread. */
int yb_returns_make(yibu_loop *loop, yb_returns **ret_returns);
static inline int yb_returns_of(yibu_loop *loop, yb_returns **ret_returns)
{
    yb_loop_part *part = loop->parts[YB_PART_RETURNS];
    if (YB_UNLIKELY(!part || loop->closing))
        return yb_returns_make(loop, ret_returns);
    *ret_returns = YB_CONTAINER_OF(part, yb_returns, part);
    return 0;
}

/* Whoever may need it after the loop's end has a reference.  Any thread. */
yb_returns *yb_returns_ref(yb_returns *returns);
void yb_returns_unref(yb_returns *returns);

/* Work goes out that will come back here; it was taken back, or given up.  The loop's thread. */
static inline void yb_returns_expect(yb_returns *returns)
{
    returns->outstanding++;
    yb_loop_hold(returns->loop);
}
static inline void yb_returns_forget(yb_returns *returns)
{
    returns->outstanding--;
    yb_loop_unhold(returns->loop);
}

/* Holds work back until the turn ends or more has come, or takes it out again; false: it is not
 * there.  The loop's thread. */
void yb_returns_stash(yb_returns *returns, struct yb_thread_pool *pool, yb_work *work);
bool yb_returns_unstash(yb_returns *returns, const yb_work *work);
/* Hands over what is held back. */
void yb_returns_flush(yb_returns *returns);

/* Brings work back, whose result is set.  A thread of one of the loop's own pools. */
void yb_returns_put(yb_returns *returns, yb_work *work);
/* The same on any other thread. */
void yb_returns_visit(yb_returns *returns, yb_work *work);

/* Runs the loop, which ends, until all that is outstanding has come back. */
void yb_returns_gather(yb_returns *returns);

#endif

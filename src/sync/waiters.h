/* The tasks that wait for one object, in the order in which they came.
 *
 * Zero is empty, so that static initialisers suffice; the list is made on the first wait.  A task
 * is in it through its own waiter node, so the object's storage may be the caller's and nobody's
 * stack is pointed to. */
#ifndef YB_SYNC_WAITERS_H
#define YB_SYNC_WAITERS_H

#include "base/list.h"
#include "task/task.h"

typedef struct yb_waiters {
    yb_list tasks; /* yibu_task.wait.waiter.links */
} yb_waiters;

static inline bool yb_waiters_empty(const yb_waiters *waiters)
{
    return !waiters->tasks.next || yb_list_empty(&waiters->tasks);
}

/* Suspends task until yb_waiters_wake_first takes it out.  Interruptible.
 * Returns 0, or -ECANCELED where a cancel came first: then it is no longer in the list. */
int yb_waiters_wait(yb_waiters *waiters, yibu_task *task);

/* Takes the first task out and makes it ready; false where there is none.
 * Aborts when called from a thread other than the waiting tasks'. */
bool yb_waiters_wake_first(yb_waiters *waiters);

#endif

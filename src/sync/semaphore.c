/* A counting semaphore.
 *
 * Invariant: `value` > 0 only while nobody waits.  A release with waiters hands its permit to the
 * first of them at once, so nobody who comes later can take it away.  A task that was handed a
 * permit and is cancelled before it runs passes the permit on. */
#include <errno.h>
#include <yibu/semaphore.h>

#include "sync/waiters.h"

_Static_assert(sizeof(yb_waiters) <= sizeof(((yibu_semaphore *)0)->reserved),
               "yibu_semaphore has room");

static yb_waiters *waiters_of(yibu_semaphore *semaphore)
{
    return (yb_waiters *)(void *)semaphore->reserved;
}

int yibu_semaphore_try_acquire(yibu_semaphore *semaphore)
{
    if (semaphore->value == 0)
        return -EAGAIN;
    semaphore->value--;
    return 0;
}

void yibu_semaphore_release(yibu_semaphore *semaphore)
{
    if (!yb_waiters_wake_first(waiters_of(semaphore)))
        semaphore->value++;
}

int yibu_semaphore_acquire(yibu_semaphore *semaphore)
{
    int r;
    yibu_task *task = yb_task_enter(&r);
    if (!task || yibu_semaphore_try_acquire(semaphore) == 0)
        return r;
    r = yb_waiters_wait(waiters_of(semaphore), task);
    if (r == 0 && yb_task_cancel_pending(task)) {
        yibu_semaphore_release(semaphore);
        return -ECANCELED;
    }
    return r;
}

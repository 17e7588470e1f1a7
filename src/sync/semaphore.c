/* A counting semaphore.
 *
 * Invariant: `value` > 0 only while nobody waits.  A release with waiters hands its permit to the
 * first of them at once, so nobody who comes later can take it away.  A task that was handed a
 * permit and is cancelled before it runs passes the permit on. */
#include <errno.h>
#include <yibu/semaphore.h>

#include "sync/semaphore.h"

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
    if (!yb_waiters_end_first(waiters_of(semaphore), 0))
        semaphore->value++;
}

static int attempt(void *object, intptr_t *value)
{
    (void)value;
    return yibu_semaphore_try_acquire(object);
}

static yb_waiters *waiters(void *object)
{
    return waiters_of(object);
}

static void undo(void *object, intptr_t value)
{
    (void)value;
    yibu_semaphore_release(object);
}

const yb_waitable_class yb_semaphore_class = {
    .wait = {.name = "semaphore", .interrupt = yb_waiter_interrupt},
    .attempt = attempt,
    .waiters = waiters,
    .undo = undo,
};

int yibu_semaphore_acquire(yibu_semaphore *semaphore)
{
    int r;
    intptr_t none = 0;
    yb_task *task = yb_task_enter(&r);
    if (!task || yibu_semaphore_try_acquire(semaphore) == 0)
        return r;
    return yb_wait_on(&yb_semaphore_class, semaphore, task, &none);
}

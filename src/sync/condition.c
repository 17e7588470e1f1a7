/* A condition variable.
 *
 * A notify moves a waiter from the condition's line to the lock's: it is woken once, when the lock
 * has been handed to it.  A cancel moves it too, so that it returns with the lock held.
 *
 * States of a waiting task, which are its wait's class:
 *   waiting    in the condition's line
 *   notified   in the lock's line, or handed the lock, because of a notify
 *   cancelled  the same, because of a cancel: no notify was meant for it
 * A task that is notified and then cancelled passes the notify on, once it has the lock. */
#include <yibu/condition.h>

#include "sync/lock.h"

typedef struct condition {
    yb_waiters waiters;
} condition;

_Static_assert(sizeof(condition) <= sizeof(((yibu_condition *)0)->reserved),
               "yibu_condition has room");

static condition *view(const yibu_condition *public_condition)
{
    return (condition *)(uintptr_t)public_condition->reserved;
}

static yibu_lock *lock_of(const yibu_condition *c)
{
    return c->shared_lock ? c->shared_lock : (yibu_lock *)(uintptr_t)&c->own_lock;
}

int yibu_condition_acquire(yibu_condition *c)
{
    return yibu_lock_acquire(lock_of(c));
}

int yibu_condition_try_acquire(yibu_condition *c)
{
    return yibu_lock_try_acquire(lock_of(c));
}

int yibu_condition_release(yibu_condition *c)
{
    return yibu_lock_release(lock_of(c));
}

bool yibu_condition_locked(const yibu_condition *c)
{
    return yibu_lock_locked(lock_of(c));
}

/* Waiting. */

static void interrupt(yb_task *task);

static const yb_wait_class waiting = {.name = "condition", .interrupt = interrupt};
static const yb_wait_class notified = {.name = "lock of a condition",
                                       .owner = yb_lock_owner_of_wait,
                                       .describe = yb_lock_describe_wait};
static const yb_wait_class cancelled = {.name = "lock of a condition",
                                        .owner = yb_lock_owner_of_wait,
                                        .describe = yb_lock_describe_wait};

/* Takes a task out of the condition's line, and into the lock's. */
static void leave(yb_task *task, const yb_wait_class *because)
{
    const yibu_condition *c = task->wait.waiter.object;
    yb_list_unlink(&task->wait.waiter.links);
    task->waits_for = because;
    yb_lock_acquire_for(lock_of(c), task);
}

static void interrupt(yb_task *task)
{
    leave(task, &cancelled);
}

static bool notify_first(yibu_condition *c)
{
    yb_waiters *waiters = &view(c)->waiters;
    if (yb_waiters_empty(waiters))
        return false;
    yb_task *task = YB_CONTAINER_OF(yb_waiters_first(waiters), yb_task, wait.waiter);
    yb_task_check_thread(task, "a condition that it waits for was notified");
    leave(task, &notified);
    return true;
}

/* The caller holds the lock. */
static int wait_once(yibu_condition *c, yb_task *task)
{
    yb_task_begin_wait(task, &view(c)->waiters, c, 0);
    (void)yibu_lock_release(lock_of(c));
    yb_task_suspend(task, &waiting);
    if (task->waits_for == &cancelled)
        return -ECANCELED;
    if (!yb_task_cancel_pending(task))
        return 0;
    (void)notify_first(c);
    return -ECANCELED;
}

/* The running task where it holds the lock and is not cancelled, else NULL with *ret_error. */
static yb_task *enter(const yibu_condition *c, int *ret_error)
{
    yb_task *task = yb_task_require(ret_error);
    if (!task)
        return NULL;
    *ret_error = yb_lock_is_mine(lock_of(c)) ? yb_task_checkpoint(task) : -EPERM;
    return *ret_error == 0 ? task : NULL;
}

int yibu_condition_wait(yibu_condition *c)
{
    int r;
    yb_task *task = enter(c, &r);
    return task ? wait_once(c, task) : r;
}

int yibu_condition_wait_for(yibu_condition *c, bool (*predicate)(void *arg), void *arg)
{
    int r;
    yb_task *task = enter(c, &r);
    while (task && r == 0 && !predicate(arg))
        r = wait_once(c, task);
    return r;
}

int yibu_condition_notify(yibu_condition *c, size_t count)
{
    if (!yb_lock_is_mine(lock_of(c)))
        return -EPERM;
    while (count > 0 && notify_first(c))
        count--;
    return 0;
}

int yibu_condition_notify_all(yibu_condition *c)
{
    return yibu_condition_notify(c, SIZE_MAX);
}

void yibu_condition_statistics(const yibu_condition *c, yibu_condition_stats *ret_stats)
{
    *ret_stats = (yibu_condition_stats){.waiting = yb_waiters_count(&view(c)->waiters)};
    yibu_lock_statistics(lock_of(c), &ret_stats->lock);
}

/* Waiting for objects: what primitives offer to the call that suspends and to select. */
#ifndef YB_TASK_WAIT_H
#define YB_TASK_WAIT_H

#include "task/task.h"
#include "task/waiters.h"

/* A kind of object that can be waited for, or of a way to do so (a queue has two).  Static. */
typedef struct yb_waitable_class {
    yb_wait_class wait; /* interrupt is yb_waiter_interrupt */
    /* Does it without waiting: 0, with *value taken or handed over; -EAGAIN where it would have to
     * wait; or another failure.  Overtakes nobody who waits. */
    int (*attempt)(void *object, intptr_t *value);
    yb_waiters *(*waiters)(void *object);
    /* Takes back what was handed to a task that is cancelled and so will not use it; NULL: what
     * happened is reported, and the cancel is left to the next checkpoint. */
    void (*undo)(void *object, intptr_t value);
} yb_waitable_class;

/* Interrupts a task that waits with its own waiter: takes it out, its status is -ECANCELED. */
void yb_waiter_interrupt(yb_task *task);

/* What every call that waits for futures begins with: 0 where the task (NULL: one of this thread's
 * loop) can wait for the future, which is not NULL, or why it cannot. */
static inline int yb_future_check_wait(const yibu_future *future, const yb_task *task)
{
    if (YB_UNLIKELY(task && future == &task->future))
        return -EDEADLK;
    return YB_LIKELY(future->loop == yb_loop_current) ? 0 : -EINVAL;
}

/* Whether the task waits for the target, or for one that does, and so on. */
bool yb_waits_for(const yb_task *task, const yb_task *target);

/* Suspends task, whose attempt answered -EAGAIN, until its turn has come.
 * Returns the waiter's status, with *value exchanged where that is 0. */
int yb_wait_on(const yb_waitable_class *class, void *object, yb_task *task, intptr_t *value);

#endif

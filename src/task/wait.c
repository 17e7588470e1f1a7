/* The task's own waiter: see waiters.h.  It ends by handing over (status 0 or a failure of the
 * object's), or by a cancel, which takes it out of the list. */
#include "task/wait.h"

#include "task/scheduler.h"

static yb_task *task_of_waiter(yb_waiter *waiter)
{
    return YB_CONTAINER_OF(waiter, yb_task, wait.waiter);
}

static void wake(yb_waiter *waiter)
{
    yb_task *task = task_of_waiter(waiter);
    yb_task_check_thread(task, "what it waits for was signalled");
    yb_task_wake(task);
}

void yb_waiter_interrupt(yb_task *task)
{
    yb_list_unlink(&task->wait.waiter.links);
    task->wait.waiter.status = -ECANCELED;
    yb_task_wake(task);
}

bool yb_waits_for(const yb_task *task, const yb_task *target)
{
    for (uint64_t left = target->future.loop->task_count; task && task != target; left--) {
        bool has_owner = task->future.state == YB_TASK_SUSPENDED && task->waits_for->owner;
        task = has_owner && left > 0 ? task->waits_for->owner(task) : NULL;
    }
    return task != NULL;
}

void yb_task_begin_wait(yb_task *task, yb_waiters *waiters, void *object, intptr_t value)
{
    yb_waiter *waiter = &task->wait.waiter;
    waiter->object = object;
    waiter->value = value;
    waiter->end = wake;
    waiter->interest = YB_AWAITS;
    yb_waiters_add(waiters, waiter);
}

int yb_wait_on(const yb_waitable_class *class, void *object, yb_task *task, intptr_t *value)
{
    yb_waiter *waiter = &task->wait.waiter;
    yb_task_begin_wait(task, class->waiters(object), object, *value);
    yb_task_suspend(task, &class->wait);
    if (waiter->status < 0)
        return waiter->status;
    if (class->undo && yb_task_cancel_pending(task)) {
        class->undo(object, waiter->value);
        return -ECANCELED;
    }
    *value = waiter->value;
    return 0;
}

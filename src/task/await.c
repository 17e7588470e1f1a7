/* Waiting for a task's end.  The awaiter's own waiter node is in the list of the task it awaits. */
#include <errno.h>

#include "task/scheduler.h"
#include "task/task.h"
#include <yibu/error.h>
#include <yibu/timeout.h>

static bool sole_awaiter(const yibu_task *awaited)
{
    return awaited->awaiters.next->next == &awaited->awaiters;
}

/* A cancelled awaiter cancels what it awaits, and goes on waiting for its end. */
static void interrupt_both(yibu_task *task)
{
    (void)yibu_task_cancel(task->wait.waiter.object);
}

/* The same, unless others await that task too: then it only leaves. */
static void interrupt_await(yibu_task *task)
{
    if (sole_awaiter(task->wait.waiter.object)) {
        interrupt_both(task);
        return;
    }
    yb_list_remove(&task->wait.waiter.links);
    task->wait.waiter.value = -ECANCELED;
    yb_task_wake(task);
}

static intptr_t await(yibu_task *awaited, yb_interrupt *interrupt)
{
    int error = 0;
    if (!awaited)
        return -ENOMEM;
    if (awaited->state == YB_TASK_ENDED)
        return yibu_task_result(awaited);
    yibu_task *task = yb_task_require(&error);
    if (!task)
        return error;
    if (awaited == task)
        return -EDEADLK;
    if (awaited->loop != task->loop)
        return -EINVAL;

    task->wait.waiter.object = awaited;
    yb_list_push_back(&awaited->awaiters, &task->wait.waiter.links);
    yb_task_suspend_checked(task, interrupt);
    return task->wait.waiter.value;
}

intptr_t yibu_await(yibu_task *task)
{
    return await(task, interrupt_await);
}

intptr_t yibu_wait_for(yibu_task *task, int64_t delay_ns)
{
    yibu_timeout timeout;
    int r = yibu_timeout_begin(&timeout, delay_ns);
    if (r < 0)
        return r;
    return yibu_timeout_end(&timeout, await(task, interrupt_both));
}

void yb_await_notify(yibu_task *awaited)
{
    awaited->flags |= YB_TASK_RESULT_SEEN;
    for (yb_list *item; (item = yb_list_pop_front(&awaited->awaiters));) {
        yibu_task *task = YB_CONTAINER_OF(item, yibu_task, wait.waiter.links);
        task->wait.waiter.value = awaited->result;
        yb_task_wake(task);
    }
}

/* Waiting for a future's end. */
#include <errno.h>
#include <stdio.h>

#include "task/scheduler.h"
#include "task/wait.h"
#include <yibu/error.h>
#include <yibu/timeout.h>

static yibu_future *awaited_by(const yb_task *task)
{
    return task->wait.waiter.object;
}

static bool sole_waiter(const yibu_future *future)
{
    return future->waiters.list.next->next == &future->waiters.list;
}

/* A cancelled awaiter cancels what it awaits, and goes on waiting for its end. */
static void interrupt_both(yb_task *task)
{
    (void)yibu_task_cancel(awaited_by(task));
}

/* The same, unless others wait for it too: then it only leaves. */
static void interrupt_await(yb_task *task)
{
    if (sole_waiter(awaited_by(task)))
        interrupt_both(task);
    else
        yb_waiter_interrupt(task);
}

static yb_task *awaited_task(const yb_task *task)
{
    yibu_future *future = awaited_by(task);
    return yb_is_task(future) ? yb_task_of(future) : NULL;
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    yb_task *awaited = awaited_task(task);
    if (awaited)
        snprintf(ret_text, size, "the end of task \"%s\"", yibu_task_get_name(&awaited->future));
    else
        snprintf(ret_text, size, "a future");
}

static const yb_wait_class awaiting = {"await", interrupt_await, awaited_task, describe};
static const yb_wait_class awaiting_its_cancel = {"await", interrupt_both, awaited_task, describe};

static intptr_t await(yibu_future *awaited, const yb_wait_class *class)
{
    int error = 0;
    if (!awaited)
        return -ENOMEM;
    if (awaited->state == YB_FUTURE_ENDED)
        return yibu_task_result(awaited);
    yb_task *task = yb_task_require(&error);
    if (!task)
        return error;
    if (awaited == &task->future)
        return -EDEADLK;
    if (awaited->loop != task->future.loop)
        return -EINVAL;

    yb_task_begin_wait(task, &awaited->waiters, awaited, 0);
    yb_task_suspend_checked(task, class);
    return task->wait.waiter.status < 0 ? task->wait.waiter.status : task->wait.waiter.value;
}

intptr_t yibu_await(yibu_task *task)
{
    return await(task, &awaiting);
}

intptr_t yibu_wait_for(yibu_task *task, int64_t delay_ns)
{
    yibu_timeout timeout;
    int r = yibu_timeout_begin(&timeout, delay_ns);
    if (r < 0)
        return r;
    return yibu_timeout_end(&timeout, await(task, &awaiting_its_cancel));
}

/* Waiting for a future's end: await, shield, wait_for.
 *
 * What a cancel of the awaiting task does depends on the class of its wait: await passes it on to
 * the future where nobody else waits for it, and goes on waiting, uninterruptibly then; shield
 * leaves the future alone; wait_for is an await whose time limit always passes on. */
#include <errno.h>

#include "task/scope.h"
#include "task/wait.h"
#include <yibu/error.h>
#include <yibu/timeout.h>

static yibu_future *awaited_by(const yb_task *task)
{
    return task->wait.waiter.object;
}

static yb_task *awaited_task(const yb_task *task)
{
    yibu_future *future = awaited_by(task);
    return yb_is_task(future) ? yb_task_of(future) : NULL;
}

static void describe(const yb_task *task, char *ret_text, size_t size)
{
    yb_future_describe(awaited_by(task), ret_text, size);
}

static void interrupt_await(yb_task *task);

static const yb_wait_class awaiting = {"await", interrupt_await, awaited_task, describe};
static const yb_wait_class awaiting_for = {"wait_for", interrupt_await, awaited_task, describe};
static const yb_wait_class awaiting_cancel = {"await", NULL, awaited_task, describe};
static const yb_wait_class shielding = {"shield", yb_waiter_interrupt, awaited_task, describe};

/* Whether nobody but one task waits for the future; callbacks do not count. */
static bool sole_waiter(yibu_future *future)
{
    int waiting = 0;
    yb_list *list = &future->waiters.list;
    for (yb_list *at = list->next; at != list && waiting < 2; at = at->next)
        waiting += YB_CONTAINER_OF(at, yb_waiter, links)->interest < YB_FOLLOWS;
    return waiting < 2;
}

/* Whether it is wait_for's own limit, the innermost scope, that the task is cancelled for. */
static bool limit_expired(const yb_task *task)
{
    return task->waits_for == &awaiting_for && yb_scope_own(task)->cancelled;
}

/* Cancels what the task awaits.  Returns the awaited task where that is to be interrupted.  Of
 * tasks that wait for each other, the one whose cancel has come round gives way. */
static yb_task *pass_on(yb_task *task)
{
    yibu_future *awaited = awaited_by(task);
    task->waits_for = &awaiting_cancel;
    if (!yb_is_task(awaited)) {
        (void)yibu_future_cancel(awaited);
        return NULL;
    }
    yb_task *inner = yb_task_of(awaited);
    yb_task_pass_cancel_message(task, inner);
    if (yb_task_request_cancel(inner))
        return inner;
    if (yb_waits_for(inner, task))
        yb_waiter_interrupt(task);
    return NULL;
}

/* A loop, since a chain of tasks that await each other may be longer than a stack is deep. */
static void interrupt_await(yb_task *task)
{
    while (task && task->waits_for->interrupt == interrupt_await) {
        if (!sole_waiter(awaited_by(task)) && !limit_expired(task)) {
            yb_waiter_interrupt(task);
            return;
        }
        task = pass_on(task);
    }
    if (task)
        yb_task_interrupt(task);
}

/* The running task, if it may wait for the future, which has not ended; NULL: *ret_error. */
static yb_task *enter(const yibu_future *future, int *ret_error)
{
    yb_task *task = yb_task_require(ret_error);
    if (!task)
        return NULL;
    *ret_error = yb_future_check_wait(future, task);
    return *ret_error == 0 ? task : NULL;
}

static intptr_t suspend(yb_task *task, yibu_future *future, const yb_wait_class *class)
{
    yb_task_begin_wait(task, &future->waiters, future, 0);
    yb_task_suspend_checked(task, class);
    return task->wait.waiter.status < 0 ? task->wait.waiter.status : task->wait.waiter.value;
}

static intptr_t await(yibu_future *future, const yb_wait_class *class)
{
    int error = 0;
    if (YB_UNLIKELY(!future || future->state == YB_FUTURE_ENDED))
        return yibu_future_result(future);
    yb_task *task = enter(future, &error);
    return YB_LIKELY(task != NULL) ? suspend(task, future, class) : error;
}

intptr_t yibu_await(yibu_future *future)
{
    return await(future, &awaiting);
}

intptr_t yibu_shield(yibu_future *future)
{
    return await(future, &shielding);
}

/* No time at all: cancels it, and waits for its end. */
static intptr_t cancel_and_wait(yb_task *task, yibu_future *future)
{
    (void)yibu_future_cancel(future);
    intptr_t result = yibu_future_result(future);
    if (!yibu_future_done(future)) {
        yb_task_begin_wait(task, &future->waiters, future, 0);
        yb_task_suspend(task, &awaiting_cancel);
        result = task->wait.waiter.value;
    }
    return result == -ECANCELED && !yb_task_cancel_pending(task) ? -ETIMEDOUT : result;
}

/* Only a cancel that this wait passed on can be the work of its limit. */
static intptr_t wait_within(yb_task *task, yibu_future *future, yibu_timeout *limit)
{
    intptr_t result = suspend(task, future, &awaiting_for);
    if (result == -ECANCELED && task->waits_for != &awaiting_cancel) {
        (void)yibu_timeout_end(limit, 0);
        return -ECANCELED;
    }
    return yibu_timeout_end(limit, result);
}

intptr_t yibu_wait_for(yibu_future *future, int64_t delay_ns)
{
    int error = 0;
    if (yibu_future_done(future))
        return yibu_future_result(future);
    yb_task *task = enter(future, &error);
    if (!task)
        return error;
    if (delay_ns <= 0)
        return cancel_and_wait(task, future);
    yibu_timeout limit;
    error = yibu_timeout_begin(&limit, delay_ns);
    return error < 0 ? error : wait_within(task, future, &limit);
}
